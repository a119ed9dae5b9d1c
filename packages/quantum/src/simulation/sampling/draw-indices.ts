import { InvalidArgumentError, type Random } from '@qedge/core';
import { flipMask, qubitsWithMemory, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';

/** Distinct outcomes, ascending, with how often each was drawn. Bit `k` is the `k`-th of the qubits that have memory. */
export interface DrawnIndices {
  readonly indices: Uint32Array;
  readonly frequencies: Uint32Array;
}

/** Amplitudes whose cumulative probabilities are tabulated at a time. */
const BLOCK_QUBITS = 12;
/** Shots are drawn so many at a time, in 20 bytes each. */
const MOST_SHOTS = 2 ** 24;

/**
 * Draws basis states with the probabilities of a state, which need not be normalised. Two passes over the state: shots are dealt
 * to blocks by the blocks' weights, then to amplitudes inside of each block. Time grows with amplitudes plus shots. The order is that
 * of basis states, not of memory: what a seed draws does not depend on how a state is arranged.
 */
export function drawIndices(
  state: StoredState,
  frame: StateFrame,
  shots: number,
  random: Random,
): DrawnIndices {
  const blocks = new AmplitudeBlocks(state, frame);
  let drawn = drawFrom(blocks, Math.min(shots, MOST_SHOTS), random);
  for (let done = MOST_SHOTS; done < shots; done += MOST_SHOTS) {
    drawn = mergeDrawn(drawn, drawFrom(blocks, Math.min(shots - done, MOST_SHOTS), random));
  }
  return drawn;
}

function drawFrom(blocks: AmplitudeBlocks, shots: number, random: Random): DrawnIndices {
  const { count: blockCount, size } = blocks;
  const squares = new Float64Array(size);
  const ends = blocks.weights(squares);
  for (let block = 1; block < blockCount; block++) ends[block] = ends[block]! + ends[block - 1]!;
  const dealt = dealToBlocks(ends, shots, random);
  const most = Math.min(shots, blockCount * size);
  const indices = new Uint32Array(most);
  const frequencies = new Uint32Array(most);
  const counts = new Uint32Array(size);
  let found = 0;
  for (let block = 0; block < blockCount; block++) {
    const [first, end] = [dealt.starts[block]!, dealt.starts[block + 1]!];
    if (first === end) continue;
    blocks.accumulate(block, squares);
    countInBlock(squares, dealt.remainders, first, end, counts);
    const start = block * size;
    for (let i = 0; i < size; i++) {
      if (counts[i] === 0) continue;
      indices[found] = start + i;
      frequencies[found++] = counts[i]!;
      counts[i] = 0;
    }
  }
  return { indices: indices.subarray(0, found), frequencies: frequencies.subarray(0, found) };
}

/** Adds two drawings up. */
function mergeDrawn(a: DrawnIndices, b: DrawnIndices): DrawnIndices {
  const indices = new Uint32Array(a.indices.length + b.indices.length);
  const frequencies = new Uint32Array(indices.length);
  let [i, j, found] = [0, 0, 0];
  while (i < a.indices.length || j < b.indices.length) {
    const index = Math.min(
      a.indices[i] ?? Number.POSITIVE_INFINITY,
      b.indices[j] ?? Number.POSITIVE_INFINITY,
    );
    indices[found] = index;
    if (a.indices[i] === index) frequencies[found] = a.frequencies[i++]!;
    if (b.indices[j] === index) frequencies[found] = frequencies[found]! + b.frequencies[j++]!;
    found++;
  }
  return { indices: indices.slice(0, found), frequencies: frequencies.slice(0, found) };
}

/** @throws InvalidArgumentError unless `shots` is an integer in 0..2^32-1. */
export function checkShots(shots: number): void {
  if (Number.isInteger(shots) && shots >= 0 && shots <= 0xffffffff) return;
  throw new InvalidArgumentError('A number of shots is out of range', {
    expected: 'an integer >= 0 and below 2^32',
    actual: shots,
  });
}

/** The amplitudes of a state in the order of basis states, block by block. */
class AmplitudeBlocks {
  readonly count: number;
  /** Amplitudes of a block. */
  readonly size: number;
  readonly #state: StoredState;
  readonly #places: readonly number[];
  readonly #flips: number;
  /** Physical indices of a block's amplitudes relative to its first one, to be combined with it by exclusive or. */
  readonly #offsets: Uint32Array;

  constructor(state: StoredState, frame: StateFrame) {
    this.#state = state;
    this.#places = qubitsWithMemory(frame).map((qubit) => frame.qubits[qubit]!);
    this.#flips = flipMask(frame.flips);
    const blockQubits = Math.min(BLOCK_QUBITS, this.#places.length);
    this.size = 2 ** blockQubits;
    this.count = 2 ** (this.#places.length - blockQubits);
    this.#offsets = new Uint32Array(this.size);
    for (let bit = 0; bit < blockQubits; bit++) {
      const moved = 2 ** this.#places[bit]!;
      for (let i = 0; i < 2 ** bit; i++) this.#offsets[2 ** bit + i] = this.#offsets[i]! + moved;
    }
  }

  /** The sum of `|a|^2` of every block. @param squares scratch of a block. */
  weights(squares: Float64Array): Float64Array {
    const sums = new Float64Array(this.count);
    const { lanes, regions, regionQubits } = this.#state;
    const runQubits = Math.min(BLOCK_QUBITS, regionQubits);
    const blockOf = Uint32Array.from({ length: 2 ** runQubits }, (_, i) => this.#blockOf(i));
    if (blockOf.every((block) => block === 0)) {
      return sums.map((_, block) => this.accumulate(block, squares));
    }
    // Blocks that are scattered over memory are summed side by side, in the order of memory.
    for (let run = 0; run < regions.length * 2 ** (regionQubits - runQubits); run++) {
      const start = run * 2 ** runQubits;
      const region = regions[Math.floor(start / 2 ** regionQubits)]!;
      const first = start % 2 ** regionQubits;
      const base = this.#blockOf((start ^ this.#flips) >>> 0);
      for (let i = 0; i < blockOf.length; i++) {
        const inside = first + i;
        const position = inside + (inside & -lanes);
        const re = region[position]!;
        const im = region[position + lanes]!;
        const block = base ^ blockOf[i]!;
        sums[block] = sums[block]! + re * re + im * im;
      }
    }
    return sums;
  }

  /** Fills `squares` with the running sum of `|a|^2` of a block and returns its end. */
  accumulate(block: number, squares: Float64Array): number {
    const { lanes, regions, regionQubits } = this.#state;
    const base = this.#physical(block * this.size) ^ this.#flips;
    const offsets = this.#offsets;
    const insideMask = 2 ** regionQubits - 1;
    const laneMask = -lanes;
    let sum = 0;
    let number = -1;
    let region = regions[0]!;
    for (let i = 0; i < offsets.length; i++) {
      const index = base ^ offsets[i]!;
      if (index >>> regionQubits !== number) {
        number = index >>> regionQubits;
        region = regions[number]!;
      }
      const inside = index & insideMask;
      const position = inside + (inside & laneMask);
      const re = region[position]!;
      const im = region[position + lanes]!;
      sum += re * re + im * im;
      squares[i] = sum;
    }
    return sum;
  }

  /** The block that a physical index without inverted bits belongs to. */
  #blockOf(physical: number): number {
    let basis = 0;
    for (let bit = 0; bit < this.#places.length; bit++) {
      if (Math.floor(physical / 2 ** this.#places[bit]!) % 2 === 1) basis += 2 ** bit;
    }
    return Math.floor(basis / this.size);
  }

  #physical(basis: number): number {
    let index = 0;
    for (let bit = 0; bit < this.#places.length; bit++) {
      if (Math.floor(basis / 2 ** bit) % 2 === 1) index += 2 ** this.#places[bit]!;
    }
    return index;
  }
}

/** Shots sorted by block: those of block `b` are `remainders[starts[b] .. starts[b + 1] - 1]`, counted from the block's begin. */
interface DealtShots {
  readonly starts: Uint32Array;
  readonly remainders: Float64Array;
}

function dealToBlocks(ends: Float64Array, shots: number, random: Random): DealtShots {
  const search = tabulateSearch(ends);
  const values = new Float64Array(shots);
  const blocks = new Uint32Array(shots);
  const starts = new Uint32Array(ends.length + 1);
  const total = ends[ends.length - 1]!;
  for (let shot = 0; shot < shots; shot++) {
    const value = random.uniform() * total;
    const block = search(value);
    values[shot] = block === 0 ? value : value - ends[block - 1]!;
    blocks[shot] = block;
    starts[block + 1] = starts[block + 1]! + 1;
  }
  for (let block = 0; block < ends.length; block++) {
    starts[block + 1] = starts[block + 1]! + starts[block]!;
  }
  const next = starts.slice();
  const remainders = new Float64Array(shots);
  for (let shot = 0; shot < shots; shot++) {
    const block = blocks[shot]!;
    remainders[next[block]!] = values[shot]!;
    next[block] = next[block]! + 1;
  }
  return { starts, remainders };
}

/** Few shots are found by bisection; for many a guide table is worth its making. */
const SHOTS_WORTH_A_TABLE = 256;

function countInBlock(
  squares: Float64Array,
  remainders: Float64Array,
  first: number,
  end: number,
  counts: Uint32Array,
): void {
  const search = end - first < SHOTS_WORTH_A_TABLE ? bisect(squares) : tabulateSearch(squares);
  for (let shot = first; shot < end; shot++) {
    const index = search(remainders[shot]!);
    counts[index] = counts[index]! + 1;
  }
}

/** A function that finds the first index whose running sum lies above a value, and never one that adds nothing. */
function bisect(ends: Float64Array): (value: number) => number {
  const last = lastIncrease(ends);
  return (value) => {
    let [low, high] = [0, last];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** The same by a guide table (Chen and Asau 1974): where to begin is looked up, a step or two remain. */
function tabulateSearch(ends: Float64Array): (value: number) => number {
  const last = lastIncrease(ends);
  const count = ends.length;
  const scale = count / ends[last]!;
  const guide = new Uint32Array(count + 1);
  let index = 0;
  for (let entry = 0; entry < count; entry++) {
    while (index < last && ends[index]! * scale <= entry) index++;
    guide[entry] = index;
  }
  guide[count] = last;
  return (value) => {
    let found = guide[Math.min(count, Math.floor(value * scale))]!;
    // Rounding may have begun one entry late.
    while (found > 0 && ends[found - 1]! > value) found--;
    while (found < last && ends[found]! <= value) found++;
    return found;
  };
}

/** The last index that adds to the running sum; 0 where none does. */
function lastIncrease(ends: Float64Array): number {
  let last = ends.length - 1;
  while (last > 0 && ends[last] === ends[last - 1]) last--;
  return last;
}
