import {
  ACTIVATION_ARGUMENTS,
  type Activation,
  ELEMENTWISE_ARGUMENTS,
  type ElementwiseOperation,
} from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import { elementCount, type KernelRunner } from './kernel-runner.ts';
import type { ProgramPlan } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';

const BINARY: Readonly<Record<string, ElementwiseOperation>> = {
  Add: 'add',
  Sub: 'subtract',
  Multiply: 'multiply',
  RealDiv: 'divide',
};
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  Relu: 'relu',
  Relu6: 'relu6',
  Sigmoid: 'sigmoid',
  Tanh: 'tanh',
};

/** What a thread handles per microsecond, in operations of `worthwhileThreads`: memory is slower than arithmetic. */
const OPERATIONS_PER_ELEMENT = 24;

/** Sums, differences, products and quotients of tensors of one shape, or of a tensor and one of its rows; activations. */
export const makeElementWise: KernelMaker = (runner) => [
  ...Object.entries(BINARY).map(([name, operation]) => ({
    name,
    serve: (call: KernelInputs) => combine(runner, call, operation),
    trials: [
      { inputs: { a: [3, 37], b: [3, 37] } },
      { inputs: { a: [4, 3, 19], b: [19] } },
      ...(isCommutative(operation) ? [{ inputs: { a: [19], b: [1, 5, 19] } }] : []),
    ],
  })),
  ...Object.entries(ACTIVATIONS).map(([name, activation]) => ({
    name,
    serve: (call: KernelInputs) => activate(runner, call, activation),
    trials: [{ inputs: { x: [3, 41] } }],
  })),
];

/** `[rows, width]` of `a` and whether b is one row of it; null where the shapes are others. */
function matchRows(a: readonly number[], b: readonly number[]): { rows: number; width: number } | null {
  const offset = a.length - b.length;
  if (offset < 0) return null;
  let rows = 1;
  let width = 1;
  let axis = a.length - 1;
  for (; axis >= offset && a[axis] === b[axis - offset]; axis--) width *= a[axis]!;
  for (; axis >= 0; axis--) {
    if (axis >= offset && b[axis - offset] !== 1) return null;
    rows *= a[axis]!;
  }
  return { rows, width };
}

function isCommutative(operation: ElementwiseOperation): boolean {
  return operation === 'add' || operation === 'multiply';
}

/** Rows that are shorter cost more to begin than to compute. */
const SHORTEST_ROW = 4;

function combine(
  runner: KernelRunner,
  { inputs }: KernelInputs,
  operation: ElementwiseOperation,
): TensorInfo | null {
  const [a, b] = [inputs.a!, inputs.b!];
  if (!areFloats(a, b)) return null;
  let exchanged = false;
  let match = matchRows(a.shape, b.shape);
  if (match === null && isCommutative(operation)) {
    match = matchRows(b.shape, a.shape);
    exchanged = true;
  }
  if (match === null || (match.rows > 1 && match.width < SHORTEST_ROW)) return null;
  const { rows, width } = match;
  const [left, right] = exchanged ? [b, a] : [a, b];
  const program = runner.program(`${operation} ${rows} ${width}`, () =>
    planCombination(runner, operation, rows, width),
  );
  if (program === null) return null;
  const output = runner.output(left.shape);
  runner.run(program, [left, right, output]);
  return output;
}

function planCombination(
  runner: KernelRunner,
  operation: ElementwiseOperation,
  rows: number,
  width: number,
): ProgramPlan {
  const shared = { kind: 'elementwise', operation, activation: 'none' } as const;
  const builder = new ProgramBuilder(runner);
  const operations = rows * width * OPERATIONS_PER_ELEMENT;
  if (rows === 1) {
    builder.divided(width, operations, 16, (from, count) => ({
      description: { ...shared, rows: 1, width: count, aStride: count, bStride: count, outputStride: count },
      fields: {
        [ELEMENTWISE_ARGUMENTS.a]: operandAt(0, from * 4),
        [ELEMENTWISE_ARGUMENTS.b]: operandAt(1, from * 4),
        [ELEMENTWISE_ARGUMENTS.output]: operandAt(2, from * 4),
      },
    }));
  } else {
    builder.divided(rows, operations, 1, (from, count) => ({
      description: { ...shared, rows: count, width, aStride: width, bStride: 0, outputStride: width },
      fields: {
        [ELEMENTWISE_ARGUMENTS.a]: operandAt(0, from * width * 4),
        [ELEMENTWISE_ARGUMENTS.b]: operandAt(1),
        [ELEMENTWISE_ARGUMENTS.output]: operandAt(2, from * width * 4),
      },
    }));
  }
  return builder.plan();
}

function activate(runner: KernelRunner, { inputs }: KernelInputs, activation: Activation): TensorInfo | null {
  const x = inputs.x!;
  if (!areFloats(x)) return null;
  const length = elementCount(x.shape);
  const program = runner.program(`${activation} ${length}`, () =>
    new ProgramBuilder(runner)
      .divided(length, length * OPERATIONS_PER_ELEMENT, 16, (from, count) => ({
        description: { kind: 'activation', activation, length: count },
        fields: {
          [ACTIVATION_ARGUMENTS.input]: operandAt(0, from * 4),
          [ACTIVATION_ARGUMENTS.output]: operandAt(1, from * 4),
        },
      }))
      .plan(),
  );
  if (program === null) return null;
  const output = runner.output(x.shape);
  runner.run(program, [x, output]);
  return output;
}
