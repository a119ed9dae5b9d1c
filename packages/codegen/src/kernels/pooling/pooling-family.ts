import { POOLING_ARGUMENTS, type PoolingDescription } from '../../description/pooling.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import { requireRange, requireWindow, windowKey, windowOutput } from '../../description/window.ts';
import { referenceAverage, referenceMaximum } from '../../reference/convolution.ts';
import { drawFloats } from '../elements/array-trial.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { imageTrial } from '../window/image-trial.ts';
import { emitPooling } from './emit-pooling.ts';

const OPERATIONS: readonly string[] = ['max', 'average', 'average-with-padding'];

/** NaN often enough that it is the last cell of some sampled window. */
const SPECIAL_CELLS = [Number.NaN, Number.NaN, Number.NaN, 0, -0, Number.NEGATIVE_INFINITY];

function validatePooling({
  operation,
  batch,
  input,
  window,
  outputRows,
  tileColumns,
}: PoolingDescription): void {
  requireKnown('operation of a pooling', operation, OPERATIONS);
  requireInteger('batch of a pooling', batch, 1);
  requireWindow(input, window, input.channels);
  requireRange('output rows', outputRows, windowOutput(input, window).height);
  requireInteger('tileColumns of a pooling', tileColumns, 1);
}

function poolingTrial(description: PoolingDescription, effort: 'all' | 'sample', seed: number): KernelTrial {
  const { operation, batch, input, window, outputRows } = description;
  const output = windowOutput(input, window);
  return imageTrial({
    inputShape: [batch, input.height, input.width, input.channels],
    outputShape: [batch, output.height, output.width, input.channels],
    computed: { rows: outputRows, channels: { from: 0, count: input.channels } },
    arguments: POOLING_ARGUMENTS,
    // A maximum passes over NaNs.
    outside: operation === 'max' ? Number.POSITIVE_INFINITY : Number.NaN,
    drawInput: (values, random) => values.set(drawFloats(random, values.length, true, SPECIAL_CELLS)),
    effort,
    seed,
    weightBytes: 0,
    writeWeights: () => {},
    expect: (x, place) => {
      if (operation === 'max') return { value: referenceMaximum(input, window, x, place), tolerance: 0 };
      const countPadding = operation === 'average-with-padding';
      return { value: referenceAverage(input, window, countPadding, x, place), tolerance: 0 };
    },
  });
}

/** {@link PoolingDescription}. */
export const POOLING: KernelFamily<PoolingDescription> = {
  kind: 'pooling',
  validate: validatePooling,
  key({ operation, batch, input, window, outputRows, tileColumns }) {
    const rows = `r${outputRows.from}.${outputRows.count}`;
    return `pooling-${operation}-${batch}x${windowKey(input, window)}-${rows}-${tileColumns}`;
  },
  emit: emitPooling,
  trial: (description, _traits, effort, seed) => poolingTrial(description, effort, seed),
};
