import type { PointwiseExpression } from '@qedge/core';
import { apply, binary, type Draw, FUNCTIONS, number, x } from './graph-draft.ts';

/** One function or one operation with a number, as importers write them. */
export const unary: Draw = (draft) => {
  const value = draft.value();
  if (value === null) return false;
  const constant = number(draft.choose([0.5, 2, 3, -1, 1, 0.25]));
  const operation = draft.choose(['add', 'subtract', 'multiply', 'divide', 'maximum', 'minimum'] as const);
  const expression = draft.chance(0.5) ? apply(draft.choose(FUNCTIONS), x) : binary(operation, x, constant);
  return draft.add({ kind: 'pointwise', expression }, [value]);
};

/** Two values of the same shape, or one and a constant that broadcasts. */
export const binaryOperation: Draw = (draft) => {
  const a = draft.value((shape) => shape.length > 0);
  if (a === null) return false;
  const shape = draft.shape(a);
  const same = draft.value((other) => other.join() === shape.join());
  const part = shape.map((size) => (draft.chance(0.5) ? size : 1)).slice(draft.random.integer(shape.length));
  const b = same !== null && draft.chance(0.6) ? same : draft.weights(part);
  const operation = draft.choose(['add', 'subtract', 'multiply', 'maximum', 'minimum'] as const);
  const expression = draft.chance(0.5)
    ? binary(operation, x, { input: 1 })
    : binary(operation, { input: 1 }, x);
  return draft.add({ kind: 'pointwise', expression }, [a, b]);
};

/** Jumps, on inputs only. */
export const comparison: Draw = (draft) => {
  const condition = binary(draft.choose(['less', 'greater', 'equal'] as const), x, number(0.25));
  const expression = draft.chance(0.5)
    ? apply({ kind: draft.choose(['floor', 'ceiling', 'round', 'sign'] as const) }, x)
    : ({ condition, a: apply({ kind: 'tanh' }, x), b: number(-0.5) } as const);
  return draft.add({ kind: 'pointwise', expression }, [draft.input()]);
};

/** Hard-swish, silu or gelu written out node by node. */
export const writtenActivation: Draw = (draft) => {
  const value = draft.value();
  if (value === null) return false;
  const node = (expression: PointwiseExpression, ...inputs: string[]) =>
    draft.step({ kind: 'pointwise', expression }, inputs);
  const product = binary('multiply', x, { input: 1 });
  const times = (factor: number) => binary('multiply', x, number(factor));
  switch (draft.random.integer(4)) {
    case 0: {
      const limited = node(
        apply({ kind: 'clip', low: 0, high: 6 }, x),
        node(binary('add', x, number(3)), value),
      );
      const gated = draft.chance(0.5) ? node(product, limited, value) : node(product, value, limited);
      node(binary('divide', x, number(6)), gated);
      return true;
    }
    case 1:
      node(product, value, node(apply({ kind: 'sigmoid' }, x), value));
      return true;
    case 2: {
      const erf = node(
        apply({ kind: 'error-function' }, x),
        node(binary('divide', x, number(Math.SQRT2)), value),
      );
      node(product, node(times(0.5), value), node(binary('add', x, number(1)), erf));
      return true;
    }
    default: {
      const cube = node(binary('power', x, number(3)), value);
      const sum = node(binary('add', x, { input: 1 }), value, node(times(0.044715), cube));
      const tanh = node(apply({ kind: 'tanh' }, x), node(times(Math.sqrt(2 / Math.PI)), sum));
      node(times(0.5), node(product, value, node(binary('add', x, number(1)), tanh)));
      return true;
    }
  }
};
