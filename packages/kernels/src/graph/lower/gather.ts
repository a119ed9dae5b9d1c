import { elementCount, UnsupportedError } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps } from '../../engine/copy.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Indices with one distance. */
interface IndexRun {
  /** Where in the list of indices. */
  readonly at: number;
  readonly first: number;
  readonly step: number;
  count: number;
}

/** More runs of known indices than this are gathered one by one at run time. */
const MOST_RUNS = 64;

/** Parts of the data along an axis: copies where the indices are known, else a kernel that reads them. */
export function lowerGather(node: Lowering<'gather'>): KernelSteps {
  const { context, operator, outputs } = node;
  const [data, indices, output] = [inputOf(node, 0), inputOf(node, 1), outputs[0]!];
  const { axis } = operator;
  const outer = elementCount(data.shape.slice(0, axis));
  const size = data.shape[axis]!;
  const inner = elementCount(data.shape.slice(axis + 1));
  const runs = indices.isConstant ? runsOf(indices.load(), size) : null;
  if (runs === null || runs.length > MOST_RUNS) throw new UnsupportedError('Indices that are computed');
  return runs.flatMap(({ at, first, step, count }) => {
    return copySteps(context, {
      sizes: [outer, count, inner],
      input: { data: data.data, offset: first * inner, strides: [size * inner, step * inner, 1] },
      output: { data: output.data, offset: at * inner, strides: [indices.length * inner, inner, 1] },
    });
  });
}

function runsOf(indices: ArrayLike<number>, size: number): IndexRun[] {
  const runs: IndexRun[] = [];
  const index = (at: number) => (indices[at]! < 0 ? indices[at]! + size : indices[at]!);
  for (let at = 0; at < indices.length; ) {
    const step = at + 1 < indices.length ? index(at + 1) - index(at) : 1;
    let count = 1;
    while (at + count < indices.length && index(at + count) - index(at + count - 1) === step) count++;
    runs.push({ at, first: index(at), step, count });
    at += count;
  }
  return runs;
}
