import { InvalidArgumentError, ShapeMismatchError, type ValueDType, type ValueSpec } from '@qedge/core';

/**
 * Checks how many inputs there are, and that only those that may be left out are.
 *
 * @returns the inputs, in order, with `null` for optional ones that are missing at the end.
 */
export function takeInputs<Value extends ValueSpec>(
  inputs: readonly (Value | null)[],
  required: readonly string[],
  optional: readonly string[] = [],
): (Value | null)[] {
  const names = [...required, ...optional];
  if (inputs.length < required.length || inputs.length > names.length) {
    throw new InvalidArgumentError('The operator has another number of inputs', {
      expected: `${required.join(', ')}${optional.length > 0 ? ` and, if present, ${optional.join(', ')}` : ''}`,
      actual: `${inputs.length} inputs`,
    });
  }
  for (const [i, name] of required.entries()) {
    if (inputs[i] === null) {
      throw new InvalidArgumentError(`The input "${name}" is required`, {
        expected: 'a value',
        actual: 'null',
      });
    }
  }
  return names.map((_, i) => inputs[i] ?? null);
}

/** @throws InvalidArgumentError when a value has another dtype than one of these. `null` passes. */
export function checkDtype(spec: ValueSpec | null, what: string, ...dtypes: readonly ValueDType[]): void {
  if (spec === null || dtypes.includes(spec.dtype)) return;
  throw new InvalidArgumentError(`The ${what} have another dtype`, {
    expected: dtypes.join(' or '),
    actual: spec.dtype,
    remedy: 'Put a cast before it.',
  });
}

/** @throws ShapeMismatchError when a value has another number of axes. `null` passes. */
export function checkRank(spec: ValueSpec | null, what: string, rank: number): void {
  if (spec === null || spec.shape.length === rank) return;
  throw new ShapeMismatchError(`The ${what} have another number of axes`, {
    expected: rank,
    actual: spec.shape,
  });
}

/** @throws ShapeMismatchError when a value has another shape. `null` passes. */
export function checkShape(spec: ValueSpec | null, what: string, shape: readonly number[]): void {
  if (spec === null) return;
  const { shape: actual } = spec;
  if (actual.length === shape.length && actual.every((size, i) => size === shape[i])) return;
  throw new ShapeMismatchError(`The ${what} have another shape`, { expected: shape, actual });
}

/** @throws InvalidArgumentError when `value` is not an integer from `least` to `most`. */
export function checkInteger(
  value: number,
  what: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new InvalidArgumentError(`${what} is out of range`, {
    expected: most === Number.MAX_SAFE_INTEGER ? `an integer >= ${least}` : `an integer in ${least}..${most}`,
    actual: value,
  });
}

/** @throws InvalidArgumentError when `value` is none of the `choices`. */
export function checkChoice(value: string, what: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new InvalidArgumentError(`Unknown ${what}`, { expected: choices.join(', '), actual: value });
}

/** @throws InvalidArgumentError when `value` is NaN or infinite. */
export function checkFinite(value: number, what: string): void {
  if (Number.isFinite(value)) return;
  throw new InvalidArgumentError(`${what} is not a number to calculate with`, {
    expected: 'a finite number',
    actual: value,
  });
}

/** @throws InvalidArgumentError when a list has not one entry per axis. */
export function checkPerAxis(list: readonly unknown[], what: string, rank: number): void {
  if (list.length === rank) return;
  throw new InvalidArgumentError(`${what} need one entry per axis`, {
    expected: rank,
    actual: list.length,
  });
}
