/**
 * Sums gradients pairwise in the order of their shards: `((0+1)+(2+3))+...`. The order depends on the number of shards alone, never on who
 * computed them or when, so the bits of the sum do not either.
 *
 * @param gradients one array per shard, all of one length; the first is overwritten with the sum.
 * @returns the first array.
 */
export function sumInFixedOrder(gradients: readonly Float32Array[]): Float32Array {
  for (let distance = 1; distance < gradients.length; distance *= 2) {
    for (let at = 0; at + distance < gradients.length; at += 2 * distance) {
      addTo(gradients[at]!, gradients[at + distance]!);
    }
  }
  return gradients[0]!;
}

function addTo(sum: Float32Array, addend: Float32Array): void {
  for (let index = 0; index < sum.length; index++) sum[index]! += addend[index]!;
}

/** Neighbouring samples. */
export interface Shard {
  readonly from: number;
  readonly count: number;
}

/** Divides a batch into at most `shards` parts of sizes that differ by at most one; parts without samples are left out. */
export function divideIntoShards(batch: number, shards: number): readonly Shard[] {
  const parts: Shard[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const from = Math.floor((shard * batch) / shards);
    const to = Math.floor(((shard + 1) * batch) / shards);
    if (to > from) parts.push({ from, count: to - from });
  }
  return parts;
}
