import { POOLING_ARGUMENTS, type PoolingDescription } from '../../description/pooling.ts';
import type { Target, Vector } from '../../target/target.ts';
import { emitWindowSweep, type WindowOperation } from '../window/emit-window-sweep.ts';
import { windowGeometry } from '../window/window-geometry.ts';

/** Emits the pooling that `description` states. Arguments: {@link POOLING_ARGUMENTS}. */
export function emitPooling(target: Target<unknown>, description: PoolingDescription): void {
  const { batch, input, window, outputRows, tileColumns } = description;
  emitWindowSweep(target, {
    geometry: windowGeometry(batch, input, window, input.channels, outputRows),
    channels: input.channels,
    tileColumns,
    arguments: POOLING_ARGUMENTS,
    operation: description.operation === 'max' ? maximum(target) : average(target, description),
  });
}

function maximum(target: Target<unknown>): WindowOperation {
  return {
    weights: null,
    scratch: () => 0,
    begin: (sum) => target.constant(sum, Number.NEGATIVE_INFINITY),
    accumulate: (sum, cell) => target.float('max', sum, sum, cell),
    finish: () => {},
  };
}

function average(target: Target<unknown>, { operation, window }: PoolingDescription): WindowOperation {
  return {
    weights: null,
    scratch: () => 1,
    begin: (sum) => target.zero(sum),
    accumulate: (sum, cell) => target.float('add', sum, sum, cell),
    finish: (sums, cells, _bias, [divisor]) => {
      const counts = operation === 'average' ? cells : cells.map(() => window.height * window.width);
      for (const count of new Set(counts)) {
        target.constant(divisor!, count);
        const divide = (sum: Vector) => target.float('divide', sum, sum, divisor!);
        for (const [pixel, sum] of sums.entries()) if (counts[pixel] === count) divide(sum);
      }
    },
  };
}
