import { MAP_ARGUMENTS, type MapInput } from '@qedge/codegen';
import type { PointwiseExpression, PointwiseFunction } from '@qedge/core';
import type { TensorInfo } from '@tensorflow/tfjs';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import { type BroadcastPair, broadcastPair, broadcastShape } from './broadcast.ts';
import { elementCount, type KernelRunner } from './kernel-runner.ts';
import type { ProgramPlan } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';

const A: PointwiseExpression = { input: 0 };
const B: PointwiseExpression = { input: 1 };
const apply = (apply: PointwiseFunction, to = A): PointwiseExpression => ({ apply, to });
const constant = (value: number): PointwiseExpression => ({ constant: value });

const BINARY: Readonly<Record<string, PointwiseExpression>> = {
  Add: { operation: 'add', a: A, b: B },
  Sub: { operation: 'subtract', a: A, b: B },
  Multiply: { operation: 'multiply', a: A, b: B },
  RealDiv: { operation: 'divide', a: A, b: B },
  SquaredDifference: { operation: 'power', a: { operation: 'subtract', a: A, b: B }, b: constant(2) },
};

/** Kernels of one tensor. Their attributes, where they have some, are part of the expression. */
const UNARY: Readonly<Record<string, (attrs: KernelInputs['attrs']) => PointwiseExpression>> = {
  Relu: () => apply({ kind: 'relu' }),
  Relu6: () => apply({ kind: 'relu6' }),
  Sigmoid: () => apply({ kind: 'sigmoid' }),
  Tanh: () => apply({ kind: 'tanh' }),
  Exp: () => apply({ kind: 'exponential' }),
  Elu: () => apply({ kind: 'elu', alpha: 1 }),
  LeakyRelu: ({ alpha }) => apply({ kind: 'leaky-relu', alpha: alpha as number }),
  Neg: () => apply({ kind: 'negate' }),
  Abs: () => apply({ kind: 'absolute' }),
  Sqrt: () => apply({ kind: 'square-root' }),
  Rsqrt: () => ({ operation: 'divide', a: constant(1), b: apply({ kind: 'square-root' }) }),
  Square: () => ({ operation: 'multiply', a: A, b: A }),
  Step: ({ alpha }) => ({
    condition: { operation: 'greater', a: A, b: constant(0) },
    a: constant(1),
    b: constant((alpha as number | undefined) ?? 0),
  }),
};
/** Kernels whose expression depends on an attribute. */
const WITH_ALPHA = ['LeakyRelu', 'Step'];
/** Arguments must be positive. */
const POSITIVE = ['Sqrt', 'Rsqrt'];

/** What a thread handles per microsecond, in operations of `worthwhileThreads`: memory is slower than arithmetic. */
const OPERATIONS_PER_ELEMENT = 24;

/** Arithmetic of two tensors that are broadcast along neighbouring axes, and functions of one. */
export const makeElementWise: KernelMaker = (runner) => [
  ...Object.entries(BINARY).map(([name, expression]) => ({
    name,
    serve: (call: KernelInputs) => combine(runner, call, name, expression),
    trials: [
      { inputs: { a: [3, 37], b: [3, 37] } },
      { inputs: { a: [19], b: [1, 5, 19] } },
      { inputs: { a: [4, 3, 19], b: [4, 1, 19] } },
      { inputs: { a: [5, 7], b: [] } },
    ],
  })),
  ...Object.entries(UNARY).map(([name, expressionOf]) => ({
    name,
    serve: (call: KernelInputs) => mapElements(runner, call, name, expressionOf),
    trials: [
      {
        inputs: { x: [3, 41] },
        ...(POSITIVE.includes(name) && { values: { x: Array.from({ length: 123 }, (_, i) => i / 8 + 0.5) } }),
        ...(WITH_ALPHA.includes(name) && { attrs: { alpha: 0.25 } }),
      },
    ],
  })),
];

function combine(
  runner: KernelRunner,
  { inputs }: KernelInputs,
  name: string,
  expression: PointwiseExpression,
): TensorInfo | null {
  const [a, b] = [inputs.a!, inputs.b!];
  if (!areFloats(a, b)) return null;
  const pair = broadcastPair(a.shape, b.shape);
  if (pair === null) return null;
  const { outer, rows, width } = pair;
  const program = runner.program(`${name} ${outer} ${rows} ${width} ${pair.repeats}`, () =>
    planMap(runner, expression, pair, [pair.a, pair.b]),
  );
  if (program === null) return null;
  const output = runner.output(broadcastShape(a.shape, b.shape));
  runner.run(program, [output, a, b]);
  return output;
}

/** Divides the outermost axis that has more than one index among threads. */
function planMap(
  runner: KernelRunner,
  expression: PointwiseExpression,
  { outer, rows, width }: Pick<BroadcastPair, 'outer' | 'rows' | 'width'>,
  inputs: readonly MapInput[],
): ProgramPlan {
  const axis = outer > 1 ? 'outerStride' : rows > 1 ? 'rowStride' : 'columnStride';
  const count = outer > 1 ? outer : rows > 1 ? rows : width;
  const outputStep = outer > 1 ? rows * width : rows > 1 ? width : 1;
  const multiple = axis === 'columnStride' ? 16 : 1;
  return new ProgramBuilder(runner)
    .divided(count, outer * rows * width * OPERATIONS_PER_ELEMENT, multiple, (from, size) => ({
      description: {
        kind: 'map',
        outer: axis === 'outerStride' ? size : outer,
        rows: axis === 'rowStride' ? size : rows,
        width: axis === 'columnStride' ? size : width,
        inputs,
        output: { outerStride: rows * width, rowStride: width },
        expression,
      },
      fields: Object.fromEntries([
        [MAP_ARGUMENTS.output, operandAt(0, from * outputStep * 4)],
        ...inputs.map((input, i) => [MAP_ARGUMENTS.firstInput + i, operandAt(1 + i, from * input[axis] * 4)]),
      ]),
    }))
    .plan();
}

function mapElements(
  runner: KernelRunner,
  { inputs, attrs }: KernelInputs,
  name: string,
  expressionOf: (attrs: KernelInputs['attrs']) => PointwiseExpression,
): TensorInfo | null {
  const x = inputs.x!;
  if (!areFloats(x)) return null;
  const width = elementCount(x.shape);
  const program = runner.program(`${name} ${width} ${String(attrs?.alpha)}`, () =>
    planMap(runner, expressionOf(attrs ?? {}), { outer: 1, rows: 1, width }, [
      { outerStride: 0, rowStride: 0, columnStride: 1 },
    ]),
  );
  if (program === null) return null;
  const output = runner.output(x.shape);
  runner.run(program, [output, x]);
  return output;
}
