import type { PointwiseExpression } from '@qedge/core';

/** An expression that one kernel computes. */
export interface LimitedExpression<Place> {
  readonly expression: PointwiseExpression;
  /** What its inputs stand for. */
  readonly inputs: readonly Place[];
  readonly output: Place;
}

/**
 * An expression as several that have at most `most` different inputs each; all but the last write to temporary places. Inputs that
 * an expression does not name are left out.
 */
export function limitInputs<Place>(
  expression: PointwiseExpression,
  inputs: readonly Place[],
  output: Place,
  most: number,
  temporary: () => Place,
): LimitedExpression<Place>[] {
  const before: LimitedExpression<Place>[] = [];
  const places = [...inputs];
  /** The expression with few enough inputs: its parts with the most of them are computed before. */
  const limit = (whole: PointwiseExpression): PointwiseExpression => {
    let limited = mapParts(whole, limit);
    while (inputsOf(limited).size > most) {
      const parts = partsOf(limited);
      const largest = parts.reduce((best, part) => (inputsOf(part).size > inputsOf(best).size ? part : best));
      const place = temporary();
      before.push(renumbered(largest, places, place));
      places.push(place);
      const replacement = { input: places.length - 1 };
      limited = mapParts(limited, (part) => (part === largest ? replacement : part));
    }
    return limited;
  };
  const last = limit(expression);
  return [...before, renumbered(last, places, output)];
}

function partsOf(expression: PointwiseExpression): PointwiseExpression[] {
  if ('apply' in expression) return [expression.to];
  if ('operation' in expression) return [expression.a, expression.b];
  if ('condition' in expression) return [expression.condition, expression.a, expression.b];
  return [];
}

function mapParts(
  expression: PointwiseExpression,
  change: (part: PointwiseExpression) => PointwiseExpression,
): PointwiseExpression {
  if ('apply' in expression) return { ...expression, to: change(expression.to) };
  if ('operation' in expression) return { ...expression, a: change(expression.a), b: change(expression.b) };
  if (!('condition' in expression)) return expression;
  const { condition, a, b } = expression;
  return { condition: change(condition), a: change(a), b: change(b) };
}

function inputsOf(expression: PointwiseExpression): Set<number> {
  if ('input' in expression) return new Set([expression.input]);
  return new Set(partsOf(expression).flatMap((part) => [...inputsOf(part)]));
}

function renumbered<Place>(
  expression: PointwiseExpression,
  places: readonly Place[],
  output: Place,
): LimitedExpression<Place> {
  const used = [...inputsOf(expression)].sort((a, b) => a - b);
  const renumber = (part: PointwiseExpression): PointwiseExpression => {
    return 'input' in part ? { input: used.indexOf(part.input) } : mapParts(part, renumber);
  };
  return { expression: renumber(expression), inputs: used.map((index) => places[index]!), output };
}
