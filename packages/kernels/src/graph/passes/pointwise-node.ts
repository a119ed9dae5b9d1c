import type { PointwiseExpression, Shape } from '@qedge/core';
import { countReads, inputOf, substituteInputs } from './expressions/expression.ts';
import { simplifyExpression } from './expressions/simplify-expression.ts';
import type { GraphEditor } from './graph-editor.ts';

/** A pointwise node's inputs and what it makes of them. */
export interface PointwiseTerms {
  readonly inputs: readonly string[];
  readonly expression: PointwiseExpression;
}

/** The shape that shapes broadcast to; they are known to fit. */
export function broadcastOf(shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own !== 1) size = own;
    }
    return size;
  });
}

/**
 * The same terms with single numbers among the inputs written into the expression, every input once, those that are not read left out
 * (as far as the output's shape stays), and the expression simplified.
 */
export function tidyTerms(
  graph: GraphEditor,
  { inputs, expression }: PointwiseTerms,
  shape: Shape,
): PointwiseTerms {
  const numbers = inputs.map((input) => {
    const number = graph.constantNumber(input);
    return number !== null && Number.isFinite(number) ? number : null;
  });
  const written = substituteInputs(expression, (input) => {
    const number = numbers[input] ?? null;
    return number === null ? inputOf(inputs.indexOf(inputs[input]!)) : { constant: number };
  });
  const simple = simplifyExpression(written);
  const read = countReads(simple);
  let kept = inputs.filter((_, index) => read.has(index));
  const fits = (names: readonly string[]) => {
    const broadcast = broadcastOf(names.map((name) => graph.spec(name).shape));
    return broadcast.length === shape.length && broadcast.every((size, axis) => size === shape[axis]);
  };
  if (kept.length === 0 || !fits(kept)) kept = [...new Set(inputs)];
  return {
    inputs: kept,
    expression: substituteInputs(simple, (input) => inputOf(kept.indexOf(inputs[input]!))),
  };
}
