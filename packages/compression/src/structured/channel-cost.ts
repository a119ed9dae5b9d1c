import type { ModelTopology, TopologyWeight } from '../model/model-topology.ts';
import { countMacs } from '../report/count-macs.ts';
import type { ChannelGroup, DependencyGraph } from './dependency-graph.ts';

/** The multiply-accumulates of one kernel: a constant times the product of the lengths of its channel axes. */
interface KernelCost {
  /** Multiply-accumulates per element of the product. */
  readonly perElement: number;
  /** Length left of each channel axis. */
  readonly lengths: number[];
}

/** An axis that loses `positions` for every channel of a group that goes. */
interface AxisUse {
  readonly kernel: number;
  readonly axis: number;
  readonly positions: number;
}

/** Keeps count of the multiply-accumulates of a model while channels are removed. */
export class ChannelCost {
  readonly #kernels: readonly KernelCost[];
  readonly #uses: ReadonlyMap<ChannelGroup, readonly AxisUse[]>;
  #total: number;

  /** @throws UnsupportedError and InvalidArgumentError as `countMacs`. */
  constructor(topology: ModelTopology, graph: DependencyGraph) {
    const { total, byLayer } = countMacs(topology);
    this.#total = total;
    const kernels = topology.layers.flatMap(({ name, weights }) => {
      const ofLayer = weights.filter(isKernel);
      const elements = ofLayer.reduce((sum, { data }) => sum + data.length, 0);
      return ofLayer.map(({ name: weight, data }) => ({
        slices: graph.slices.filter((slice) => slice.weight === weight),
        macs: ((byLayer.get(name) ?? 0) * data.length) / elements,
      }));
    });
    const slices = kernels.map((kernel) => kernel.slices);
    this.#kernels = kernels.map(({ slices: axes, macs }) => {
      const lengths = axes.map(({ channels }) => channels.length);
      return { perElement: macs / product(lengths), lengths };
    });
    this.#uses = new Map(
      graph.groups.map((group) => [
        group,
        slices.flatMap((ofKernel, kernel) =>
          ofKernel
            .map(({ channels }, axis) => ({ kernel, axis, positions: countOf(channels, group.channels[0]!) }))
            .filter(({ positions }) => positions > 0),
        ),
      ]),
    );
  }

  /** Multiply-accumulates of the model with the channels that are left. */
  get total(): number {
    return this.#total;
  }

  /** Removes `count` channels of a group. */
  remove(group: ChannelGroup, count: number): void {
    const uses = this.#uses.get(group)!;
    const touched = [...new Set(uses.map(({ kernel }) => kernel))];
    const costOfTouched = () => touched.reduce((sum, kernel) => sum + costOf(this.#kernels[kernel]!), 0);
    this.#total -= costOfTouched();
    this.#shorten(uses, count);
    this.#total += costOfTouched();
  }

  #shorten(uses: readonly AxisUse[], count: number): void {
    for (const { kernel, axis, positions } of uses) {
      this.#kernels[kernel]!.lengths[axis]! -= count * positions;
    }
  }
}

/** Weights that multiply: kernels, not the scales of a normalisation. */
export function isKernel({ role }: TopologyWeight): boolean {
  return role === 'kernel' || role.endsWith('_kernel');
}

function costOf({ perElement, lengths }: KernelCost): number {
  return perElement * product(lengths);
}

function countOf(channels: Int32Array, channel: number): number {
  return channels.reduce((count, each) => count + (each === channel ? 1 : 0), 0);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((result, size) => result * size, 1);
}
