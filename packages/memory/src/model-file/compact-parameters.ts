import { halfFloatToNumber, numberToHalfFloat, type QuantizationParameters } from '@qedge/core';
import { encodeVarint, zigzag } from './varint.ts';

/** Whether all scales are half floats, so that two bytes hold each exactly. */
export function scalesAreHalfFloats({ scales }: QuantizationParameters): boolean {
  return scales.every((scale) => halfFloatToNumber(numberToHalfFloat(scale)) === scale);
}

/** Scales, in two bytes each where these hold them exactly, else in four; then, unless symmetric, zero points of variable length. */
export function encodeCompactParameters(quantization: QuantizationParameters): Uint8Array {
  const { scales, zeroPoints, symmetric } = quantization;
  const written = scalesAreHalfFloats(quantization)
    ? Uint16Array.from(scales, numberToHalfFloat)
    : Float32Array.from(scales);
  const points = symmetric ? [] : Array.from(zeroPoints).flatMap((point) => encodeVarint(zigzag(point)));
  const bytes = new Uint8Array(written.byteLength + points.length);
  bytes.set(new Uint8Array(written.buffer));
  bytes.set(points, written.byteLength);
  return bytes;
}
