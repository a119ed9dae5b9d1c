import { InvalidArgumentError, Random } from '@qedge/core';
import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import { AmplitudeBlocks } from './amplitude-blocks.ts';
import { CumulativeSearch } from './cumulative-search.ts';

/** Distinct outcomes, ascending, with how often each was drawn. Bit `k` is the `k`-th of the qubits that have memory. */
export interface DrawnIndices {
  readonly indices: Uint32Array;
  readonly frequencies: Uint32Array;
}

/**
 * Draws basis states with the probabilities of a state, which need not be normalised. Two passes over the state: it is drawn how many shots
 * fall into each block of amplitudes, then where each of them falls inside of it. Time grows with amplitudes plus shots. The order is that
 * of basis states, not of memory: what a seed draws does not depend on how a state is arranged.
 */
export function drawIndices(
  state: StoredState,
  frame: StateFrame,
  shots: number,
  random: Random,
): DrawnIndices {
  const blocks = new AmplitudeBlocks(state, frame);
  const dealt = dealToBlocks(blocks.weights(), shots, random);
  // Every block has random numbers of its own, because blocks are met in the order of memory.
  const seeds = Float64Array.from(dealt, (count) => (count === 0 ? 0 : drawSeed(random)));
  // Where the shots of each block begin when every one of them is another index.
  const starts = new Float64Array(blocks.count + 1);
  for (let block = 0; block < blocks.count; block++) {
    starts[block + 1] = starts[block]! + Math.min(dealt[block]!, blocks.size);
  }
  const drawn: DrawnIndices = {
    indices: new Uint32Array(starts[blocks.count]!),
    frequencies: new Uint32Array(starts[blocks.count]!),
  };
  const found = new Uint32Array(blocks.count);
  const search = new CumulativeSearch(blocks.size);
  const counts = new Uint32Array(blocks.size);
  for (let group = 0; group < blocks.groupCount; group++) {
    const first = blocks.firstBlock(group);
    if (blocks.members.every((offset) => dealt[first + offset] === 0)) continue;
    blocks.read(first);
    for (const [member, offset] of blocks.members.entries()) {
      const block = first + offset;
      if (dealt[block] === 0) continue;
      blocks.cumulate(member, search.ends);
      drawInBlock(search, dealt[block]!, new Random(seeds[block]!), counts);
      found[block] = collect(counts, block * blocks.size, drawn, starts[block]!);
    }
  }
  return compact(drawn, starts, found);
}

/** @throws InvalidArgumentError unless `shots` is an integer in 0..2^32-1. */
export function checkShots(shots: number): void {
  if (Number.isInteger(shots) && shots >= 0 && shots <= 0xffffffff) return;
  throw new InvalidArgumentError('A number of shots is out of range', {
    expected: 'an integer >= 0 and below 2^32',
    actual: shots,
  });
}

/** An integer, uniform in 0..2^53-1. */
function drawSeed(random: Random): number {
  return random.uniform() * 2 ** 53;
}

/** How many shots fall into each block. */
function dealToBlocks(weights: Float64Array, shots: number, random: Random): Uint32Array {
  const dealt = new Uint32Array(weights.length);
  const search = new CumulativeSearch(weights.length);
  let sum = 0;
  weights.forEach((weight, block) => {
    sum += weight;
    search.ends[block] = sum;
  });
  search.prepare(shots);
  for (let shot = 0; shot < shots; shot++) {
    const block = search.draw(random);
    dealt[block] = dealt[block]! + 1;
  }
  return dealt;
}

/** Adds where shots fall inside of a block. */
function drawInBlock(search: CumulativeSearch, shots: number, random: Random, counts: Uint32Array): void {
  search.prepare(shots);
  for (let shot = 0; shot < shots; shot++) {
    const index = search.draw(random);
    counts[index] = counts[index]! + 1;
  }
}

/** Writes the counts that are not 0 to the outcomes from `start`, and clears them. @returns how many there were. */
function collect(
  counts: Uint32Array,
  firstIndex: number,
  { indices, frequencies }: DrawnIndices,
  start: number,
): number {
  let at = start;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (count === 0) continue;
    indices[at] = firstIndex + i;
    frequencies[at++] = count;
    counts[i] = 0;
  }
  return at - start;
}

/** Moves the outcomes of all blocks together. */
function compact(
  { indices, frequencies }: DrawnIndices,
  starts: Float64Array,
  found: Uint32Array,
): DrawnIndices {
  let end = 0;
  for (let block = 0; block < found.length; block++) {
    const [from, to] = [starts[block]!, starts[block]! + found[block]!];
    if (from !== end) {
      indices.copyWithin(end, from, to);
      frequencies.copyWithin(end, from, to);
    }
    end += found[block]!;
  }
  return { indices: indices.subarray(0, end), frequencies: frequencies.subarray(0, end) };
}
