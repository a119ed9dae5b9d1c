import { divideRange, POOLING_ARGUMENTS, POOLING_GRADIENT_ARGUMENTS, planPooling } from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import { worthwhileThreads } from '../../engine/binding.ts';
import { divide } from '../../engine/split-work.ts';
import type { Tensorflow } from '../tfjs-device.ts';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { ProgramPlan } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';
import {
  hasOutputShape,
  imageElements,
  type WindowCall,
  type WindowInfo,
  windowCall,
  windowKey,
} from './window-call.ts';

/** What a tap of a window costs, in operations of `worthwhileThreads`. */
const GRADIENT_OPERATIONS = 16;

const TRIALS = [
  { x: [2, 8, 6, 5], dy: [2, 4, 3, 5], filterSize: [2, 2], strides: [2, 2], pad: 'valid' },
  { x: [1, 7, 5, 18], dy: [1, 4, 5, 18], filterSize: [3, 3], strides: [2, 1], pad: 'same' },
];

/** `MaxPool`, `AvgPool` and their gradients. */
export const makePools: KernelMaker = (runner, tf) =>
  (
    [
      ['MaxPool', 'max'],
      ['AvgPool', 'average'],
    ] as const
  ).flatMap(([name, operation]) => [
    {
      name,
      serve: (call: KernelInputs) => pool(runner, tf, call, operation),
      trials: TRIALS.map(({ x, dy: _, ...attrs }) => ({ inputs: { x }, attrs })),
    },
    {
      name: `${name}Grad`,
      serve: (call: KernelInputs) => poolGradient(runner, tf, call, operation),
      trials: TRIALS.map(({ x, dy, ...attrs }) => ({ inputs: { dy, input: x }, attrs })),
    },
  ]);

function pool(
  runner: KernelRunner,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
  operation: 'max' | 'average',
): TensorInfo | null {
  const x = inputs.x!;
  if (!areFloats(x) || x.shape.length !== 4) return null;
  const key = `pool ${operation} ${x.shape.join()} ${windowKey(attrs)}`;
  const program = runner.program(key, () => {
    const call = windowCall(poolInfo(tf, x.shape, attrs));
    return call === null ? null : planPool(runner, call, operation);
  });
  if (program === null) return null;
  const output = runner.output(program.outputShape!);
  runner.run(program, [x, output]);
  return output;
}

function poolInfo(tf: Tensorflow, shape: readonly number[], attrs: KernelInputs['attrs']): WindowInfo {
  return tf.backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    attrs.filterSize as [number, number],
    attrs.strides as [number, number],
    1,
    attrs.pad as 'same' | 'valid' | number,
    attrs.dimRoundingMode as 'floor' | 'round' | 'ceil' | undefined,
  );
}

function planPool(runner: KernelRunner, call: WindowCall, operation: 'max' | 'average'): ProgramPlan {
  const { batch, input, window, output } = call;
  const builder = new ProgramBuilder(runner);
  const operations = batch * imageElements(output) * window.height * window.width;
  const threads = worthwhileThreads(builder, operations);
  const part = (image: number, images: number, outputRows: { from: number; count: number }) => ({
    description: planPooling(
      { kind: 'pooling', operation, batch: images, input, window, outputRows },
      runner.host.traits,
    ),
    fields: {
      [POOLING_ARGUMENTS.input]: operandAt(0, image * imageElements(input) * 4),
      [POOLING_ARGUMENTS.output]: operandAt(1, image * imageElements(output) * 4),
    },
  });
  const allRows = { from: 0, count: output.height };
  if (threads > 1 && batch < threads) {
    builder.add(...divideRange(allRows, threads).map((rows) => part(0, batch, rows)));
  } else {
    builder.add(...divide(batch, threads).map(({ from, count }) => part(from, count, allRows)));
  }
  return builder.plan(null, [batch, output.height, output.width, output.channels]);
}

function poolGradient(
  runner: KernelRunner,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
  operation: 'max' | 'average',
): TensorInfo | null {
  const [dy, x] = [inputs.dy!, inputs.input!];
  if (!areFloats(dy, x) || x.shape.length !== 4) return null;
  const key = `pool-gradient ${operation} ${dy.shape} ${x.shape} ${windowKey(attrs)}`;
  const program = runner.program(key, () => {
    const call = windowCall(poolInfo(tf, x.shape, attrs));
    return call === null || !hasOutputShape(call, dy.shape)
      ? null
      : planPoolGradient(runner, call, operation);
  });
  if (program === null) return null;
  const output = runner.output(x.shape);
  runner.run(program, [x, dy, output]);
  return output;
}

/** Each thread takes whole images. */
function planPoolGradient(runner: KernelRunner, call: WindowCall, operation: 'max' | 'average'): ProgramPlan {
  const { batch, input, window, output } = call;
  const operations = batch * imageElements(output) * window.height * window.width * GRADIENT_OPERATIONS;
  return new ProgramBuilder(runner)
    .divided(batch, operations, 1, (from, count) => ({
      description: { kind: 'pooling-gradient', operation, batch: count, input, window },
      fields: {
        [POOLING_GRADIENT_ARGUMENTS.input]: operandAt(0, from * imageElements(input) * 4),
        [POOLING_GRADIENT_ARGUMENTS.gradient]: operandAt(1, from * imageElements(output) * 4),
        [POOLING_GRADIENT_ARGUMENTS.output]: operandAt(2, from * imageElements(input) * 4),
      },
    }))
    .plan();
}
