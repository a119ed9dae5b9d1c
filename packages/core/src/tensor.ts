import type { DType } from './dtype.ts';
import type { Shape } from './shape.ts';

/** The typed arrays that can back a tensor. int4/uint4 live packed in a `Uint8Array`, half floats in a `Uint16Array`. */
export type TensorData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** What is known of a tensor without touching its bytes. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  /** Row-major. */
  readonly shape: Shape;
}

/**
 * A borrowed look at a tensor: valid only while its owner lives, never to be released by the borrower.
 * The data is row-major and contiguous, and starts at element 0 of `data`.
 */
export interface TensorView {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorData;
}

/**
 * A tensor that its holder must give back exactly once, by `dispose()` or `using`.
 * @see docs/adr/0003-tensor-ownership.md
 */
export interface OwnedTensor extends TensorView, Disposable {
  readonly disposed: boolean;
  /** Gives the memory back. @throws DoubleReleaseError on the second call. */
  dispose(): void;
}

/**
 * How integer codes stand for real numbers: `real = (code - zeroPoint) * scale`.
 *
 * - per tensor: `scales.length === 1`, `axis === null`;
 * - per channel: one scale per index of `axis`;
 * - per group: the tensor is a matrix `[rows, outputs]`, `axis === 1`, and every `groupSize` rows of a column share a scale.
 */
export interface QuantizationParameters {
  /** Bits per code, 1..8. With 1 bit, which is always symmetric, the codes are -1 and +1. */
  readonly bits: number;
  /** True when codes are signed and symmetric around 0 (`[-(2^(bits-1)-1), 2^(bits-1)-1]`, or -1 and +1); zero points are then 0. */
  readonly symmetric: boolean;
  /** Positive, finite. */
  readonly scales: Float32Array;
  /** One per scale; all 0 when symmetric. */
  readonly zeroPoints: Int32Array;
  /** The axis that `scales` runs along, or null for one scale. */
  readonly axis: number | null;
  /**
   * Rows that share a scale, an integer >= 1; absent where all do. `scales` and `zeroPoints` are then row-major `[groups, outputs]` with
   * `groups = ceil(rows / groupSize)`: the last group may have fewer rows.
   */
  readonly groupSize?: number;
}

/** A tensor as it is kept in a model: plain numbers, or integer codes with the parameters that decode them. */
export interface StoredTensor extends TensorView {
  readonly name: string;
  /** Present exactly when `data` holds integer codes (one `int8` per code, whatever `bits` is, once loaded). */
  readonly quantization?: QuantizationParameters;
}

/**
 * Read access to named tensors, by whatever means (memory, a mapped file, the network).
 * `load` may be lazy and may return a view of shared memory: do not write to it, do not keep it beyond the source's life.
 */
export interface WeightSource {
  names(): readonly string[];
  has(name: string): boolean;
  /** Never touches the tensor's bytes. @throws InvalidArgumentError for an unknown name. */
  spec(name: string): TensorSpec & { readonly quantization?: QuantizationParameters };
  /** @throws InvalidArgumentError for an unknown name, FileFormatError for damaged bytes. */
  load(name: string): StoredTensor;
  /**
   * Lends the tensor for the call of `use`, where it lies when that is possible: a source over a mapped file copies nothing. Absent where
   * a source has nothing to save; {@link borrowTensor} asks either kind.
   *
   * @throws what {@link load} throws.
   */
  borrow?<Result>(name: string, use: (tensor: StoredTensor) => Result): Result;
}

/**
 * Reads a tensor once, without the copy that `load` may make: for packing, converting, measuring. The data must neither be written to
 * nor kept beyond the call.
 *
 * @throws what `source.load` throws, and what `use` throws.
 */
export function borrowTensor<Result>(
  source: WeightSource,
  name: string,
  use: (tensor: StoredTensor) => Result,
): Result {
  return source.borrow ? source.borrow(name, use) : use(source.load(name));
}
