import {
  assertShape,
  DTYPE_BITS,
  elementCount,
  InvalidArgumentError,
  type Shape,
  type StoredTensor,
} from '@qedge/core';
import { dequantizeTensor } from '../quantization/quantize-tensor.ts';

/** What became of one tensor. */
export interface CompressionLedgerRow {
  readonly name: string;
  readonly shape: Shape;
  readonly parameters: number;
  /** Parameters that are not exactly 0. */
  readonly nonzero: number;
  /** `1 - nonzero / parameters`; 0 for an empty tensor. */
  readonly sparsity: number;
  /** Bits per parameter as coded: 32 for float32, 8 or 4 for integer codes. */
  readonly bits: number;
  /** Bytes as float32. */
  readonly rawBytes: number;
  /**
   * Bytes as codes, estimated: the smaller of all codes packed, and one bit per parameter plus the packed codes that are
   * not 0; with float32 scales, without container and entropy coding.
   */
  readonly packedBytes: number;
  /**
   * Signal-to-quantisation-noise ratio against the reference, in decibels: `10 log10(sum r^2 / sum (r - x)^2)`.
   * Null without a reference, when nothing differs, or when the reference is all 0.
   */
  readonly sqnrDb: number | null;
}

/** What compression did to each tensor and to all together. Plain, JSON-able data. */
export interface CompressionLedger {
  readonly rows: readonly CompressionLedgerRow[];
  readonly total: Pick<
    CompressionLedgerRow,
    'parameters' | 'nonzero' | 'sparsity' | 'rawBytes' | 'packedBytes'
  >;
}

/**
 * Counts what a set of tensors holds and costs.
 *
 * @param tensors as stored: float32, or `int8` codes with their quantisation parameters.
 * @param reference float32 tensors of the same names before quantisation, for the noise ratio; may lack some.
 * @throws InvalidArgumentError for a dtype other than float32 or coded int8, ShapeMismatchError for a reference of another shape.
 */
export function createCompressionLedger(
  tensors: readonly StoredTensor[],
  reference: readonly StoredTensor[] = [],
): CompressionLedger {
  const originals = new Map(reference.map((tensor) => [tensor.name, tensor]));
  const rows = tensors.map((tensor) => describeTensor(tensor, originals.get(tensor.name)));
  const sum = (key: 'parameters' | 'nonzero' | 'rawBytes' | 'packedBytes') =>
    rows.reduce((total, row) => total + row[key], 0);
  const parameters = sum('parameters');
  const nonzero = sum('nonzero');
  return {
    rows,
    total: {
      parameters,
      nonzero,
      sparsity: sparsityOf(nonzero, parameters),
      rawBytes: sum('rawBytes'),
      packedBytes: sum('packedBytes'),
    },
  };
}

function describeTensor(tensor: StoredTensor, reference: StoredTensor | undefined): CompressionLedgerRow {
  const parameters = elementCount(tensor.shape);
  const values = realValues(tensor);
  const nonzero = values.reduce((count, value) => count + (value === 0 ? 0 : 1), 0);
  const bits = tensor.quantization?.bits ?? DTYPE_BITS[tensor.dtype];
  // Scales are stored as float32, zero points as one byte each where they exist.
  const scaleCount = tensor.quantization?.scales.length ?? 0;
  const parameterBytes = scaleCount * (tensor.quantization?.symmetric === false ? 5 : 4);
  const dense = Math.ceil((parameters * bits) / 8);
  const sparse = Math.ceil(parameters / 8) + Math.ceil((nonzero * bits) / 8);
  return {
    name: tensor.name,
    shape: tensor.shape,
    parameters,
    nonzero,
    sparsity: sparsityOf(nonzero, parameters),
    bits,
    rawBytes: 4 * parameters,
    packedBytes: Math.min(dense, sparse) + parameterBytes,
    sqnrDb: reference ? signalToNoiseDb(tensor, values, reference) : null,
  };
}

function sparsityOf(nonzero: number, parameters: number): number {
  return parameters === 0 ? 0 : 1 - nonzero / parameters;
}

function realValues({ name, dtype, shape, data, quantization }: StoredTensor): Float32Array {
  if (quantization && data instanceof Int8Array) return dequantizeTensor(data, shape, quantization);
  if (!quantization && data instanceof Float32Array) return data;
  throw new InvalidArgumentError(`The ledger cannot count tensor "${name}"`, {
    expected: 'float32, or int8 codes with quantisation parameters',
    actual: quantization ? `${dtype} with quantisation parameters` : dtype,
  });
}

function signalToNoiseDb(tensor: StoredTensor, values: Float32Array, reference: StoredTensor): number | null {
  assertShape(reference.shape, tensor.shape, `The reference of "${tensor.name}"`);
  const originals = realValues(reference);
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < values.length; i++) {
    signal += originals[i] ** 2;
    noise += (originals[i] - values[i]) ** 2;
  }
  return signal === 0 || noise === 0 ? null : 10 * Math.log10(signal / noise);
}
