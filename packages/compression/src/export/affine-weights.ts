import type { Shape } from '@qedge/core';
import type { io } from '@tensorflow/tfjs';
import type { CodedWeight } from '../model/compressed-model.ts';

/** A weight in the form of a TensorFlow.js manifest. */
export interface EncodedWeight {
  /** Its name in the topology. */
  readonly source: string;
  readonly entry: io.WeightsManifestEntry;
  readonly bytes: Uint8Array;
  /** The numbers that loading gives. */
  readonly decoded: Float32Array;
  /** Why they are others than the model's; null when they are the same. */
  readonly reason: string | null;
  /** The bytes are the model's own codes. */
  readonly codes?: true;
}

interface Weight {
  readonly source: string;
  /** In the manifest. */
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

const SIGN_OFFSET = 128;

/**
 * Codes with one scale as uint8 codes, which decode to the same float32 numbers: TensorFlow.js computes `code * scale + min` in double precision,
 * where the products and their sum are exact, and rounds once.
 *
 * @returns null for codes with several scales.
 */
export function exactAffineWeight(
  { source, name, shape, data }: Weight,
  { codes, quantization }: CodedWeight,
): EncodedWeight | null {
  const { scales, zeroPoints } = quantization;
  if (scales.length !== 1) return null;
  const [scale, min] = [scales[0]!, -(SIGN_OFFSET + zeroPoints[0]!) * scales[0]!];
  const bytes = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) bytes[i] = codes[i]! + SIGN_OFFSET;
  const entry = affineEntry(name, shape, 'uint8', scale, min);
  const decoded = Float32Array.from(bytes, (code) => code * scale + min);
  return { source, bytes, decoded, entry, ...reasonOf(data, decoded), codes: true };
}

/** A -0 of the model is 0 in the file; nothing else differs. */
function reasonOf(data: Float32Array, decoded: Float32Array): Pick<EncodedWeight, 'reason'> {
  const isSame = data.every((value, i) => value === decoded[i]);
  return { reason: isSame ? null : 'the weights of the topology are not those of their codes' };
}

/** Numbers as codes with one scale, which hold 0 exactly. */
export function affineWeight(
  { source, name, shape, data }: Weight,
  dtype: 'uint8' | 'uint16',
): EncodedWeight {
  const largest = dtype === 'uint8' ? 255 : 65535;
  let [low, high] = [0, 0];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const zeroPoint = high === low ? 0 : Math.round((-low / (high - low)) * largest);
  // Both ends must fit beside a zero point that is an integer.
  const below = zeroPoint === 0 ? 0 : -low / zeroPoint;
  const above = zeroPoint === largest ? 0 : high / (largest - zeroPoint);
  const scale = Math.max(below, above) || 1;
  const min = -zeroPoint * scale;
  const Codes = dtype === 'uint8' ? Uint8Array : Uint16Array;
  const codes = new Codes(data.length);
  for (let i = 0; i < data.length; i++) {
    codes[i] = Math.max(0, Math.min(largest, Math.round(data[i]! / scale) + zeroPoint));
  }
  const decoded = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) decoded[i] = codes[i]! * scale + min;
  return {
    ...{
      source,
      decoded,
      bytes: new Uint8Array(codes.buffer),
      entry: affineEntry(name, shape, dtype, scale, min),
    },
    reason: `${dtype} codes with one scale, the only kind that the format has`,
  };
}

function affineEntry(
  name: string,
  shape: Shape,
  dtype: 'uint8' | 'uint16',
  scale: number,
  min: number,
): io.WeightsManifestEntry {
  return { name, shape: [...shape], dtype: 'float32', quantization: { dtype, scale, min } };
}
