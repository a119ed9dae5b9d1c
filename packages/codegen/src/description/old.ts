import { InvalidArgumentError } from '@qedge/core';

/**
 * How the operands of a matrix product are stored.
 *
 * | name | A | B | accumulator | C |
 * |---|---|---|---|---|
 * | `float32` | float32 | float32 | float32 | float32 |
 * | `int8` | int16 | int8 | int32, exact | float32 |
 * | `int4` | int16 | int4 (-8..7), packed | int32, exact | float32 |
 */
export type GemmElements = 'float32' | 'int8' | 'int4';

const ELEMENTS: readonly string[] = ['float32', 'int8', 'int4'] satisfies readonly GemmElements[];

/** What happens to a result between the accumulator and memory, after the integer forms were scaled to float32. */
export interface GemmEpilogue {
  /** Adds a value per column. */
  readonly bias: boolean;
  /** Replaces negative values with 0; keeps NaN and -0. */
  readonly relu: boolean;
}

/**
 * `C[m, n] = epilogue(A[m, k] * B[k, n])` for blocks of a fixed number of rows, row-major, B packed into panels.
 *
 * Every sum runs over k in ascending order in one accumulator, so a result does not depend on the number of rows that are
 * computed together, and strict arithmetic gives the same bits on every host.
 */
export interface GemmDescription {
  readonly kind: 'gemm';
  readonly elements: GemmElements;
  /** Rows that are computed together, 1 or more. */
  readonly rows: number;
  /** k. For the integer forms at most {@link MAX_INTEGER_DEPTH}. */
  readonly depth: number;
  /** n. */
  readonly columns: number;
  readonly epilogue: GemmEpilogue;
}

/**
 * float32 rows to centred int16 codes: `clamp(round(x / scale), low, high)`, ties to even, NaN to 0.
 * With `low = -zeroPoint` and `high = 255 - zeroPoint` this is the uint8 code minus its zero point.
 */
export interface QuantizeDescription {
  readonly kind: 'quantize';
  /** Values per row. */
  readonly depth: number;
}

/** A kernel as plain data: what to compute, not how. */
export type KernelDescription = GemmDescription | QuantizeDescription;

/**
 * The deepest sum of products of a centred code (-255..255) and an int8 (-128..127) that cannot leave int32:
 * floor((2^31 - 1) / (255 * 128)).
 */
export const MAX_INTEGER_DEPTH = 65793;

/** @throws InvalidArgumentError for unknown elements, a size that is not a positive integer, or an integer sum that could overflow. */
export function validateKernelDescription(description: KernelDescription): void {
  checkNames(description);
  const sizes =
    description.kind === 'gemm'
      ? { rows: description.rows, depth: description.depth, columns: description.columns }
      : { depth: description.depth };
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size > 0) continue;
    throw new InvalidArgumentError(`A kernel has an impossible ${name}`, {
      expected: 'a positive integer',
      actual: size,
    });
  }
  if (description.kind !== 'gemm' || description.elements === 'float32') return;
  if (description.depth > MAX_INTEGER_DEPTH) {
    throw new InvalidArgumentError('An integer sum could overflow 32 bits', {
      expected: `depth <= ${MAX_INTEGER_DEPTH}`,
      actual: description.depth,
    });
  }
}

function checkNames(description: KernelDescription): void {
  const { kind } = description;
  const name = kind === 'gemm' ? description.elements : kind;
  if ((kind === 'gemm' ? ELEMENTS : ['quantize']).includes(name)) return;
  throw new InvalidArgumentError('A kernel is described by a name that is not known', {
    expected: `quantize, or gemm on ${ELEMENTS.join(', ')}`,
    actual: String(name),
  });
}

/** A canonical text: equal for equal descriptions, different for different ones. Usable as an export name and a cache key. */
export function kernelKey(description: KernelDescription): string {
  if (description.kind === 'quantize') return `quantize-${description.depth}`;
  const { elements, rows, depth, columns, epilogue } = description;
  const steps = `${epilogue.bias ? '-bias' : ''}${epilogue.relu ? '-relu' : ''}`;
  return `gemm-${elements}-${rows}x${depth}x${columns}${steps}`;
}
