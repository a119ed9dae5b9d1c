import type { PointwiseExpression, PointwiseFunction, PointwiseOperation } from '@qedge/core';
import { POINTWISE_ERROR_ULPS, referenceFunction, referenceOperation } from '../../reference/pointwise.ts';
import { type ExpectedElement, unitInLastPlace } from '../elements/array-trial.ts';
import { expandPower } from './map-program.ts';

/** What a part of an expression may be: a value, and an interval around it. NaN at an end: anything. */
interface Range {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const exactly = (value: number): Range => ({ value, low: value, high: value });
const isExact = ({ low, high }: Range) => Object.is(low, high);

/** The smallest range that holds all results, widened by `error(result)`. */
function rangeOf(value: number, results: readonly number[], error: (result: number) => number): Range {
  if (results.every((result) => Object.is(result, value)) && !(error(value) > 0))
    return exactly(Math.fround(value));
  if (results.some(Number.isNaN)) {
    const all = results.every(Number.isNaN);
    return { value: all ? Number.NaN : value, low: Number.NaN, high: all ? Number.NaN : 0 };
  }
  return {
    value: Math.fround(value),
    low: Math.fround(Math.min(...results.map((result) => result - error(result)))),
    high: Math.fround(Math.max(...results.map((result) => result + error(result)))),
  };
}

function errorOf(result: number, ulps: number, relative = 0): number {
  if (!Number.isFinite(Math.fround(result))) return 0;
  return ulps * unitInLastPlace(result) + relative * Math.abs(result);
}

function expectFunction(apply: PointwiseFunction, x: Range): Range {
  const value = referenceFunction(apply, x.value);
  const ends = isExact(x)
    ? [value]
    : [value, referenceFunction(apply, x.low), referenceFunction(apply, x.high)];
  const ulps = POINTWISE_ERROR_ULPS[apply.kind] ?? 0;
  return rangeOf(value, ends, (result) => errorOf(result, ulps));
}

function expectOperation(operation: PointwiseOperation, a: Range, b: Range): Range {
  const value = referenceOperation(operation, a.value, b.value);
  if (operation !== 'power' && isExact(a) && isExact(b)) return exactly(Math.fround(value));
  const overlap = operation === 'equal' && !(isExact(a) && isExact(b)) && a.low <= b.high && b.low <= a.high;
  const corners = overlap
    ? [0, 1]
    : [a.low, a.value, a.high].flatMap((x) =>
        [b.low, b.value, b.high].map((y) => referenceOperation(operation, x, y)),
      );
  const isPower = operation === 'power';
  const steepness = isPower && a.value !== 0 ? Math.abs(b.value * Math.log(Math.abs(a.value))) : 0;
  return rangeOf(value, corners, (result) => {
    if (!isPower || result === 0 || Math.abs(a.value) === 1 || b.value === 0) return 0;
    return errorOf(result, 1, (2 * Math.min(steepness, 128) + 4) * 2 ** -24);
  });
}

function expectSelection(condition: Range, a: Range, b: Range): Range {
  const isCertain = isExact(condition) || !(condition.low <= 0 && condition.high >= 0);
  const chosen = condition.value !== 0 ? a : b;
  if (isCertain) return chosen;
  return rangeOf(chosen.value, [a.low, a.high, b.low, b.high], () => 0);
}

function expectRange(expression: PointwiseExpression, inputs: readonly number[]): Range {
  if ('input' in expression) return exactly(inputs[expression.input]!);
  if ('constant' in expression) return exactly(Math.fround(expression.constant));
  const inner = (part: PointwiseExpression) => expectRange(part, inputs);
  if ('apply' in expression) return expectFunction(expression.apply, inner(expression.to));
  if ('condition' in expression) {
    return expectSelection(inner(expression.condition), inner(expression.a), inner(expression.b));
  }
  const { operation, a, b } = expression;
  if (operation === 'power' && 'constant' in b) {
    const expanded = expandPower(a, b.constant);
    if (expanded !== null) return inner(expanded);
  }
  return expectOperation(operation, inner(a), inner(b));
}

/** What an expression must give for inputs of float32; null where errors before it leave open whether that is a NaN. */
export function expectExpression(
  expression: PointwiseExpression,
  inputs: readonly number[],
): ExpectedElement | null {
  const { value, low, high } = expectRange(expression, inputs);
  if (Object.is(low, high) || (Number.isNaN(value) && Number.isNaN(high))) return { value, tolerance: 0 };
  const tolerance = Math.max(high - value, value - low);
  return Number.isNaN(tolerance) ? null : { value, tolerance };
}
