/** What a layer of a chain adds to memory. */
export interface LayerFootprint {
  /** Bytes of what the layer computes and a gradient would keep. */
  readonly activationBytes: number;
  /** Bytes of the layer's output where the network can be cut behind it: one tensor crosses the cut. Null where it cannot. */
  readonly cutBytes: number | null;
}

/** A network cut into segments, whose inputs are kept and whose inside is computed again for the gradient. */
export interface CheckpointPlan {
  /** First layer of each segment and one past the last, ascending, over all layers. */
  readonly segments: readonly { readonly from: number; readonly to: number }[];
  /** Bytes that stay through the forward pass plus those of the segment that is largest inside. */
  readonly peakBytes: number;
  /** What the gradient would keep without cuts. */
  readonly uncutBytes: number;
}

/**
 * Chooses the cuts with the lowest peak: kept outputs of the segments plus the activations of the largest one (Chen et al. 2016,
 * "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, with the real sizes in place of equal ones). Tries every size of a segment
 * as the limit; for each the fewest bytes are kept by dynamic programming. O(layers^3), for the few hundred layers of a network.
 */
export function planCheckpoints(layers: readonly LayerFootprint[]): CheckpointPlan {
  const sums = [0];
  for (const { activationBytes } of layers) sums.push(sums.at(-1)! + activationBytes);
  const cuts = [
    0,
    ...layers.flatMap(({ cutBytes }, at) => (cutBytes === null || at + 1 === layers.length ? [] : [at + 1])),
    layers.length,
  ];
  const inside = (from: number, to: number) => sums[cuts[to]!]! - sums[cuts[from]!]!;
  const limits = new Set<number>();
  for (let from = 0; from < cuts.length; from++) {
    for (let to = from + 1; to < cuts.length; to++) limits.add(inside(from, to));
  }
  const kept = (cut: number) => (cut === 0 ? 0 : layers[cuts[cut]! - 1]!.cutBytes!);
  let best: { readonly peakBytes: number; readonly path: readonly number[] } | null = null;
  for (const limit of [...limits].sort((a, b) => a - b)) {
    if (best !== null && limit >= best.peakBytes) break;
    const found = cheapestPath(cuts.length, (from, to) => inside(from, to) <= limit, kept);
    if (found === null) continue;
    const largest = Math.max(...found.path.slice(1).map((to, at) => inside(found.path[at]!, to)));
    const peakBytes = found.keptBytes + largest;
    if (best === null || peakBytes < best.peakBytes) best = { peakBytes, path: found.path };
  }
  const { peakBytes, path } = best!;
  return {
    segments: path.slice(1).map((to, at) => ({ from: cuts[path[at]!]!, to: cuts[to]! })),
    peakBytes,
    uncutBytes: sums.at(-1)!,
  };
}

/** From the first to the last cut over allowed segments, with the fewest kept bytes; null when there is no such path. */
function cheapestPath(
  count: number,
  allowed: (from: number, to: number) => boolean,
  kept: (cut: number) => number,
): { readonly keptBytes: number; readonly path: readonly number[] } | null {
  const costs = new Array<number>(count).fill(Number.POSITIVE_INFINITY);
  const before = new Array<number>(count).fill(-1);
  costs[0] = 0;
  for (let to = 1; to < count; to++) {
    for (let from = to - 1; from >= 0 && allowed(from, to); from--) {
      const cost = costs[from]! + kept(from);
      if (cost >= costs[to]!) continue;
      costs[to] = cost;
      before[to] = from;
    }
  }
  if (costs[count - 1] === Number.POSITIVE_INFINITY) return null;
  const path = [count - 1];
  while (path[0]! > 0) path.unshift(before[path[0]!]!);
  return { keptBytes: costs[count - 1]!, path };
}
