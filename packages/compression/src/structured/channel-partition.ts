/**
 * Disjoint sets of channels: channels that can only be removed together are united (Tarjan 1975, union by age with path halving).
 * The oldest member stands for its set, so the sets do not depend on the order of unions.
 */
export class ChannelPartition {
  readonly #parents: number[] = [];

  /** New channels, each in a set of its own. */
  fresh(count: number): Int32Array {
    const first = this.#parents.length;
    const channels = Int32Array.from({ length: count }, (_, at) => first + at);
    for (const channel of channels) this.#parents.push(channel);
    return channels;
  }

  /** The oldest channel of the set. */
  find(channel: number): number {
    const parents = this.#parents;
    let at = channel;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  }

  /** Ties two lists of the same length, position by position. */
  unite(left: Int32Array, right: Int32Array): void {
    for (let at = 0; at < left.length; at++) {
      const [a, b] = [this.find(left[at]!), this.find(right[at]!)];
      this.#parents[Math.max(a, b)] = Math.min(a, b);
    }
  }
}
