import { elementCount, type OperatorModel } from '@qedge/core';
import type { CompiledGraph } from '../src/graph/compiled-graph.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';

/** How far one value of a model is from what a peer computes for it. */
export interface LayerDifference {
  readonly name: string;
  /** Largest difference of two numbers; Infinity where one is NaN and the other is not. */
  readonly absolute: number;
  /** The same, relative to the largest number of the peer's value. */
  readonly relative: number;
}

/** Where the numbers of a value are in the peer: possibly with axes in another order. */
interface PeerValue {
  readonly name: string;
  /** Axes of the peer's value in the order of ours; null: the same. */
  readonly permutation: readonly number[] | null;
}

/**
 * Runs a compiled graph node by node, each on the values that ours computed before it, and compares every value that the peer computes, too.
 *
 * @param peerOf what stands for a value in the peer; default: the value of the same name.
 */
export function compareLayers(
  compiled: CompiledGraph,
  inputs: Readonly<Record<string, ValueData>>,
  peer: ReadonlyMap<string, ValueData>,
  peerOf: (name: string) => PeerValue | null = (name) => ({ name, permutation: null }),
): LayerDifference[] {
  for (const [name, { data }] of Object.entries(inputs)) compiled.inputs[name]?.data.set(data);
  const layers: LayerDifference[] = [];
  compiled.runTraced((name, value) => {
    const known = peerOf(name);
    const expected = known === null ? undefined : peer.get(known.name);
    if (known === null || expected === undefined) return;
    const moved = known.permutation === null ? expected : permute(expected, known.permutation);
    if (moved.data.length === value.data.length) layers.push(differenceOf(name, value.data, moved.data));
  });
  return layers;
}

/** The value that is furthest from the peer's, relative to its size. */
export function worstOf(layers: readonly LayerDifference[]): LayerDifference {
  return layers.reduce((worst, each) => (each.relative > worst.relative ? each : worst));
}

/**
 * Where the values of an imported ONNX graph are in the file: under their own names and, for images that the importer makes channels-last, before
 * the transposition that makes them ONNX's.
 */
export function onnxPeers({ graph }: OperatorModel): (name: string) => PeerValue | null {
  const lastMoved = new Map<string, PeerValue>();
  for (const { operator, inputs, outputs } of graph.nodes) {
    if (operator.kind !== 'transpose') continue;
    const permutation = operator.permutation.map((_, axis) => operator.permutation.indexOf(axis));
    lastMoved.set(inputs[0]!, { name: outputs[0]!, permutation });
  }
  return (name) => lastMoved.get(name) ?? { name, permutation: null };
}

function differenceOf(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): LayerDifference {
  let [absolute, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i]!));
    if (Object.is(actual[i], expected[i]) || actual[i] === expected[i]) continue;
    const difference = Math.abs(actual[i]! - expected[i]!);
    absolute = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(absolute, difference);
  }
  return { name, absolute, relative: absolute === 0 ? 0 : absolute / largest };
}

function permute({ dtype, shape, data }: ValueData, permutation: readonly number[]): ValueData {
  const moved = permutation.map((axis) => shape[axis]!);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const steps = permutation.map((axis) => strides[axis]!);
  const index = moved.map(() => 0);
  const result = data.slice();
  let from = 0;
  for (let at = 0; at < result.length; at++) {
    result[at] = data[from]!;
    for (let axis = moved.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < moved[axis]!) break;
      from -= steps[axis]! * moved[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape: moved, data: result };
}
