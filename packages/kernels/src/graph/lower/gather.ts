import { elementCount, InvalidArgumentError } from '@qedge/core';
import { gatherSteps } from '../../engine/axis-kernels.ts';
import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps } from '../../engine/copy.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Indices with one distance. */
interface IndexRun {
  /** Where in the list of indices. */
  readonly at: number;
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

/** Known indices with more runs than this are gathered one by one. */
const MOST_RUNS = 8;

/** Parts of the data along an axis: copies where known indices have few runs, else a kernel that reads indices. */
export function lowerGather(node: Lowering<'gather'>): KernelSteps {
  const { context, operator, outputs } = node;
  const [data, indices, output] = [inputOf(node, 0), inputOf(node, 1), outputs[0]!];
  const { axis } = operator;
  const outer = elementCount(data.shape.slice(0, axis));
  const rows = data.shape[axis]!;
  const width = elementCount(data.shape.slice(axis + 1));
  const known = indices.isConstant ? countFromStart(indices.load() as Int32Array, rows) : null;
  const runs = known === null ? [] : runsOf(known);
  if (known === null || runs.length > MOST_RUNS) {
    const checked = known === null ? checkedIndices(node, indices, rows) : placeIndices(node, known);
    return gatherSteps(context, {
      ...{ outer, rows, width, indices: checked },
      input: data.data,
      output: output.data,
    });
  }
  return runs.flatMap(({ at, first, step, count }) => {
    return copySteps(context, {
      sizes: [outer, count, width],
      input: { data: data.data, offset: first * width, strides: [rows * width, step * width, 1] },
      output: { data: output.data, offset: at * width, strides: [known.length * width, width, 1] },
    });
  });
}

function placeIndices({ context }: Pick<Lowering, 'context'>, indices: Int32Array): Int32Array {
  const placed = context.arena.array(Int32Array, indices.length, 'indices');
  placed.set(indices);
  return placed;
}

/** Indices that are known at run time only are checked before the kernel reads where they lead. */
function checkedIndices(node: Lowering<'gather'>, indices: GraphValue, rows: number): Int32Array {
  const checked = node.context.arena.array(Int32Array, indices.length, 'checked indices');
  const given = indices.data as Int32Array;
  node.callBefore(() => checkIndices(given, checked, rows));
  return checked;
}

function checkIndices(given: Int32Array, checked: Int32Array, rows: number): void {
  for (let i = 0; i < given.length; i++) {
    const index = given[i]! < 0 ? given[i]! + rows : given[i]!;
    if (index < 0 || index >= rows) throw outOfRange(given[i]!, rows);
    checked[i] = index;
  }
}

function countFromStart(indices: Int32Array, rows: number): Int32Array {
  const checked = new Int32Array(indices.length);
  checkIndices(indices, checked, rows);
  return checked;
}

function outOfRange(index: number, rows: number): InvalidArgumentError {
  return new InvalidArgumentError('An index is out of range', {
    expected: `${-rows}..${rows - 1}`,
    actual: index,
  });
}

function runsOf(indices: Int32Array): IndexRun[] {
  const runs: IndexRun[] = [];
  for (let at = 0; at < indices.length; ) {
    const step = at + 1 < indices.length ? indices[at + 1]! - indices[at]! : 1;
    let count = 1;
    while (at + count < indices.length && indices[at + count]! - indices[at + count - 1]! === step) count++;
    runs.push({ at, first: indices[at]!, step, count });
    at += count;
  }
  return runs;
}
