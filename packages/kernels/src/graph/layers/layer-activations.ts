import { type PointwiseExpression, type PointwiseFunction, UnsupportedError } from '@qedge/core';
import type { LayerContext } from './layer-context.ts';

/** Activations that are one function of one number, by the names of TensorFlow.js. */
const FUNCTIONS: Readonly<Record<string, PointwiseFunction>> = {
  relu: { kind: 'relu' },
  relu6: { kind: 'relu6' },
  sigmoid: { kind: 'sigmoid' },
  tanh: { kind: 'tanh' },
  elu: { kind: 'elu', alpha: 1 },
  softplus: { kind: 'softplus' },
  hardSigmoid: { kind: 'hard-sigmoid', alpha: 0.2, beta: 0.5 },
  swish: { kind: 'silu' },
  gelu: { kind: 'gelu' },
  gelu_new: { kind: 'gelu-tanh' },
};

/** Klambauer et al., "Self-normalizing neural networks" (2017). */
const [SELU_ALPHA, SELU_SCALE] = [1.6732632423543772, 1.0507009873554805];

/** Activations that are an expression in one number. */
const EXPRESSIONS: Readonly<Record<string, (x: PointwiseExpression) => PointwiseExpression>> = {
  linear: (x) => x,
  selu: (x) => ({
    operation: 'multiply',
    a: { constant: SELU_SCALE },
    b: { apply: { kind: 'elu', alpha: SELU_ALPHA }, to: x },
  }),
  softsign: (x) => ({
    operation: 'divide',
    a: x,
    b: { operation: 'add', a: { constant: 1 }, b: { apply: { kind: 'absolute' }, to: x } },
  }),
  mish: (x) => ({
    operation: 'multiply',
    a: x,
    b: { apply: { kind: 'tanh' }, to: { apply: { kind: 'softplus' }, to: x } },
  }),
};

/** An activation as one function, for operators that apply it themselves; null when it is linear or more than that. */
export function activationFunction(name: unknown): PointwiseFunction | null {
  return typeof name === 'string' && Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]! : null;
}

/** An activation of an expression. @throws UnsupportedError for one that is not a function of one number. */
export function activationExpression(name: unknown, x: PointwiseExpression): PointwiseExpression {
  const apply = activationFunction(name);
  if (apply !== null) return { apply, to: x };
  if (typeof name === 'string' && Object.hasOwn(EXPRESSIONS, name)) return EXPRESSIONS[name]!(x);
  throw new UnsupportedError('The activation is not supported', {
    expected: [...Object.keys(FUNCTIONS), ...Object.keys(EXPRESSIONS), 'softmax, logSoftmax'].join(', '),
    actual: name,
  });
}

/** Adds an activation behind a value. A linear one adds nothing. */
export function addActivation({ builder }: LayerContext, value: string, name: unknown, node: string): string {
  if (name === 'linear') return value;
  if (name === 'softmax' || name === 'logSoftmax') {
    return builder.add({ kind: 'softmax', log: name === 'logSoftmax' }, [value], { name: node })[0];
  }
  const expression = activationExpression(name, { input: 0 });
  return builder.add({ kind: 'pointwise', expression }, [value], { name: node })[0];
}

/** Adds what of a layer's activation its operator did not apply itself. */
export function finishActivation(
  context: LayerContext,
  value: string,
  name: unknown,
  layer: string,
): readonly string[] {
  if (activationFunction(name) !== null) return [value];
  return [addActivation(context, value, name ?? 'linear', `${layer}/activation`)];
}
