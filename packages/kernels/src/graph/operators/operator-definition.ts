import type { Operator, OperatorOf, ValueDType, ValueSpec } from '@qedge/core';

/** Numbers of a value in ordinary memory, row-major. */
export interface ValueData extends ValueSpec {
  readonly data: Float32Array | Int32Array | Int8Array | Uint8Array;
}

/** The typed array that holds each dtype. */
export const VALUE_ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
} as const satisfies Record<ValueDType, unknown>;

/** What is known about one kind of operator without a device: the shapes it makes, and its meaning in plain loops. */
export interface OperatorDefinition<Kind extends Operator['kind']> {
  readonly kind: Kind;
  /**
   * Checks the inputs and tells the outputs. `null` is an input that is left out.
   *
   * @throws ShapeMismatchError, InvalidArgumentError or UnsupportedError saying what does not fit; the caller adds the node's name.
   */
  infer(operator: OperatorOf<Kind>, inputs: readonly (ValueSpec | null)[]): readonly ValueSpec[];
  /**
   * The reference: computes the outputs in plain loops, sums in float64, results rounded to float32. Used to fold constants and to test what
   * devices compute; shares no code with generated kernels.
   */
  evaluate(operator: OperatorOf<Kind>, inputs: readonly (ValueData | null)[]): readonly ValueData[];
}
