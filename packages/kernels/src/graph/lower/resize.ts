import type { KernelSteps } from '../../engine/binding.ts';
import { resizeSteps } from '../../engine/resize.ts';
import { resizeTable } from '../operators/resize-coordinates.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Images to another size. */
export function lowerResize(node: Lowering<'resize'>): KernelSteps {
  const input = inputOf(node, 0);
  const [batch, height, width, channels] = input.shape as [number, number, number, number];
  const rows = resizeTable(node.operator, height, 0);
  const columns = resizeTable(node.operator, width, 1);
  return resizeSteps(node.context, {
    ...{ batch, height, width, channels, input: input.floats, rows, columns },
    taps: rows.taps as 1 | 2 | 4,
    output: node.outputs[0]!.floats,
  });
}
