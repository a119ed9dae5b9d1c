import type {
  Comparison,
  FloatOperation,
  IntegerOperation,
  Rounding,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from '../../target/target.ts';

/** Registers that the same is done to, one per value. */
export type VectorGroup = readonly Vector[];

/**
 * The operations of a target on groups of registers in lockstep: first this operation for each register, then the next. Values that
 * do not depend on each other then fill the time that one of them would wait for its own last result.
 */
export class GroupOperations {
  readonly #target: Target<unknown>;

  constructor(target: Target<unknown>) {
    this.#target = target;
  }

  zero(destination: VectorGroup): void {
    for (const register of destination) this.#target.zero(register);
  }

  /** A constant is loaded once; copies between registers cost processors next to nothing. */
  constant(destination: VectorGroup, value: number): void {
    this.#target.constant(destination[0]!, value);
    this.#spread(destination);
  }

  integerConstant(destination: VectorGroup, bits: number): void {
    this.#target.integerConstant(destination[0]!, bits);
    this.#spread(destination);
  }

  copy(destination: VectorGroup, source: VectorGroup): void {
    for (const [i, register] of destination.entries()) this.#target.copy(register, source[i]!);
  }

  float(operation: FloatOperation, destination: VectorGroup, a: VectorGroup, b: VectorGroup): void {
    for (const [i, register] of destination.entries()) this.#target.float(operation, register, a[i]!, b[i]!);
  }

  integer(operation: IntegerOperation, destination: VectorGroup, a: VectorGroup, b: VectorGroup): void {
    for (const [i, register] of destination.entries())
      this.#target.integer(operation, register, a[i]!, b[i]!);
  }

  compare(comparison: Comparison, destination: VectorGroup, a: VectorGroup, b: VectorGroup): void {
    for (const [i, register] of destination.entries())
      this.#target.compare(comparison, register, a[i]!, b[i]!);
  }

  /** `destination = whenTrue` in the lanes of `mask`; overwrites `whenTrue`. */
  select(destination: VectorGroup, mask: VectorGroup, whenTrue: VectorGroup): void {
    this.integer('xor', whenTrue, whenTrue, destination);
    this.integer('and', whenTrue, whenTrue, mask);
    this.integer('xor', destination, destination, whenTrue);
  }

  round(rounding: Rounding, destination: VectorGroup, source: VectorGroup): void {
    for (const [i, register] of destination.entries()) this.#target.round(rounding, register, source[i]!);
  }

  squareRoot(destination: VectorGroup, source: VectorGroup): void {
    for (const [i, register] of destination.entries()) this.#target.squareRoot(register, source[i]!);
  }

  /** Lanes of int32 as float32. */
  toFloat(destination: VectorGroup, source: VectorGroup): void {
    for (const [i, register] of destination.entries())
      this.#target.convert('int32-to-float32', register, source[i]!);
  }

  /** Shifts lanes of 32 bits. */
  shift(shift: Shift, destination: VectorGroup, source: VectorGroup, bits: number): void {
    for (const [i, register] of destination.entries())
      this.#target.shift(shift, 32, register, source[i]!, bits);
  }

  fma(accumulator: VectorGroup, a: VectorGroup, b: VectorGroup): void {
    for (const [i, register] of accumulator.entries()) this.#target.fma(register, a[i]!, b[i]!);
  }

  fnma(accumulator: VectorGroup, a: VectorGroup, b: VectorGroup): void {
    for (const [i, register] of accumulator.entries()) this.#target.fnma(register, a[i]!, b[i]!);
  }

  #spread(destination: VectorGroup): void {
    for (const register of destination.slice(1)) this.#target.copy(register, destination[0]!);
  }
}

/** Vector registers that a kernel with multiply-adds can claim. */
export function claimableVectors({ vectors, temporaries }: TargetTraits): number {
  return vectors - temporaries.fma;
}

/** Values in lockstep beyond which code only becomes longer. */
export const MOST_TOGETHER = 4;

/** Calls `visit` with groups of `values` as large as `scratch` allows, and with `each` scratch groups of the same size. */
export function eachVectorGroup(
  values: readonly Vector[],
  scratch: readonly Vector[],
  each: number,
  visit: (values: VectorGroup, scratch: readonly VectorGroup[]) => void,
): void {
  const size = Math.max(1, Math.min(values.length, Math.floor(scratch.length / each)));
  for (let first = 0; first < values.length; first += size) {
    const group = values.slice(first, first + size);
    const groups = Array.from({ length: each }, (_, i) => scratch.slice(i * size, i * size + group.length));
    visit(group, groups);
  }
}
