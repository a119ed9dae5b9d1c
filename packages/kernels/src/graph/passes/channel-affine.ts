import type { OperatorNode, PointwiseExpression } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';

/** `x * scale + shift` with one number each per index of the last axis, or one for all. */
export interface ChannelAffine {
  /** The value that is scaled. */
  readonly input: string;
  readonly scale: ChannelNumbers;
  readonly shift: ChannelNumbers;
}

/** One number, or one per channel. */
export type ChannelNumbers = number | Float64Array;

/** Reads a node as a scaling of channels; null where it is anything else. */
export function readChannelAffine(graph: GraphEditor, node: OperatorNode): ChannelAffine | null {
  const { operator, inputs, outputs } = node;
  const channels = graph.spec(outputs[0]!).shape.at(-1);
  if (channels === undefined) return null;
  if (operator.kind === 'channel-scale') {
    const [input, scale, shift] = inputs as readonly [string, string, string];
    if (operator.activation !== null || !graph.isConstant(scale) || !graph.isConstant(shift)) return null;
    return { input, scale: numbersOf(graph, scale), shift: numbersOf(graph, shift) };
  }
  if (operator.kind !== 'pointwise') return null;
  const variables = inputs.filter((input) => !graph.isConstant(input));
  const input = variables[0];
  if (variables.length !== 1 || input == null) return null;
  const shape = graph.spec(outputs[0]!).shape;
  const own = graph.spec(input).shape;
  if (own.length !== shape.length || own.some((size, axis) => size !== shape[axis])) return null;
  const terms: (ExpressionAffine | null)[] = inputs.map((name) => {
    if (name === input) return { scale: 1, shift: 0 };
    const spec = graph.spec(name!).shape;
    const count = spec.at(-1) ?? 1;
    const isVector = spec.slice(0, -1).every((size) => size === 1) && (count === 1 || count === channels);
    return isVector ? { scale: 0, shift: numbersOf(graph, name!) } : null;
  });
  const affine = evaluateAffine(operator.expression, terms);
  return affine && { input, ...affine };
}

function numbersOf(graph: GraphEditor, constant: string): ChannelNumbers {
  const { data } = graph.constant(constant);
  return data.length === 1 ? data[0]! : Float64Array.from(data);
}

interface ExpressionAffine {
  readonly scale: ChannelNumbers;
  readonly shift: ChannelNumbers;
}

function evaluateAffine(
  expression: PointwiseExpression,
  inputs: readonly (ExpressionAffine | null)[],
): ExpressionAffine | null {
  if ('input' in expression) return inputs[expression.input] ?? null;
  if ('constant' in expression) return { scale: 0, shift: expression.constant };
  if ('apply' in expression) {
    const to = expression.apply.kind === 'negate' ? evaluateAffine(expression.to, inputs) : null;
    return to && multiplyAffine(to, -1);
  }
  if (!('operation' in expression)) return null;
  const [a, b] = [evaluateAffine(expression.a, inputs), evaluateAffine(expression.b, inputs)];
  if (!a || !b) return null;
  switch (expression.operation) {
    case 'add':
      return addAffine(a, b, 1);
    case 'subtract':
      return addAffine(a, b, -1);
    case 'multiply':
      return b.scale === 0 ? multiplyAffine(a, b.shift) : a.scale === 0 ? multiplyAffine(b, a.shift) : null;
    case 'divide':
      return b.scale === 0
        ? multiplyAffine(
            a,
            combineNumbers(1, b.shift, (one, x) => one / x),
          )
        : null;
    default:
      return null;
  }
}

function addAffine(a: ExpressionAffine, b: ExpressionAffine, sign: number): ExpressionAffine {
  const sum = (x: number, y: number) => x + sign * y;
  return { scale: combineNumbers(a.scale, b.scale, sum), shift: combineNumbers(a.shift, b.shift, sum) };
}

function multiplyAffine(a: ExpressionAffine, factor: ChannelNumbers): ExpressionAffine {
  const product = (x: number, y: number) => x * y;
  return { scale: combineNumbers(a.scale, factor, product), shift: combineNumbers(a.shift, factor, product) };
}

/** Channel by channel. */
export function combineNumbers(
  a: ChannelNumbers,
  b: ChannelNumbers,
  combine: (a: number, b: number) => number,
): ChannelNumbers {
  if (typeof a === 'number' && typeof b === 'number') return combine(a, b);
  const length = typeof a === 'number' ? (b as Float64Array).length : a.length;
  return Float64Array.from({ length }, (_, i) => combine(numberAt(a, i), numberAt(b, i)));
}

/** The number of one channel. */
export function numberAt(numbers: ChannelNumbers, channel: number): number {
  return typeof numbers === 'number' ? numbers : numbers[channel]!;
}

/** Whether every channel has a number that float32 holds. */
export function areFinite(numbers: ChannelNumbers): boolean {
  const holds = (x: number) => Number.isFinite(Math.fround(x));
  return typeof numbers === 'number' ? holds(numbers) : numbers.every(holds);
}

/** Whether every channel has this number. */
export function areAll(numbers: ChannelNumbers, number: number): boolean {
  return typeof numbers === 'number' ? numbers === number : numbers.every((each) => each === number);
}
