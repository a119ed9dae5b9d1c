import { elementCount, type Shape } from '@qedge/core';
import type { OnnxElementType, OnnxTensorData } from './onnx-file.ts';

/** The smallest and largest number that a value takes. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** How an ONNX file computes on integers of 8 bits. */
export interface OnnxQuantization {
  /**
   * Ranges of values by their names, from calibration. A convolution whose input and output are here is written between QuantizeLinear and
   * DequantizeLinear, with uint8 activations and symmetric int8 weights, one scale per output channel. Others stay float32.
   */
  readonly ranges: ReadonlyMap<string, ValueRange>;
  /** Codes of the weights of matrix products: int8 with zero point 0, or uint8 with zero point 128. */
  readonly weights: 'int8' | 'uint8';
  /** A scale per column of the weights of matrix products, or one for all. */
  readonly perColumn: boolean;
}

/** A scale and zero point of uint8 codes. */
export interface CodeParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** uint8 codes that hold a range and 0, as ONNX's DynamicQuantizeLinear finds them. */
export function codeParametersOf({ low, high }: ValueRange): CodeParameters {
  const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = Math.fround((most - least) / 255) || 1;
  return { scale, zeroPoint: Math.max(0, Math.min(255, Math.round(-least / scale))) };
}

/** Weights as codes. `scales` has one entry, or one per output. */
export interface WeightCodes {
  readonly codes: Int8Array | Uint8Array;
  readonly scales: Float32Array;
}

/** Symmetric codes -127..127 of weights whose last axis has `outputs` entries; uint8 ones are 128 more. */
export function encodeWeights(
  values: ArrayLike<number>,
  outputs: number,
  { weights, perColumn }: Pick<OnnxQuantization, 'weights' | 'perColumn'>,
): WeightCodes {
  const count = perColumn ? outputs : 1;
  const scales = new Float32Array(count);
  for (let i = 0; i < values.length; i++) {
    scales[i % count] = Math.max(scales[i % count]!, Math.abs(values[i]!));
  }
  for (let i = 0; i < count; i++) scales[i] = scales[i]! / 127 || 1;
  const offset = weights === 'uint8' ? 128 : 0;
  const codes = new (offset === 0 ? Int8Array : Uint8Array)(values.length);
  for (let i = 0; i < values.length; i++) {
    codes[i] = Math.max(-127, Math.min(127, Math.round(values[i]! / scales[i % count]!))) + offset;
  }
  return { codes, scales };
}

/** `[height, width, inputs, outputs]` as `[outputs, inputs, height, width]`. */
export function outputsFirst(codes: WeightCodes['codes'], shape: Shape): WeightCodes['codes'] {
  const [outputs, inputs] = [shape[3]!, shape[2]!];
  const taps = shape[0]! * shape[1]!;
  const moved = codes.slice();
  for (let i = 0; i < elementCount(shape); i++) {
    const output = i % outputs;
    const input = Math.floor(i / outputs) % inputs;
    const tap = Math.floor(i / (outputs * inputs));
    moved[(output * inputs + input) * taps + tap] = codes[i]!;
  }
  return moved;
}

/** What the writer of a file offers to nodes on codes. */
export interface QuantizedFileWriter {
  add(
    operator: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, number | readonly number[]>>,
    output?: string | readonly string[],
  ): string;
  tensor(type: OnnxElementType, shape: readonly number[], data: OnnxTensorData['data']): string;
  newName(): string;
}

/** A value as uint8 codes and back. */
export function addCodesAndBack(writer: QuantizedFileWriter, value: string, range: ValueRange): string {
  const { scale, zeroPoint } = codeParametersOf(range);
  const parameters = [
    writer.tensor('float32', [], Float32Array.of(scale)),
    writer.tensor('uint8', [], Uint8Array.of(zeroPoint)),
  ];
  return writer.add('DequantizeLinear', [
    writer.add('QuantizeLinear', [value, ...parameters]),
    ...parameters,
  ]);
}

/** Codes of a value, found when the file runs, with their scale and zero point. */
export type DynamicCodes = readonly [codes: string, scale: string, zeroPoint: string];

/** Adds DynamicQuantizeLinear. */
export function addDynamicCodes(writer: QuantizedFileWriter, value: string): DynamicCodes {
  const names = [writer.newName(), writer.newName(), writer.newName()] as const;
  writer.add('DynamicQuantizeLinear', [value], {}, names);
  return names;
}

/**
 * Adds a product of dynamic codes and constant weights `[k, n]` row-major, in the form that ONNX Runtime joins to MatMulIntegerToFloat, or to
 * DynamicQuantizeMatMul where only one product reads the codes.
 */
export function addDynamicProduct(
  writer: QuantizedFileWriter,
  [codes, scale, zeroPoint]: DynamicCodes,
  weights: { readonly values: ArrayLike<number>; readonly shape: readonly [number, number] },
  bias: string | null,
  quantization: OnnxQuantization,
): string {
  const encoded = encodeWeights(weights.values, weights.shape[1], quantization);
  const { scales } = encoded;
  const b = writer.tensor(quantization.weights, weights.shape, encoded.codes);
  const zeros =
    quantization.weights === 'int8'
      ? writer.tensor('int8', [], new Int8Array(1))
      : writer.tensor('uint8', [], Uint8Array.of(128));
  const step = writer.tensor('float32', scales.length === 1 ? [] : [scales.length], scales);
  const sums = writer.add('Cast', [writer.add('MatMulInteger', [codes, b, zeroPoint, zeros])], {
    to: FLOAT32,
  });
  const product = writer.add('Mul', [sums, writer.add('Mul', [scale, step])]);
  return bias === null ? product : writer.add('Add', [product, bias]);
}

/** The number of float32 in TensorProto.DataType. */
const FLOAT32 = 1;

/** Constant weights of a convolution as codes with DequantizeLinear, `[outputs, inputs, height, width]`. */
export function addDecodedKernel(
  writer: QuantizedFileWriter,
  values: ArrayLike<number>,
  shape: Shape,
): { readonly kernel: string; readonly scales: Float32Array } {
  const outputs = shape[3]!;
  const { codes, scales } = encodeWeights(values, outputs, { weights: 'int8', perColumn: true });
  const moved = [outputs, shape[2]!, shape[0]!, shape[1]!];
  const kernel = writer.add(
    'DequantizeLinear',
    [
      writer.tensor('int8', moved, outputsFirst(codes, shape)),
      writer.tensor('float32', [outputs], scales),
      writer.tensor('int8', [outputs], new Int8Array(outputs)),
    ],
    { axis: 0 },
  );
  return { kernel, scales };
}

/** A constant bias as int32 codes with DequantizeLinear: what the sums of a convolution on codes count in. */
export function addDecodedBias(
  writer: QuantizedFileWriter,
  values: ArrayLike<number>,
  scales: Float32Array,
  inputScale: number,
): string {
  const steps = scales.map((scale) => scale * inputScale);
  const codes = Int32Array.from(values, (value, i) => {
    return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.round(value / steps[i]!)));
  });
  return writer.add(
    'DequantizeLinear',
    [
      writer.tensor('int32', [codes.length], codes),
      writer.tensor('float32', [codes.length], steps),
      writer.tensor('int32', [codes.length], new Int32Array(codes.length)),
    ],
    { axis: 0 },
  );
}
