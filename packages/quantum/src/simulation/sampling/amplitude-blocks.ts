import { flipMask, qubitsWithMemory, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';

/** Amplitudes of a block: tables for them stay in the level-1 cache. */
const BLOCK_QUBITS = 11;
/** Memory is read in runs of so many amplitudes, whatever the order of basis states. */
const RUN_QUBITS = 5;
/** Numbers between the tables of two blocks, so that their lines do not fight for the same places of the cache. */
const TABLE_PADDING = 8;

/**
 * The probabilities of a state's amplitudes in the order of basis states, block by block. Blocks whose amplitudes lie side by side in memory
 * form a group and are read together.
 */
export class AmplitudeBlocks {
  /** Blocks of the state. */
  readonly count: number;
  /** Amplitudes of a block. */
  readonly size: number;
  readonly groupCount: number;
  /** Numbers of a group's blocks, less that of its first one. */
  readonly members: readonly number[];
  readonly #state: StoredState;
  /** The physical qubit of each bit of a basis state. */
  readonly #places: readonly number[];
  readonly #flips: number;
  /** The bits of a block's number that are the same in a group. */
  readonly #outerBits: readonly number[];
  /** For the bits that lie near in memory: places from the start of a run, and where squares go in the tables of a group. */
  readonly #positions: Int32Array;
  readonly #entries: Int32Array;
  /** For the other bits of a block: physical indices of runs from the start of the group, and where their squares go. */
  readonly #runs: Uint32Array;
  readonly #runEntries: Int32Array;
  readonly #tables: Float64Array;

  constructor(state: StoredState, frame: StateFrame) {
    this.#state = state;
    this.#flips = flipMask(frame.flips);
    const places = qubitsWithMemory(frame).map((qubit) => frame.qubits[qubit]!);
    this.#places = places;
    const blockBits = Math.min(BLOCK_QUBITS, places.length);
    const laneBits = Math.log2(state.lanes);
    this.size = 2 ** blockBits;
    this.count = 2 ** (places.length - blockBits);
    const bits = Array.from(places.keys());
    const near = bits.filter((bit) => places[bit]! < RUN_QUBITS).sort((a, b) => places[a]! - places[b]!);
    const grouped = near.filter((bit) => bit >= blockBits);
    this.#outerBits = bits
      .filter((bit) => bit >= blockBits && !grouped.includes(bit))
      .map((bit) => bit - blockBits);
    this.groupCount = 2 ** this.#outerBits.length;
    this.members = Array.from(combine(grouped.map((bit) => 2 ** (bit - blockBits))));
    const stride = this.size + TABLE_PADDING;
    const entryOf = (bit: number) => (bit < blockBits ? 2 ** bit : stride * 2 ** grouped.indexOf(bit));
    // Imaginary parts lie between: a bit above the lanes stands one place higher in a position.
    const positions = near.map((bit) => 2 ** (places[bit]! < laneBits ? places[bit]! : places[bit]! + 1));
    const inverted = near.reduce(
      (sum, bit, i) => sum + (bitOf(this.#flips, places[bit]!) ? positions[i]! : 0),
      0,
    );
    this.#positions = Int32Array.from(combine(positions), (position) => position ^ inverted);
    this.#entries = Int32Array.from(combine(near.map(entryOf)));
    const far = bits.filter((bit) => bit < blockBits && !near.includes(bit));
    this.#runs = combine(far.map((bit) => 2 ** places[bit]!));
    this.#runEntries = Int32Array.from(combine(far.map(entryOf)));
    this.#tables = new Float64Array(stride * 2 ** grouped.length);
  }

  /** The sum of `|a|^2` of every block. */
  weights(): Float64Array {
    const sums = new Float64Array(this.count);
    const { lanes, qubitCount, regions, regionQubits } = this.#state;
    const runQubits = Math.min(BLOCK_QUBITS, regionQubits);
    // What a bit of a physical index adds to the number of the block.
    const steps = new Array<number>(qubitCount).fill(0);
    this.#places.forEach((place, bit) => {
      steps[place] = Math.floor(2 ** bit / this.size);
    });
    const near = steps.slice(0, runQubits);
    const isWhole = lanes <= 2 ** runQubits && near.every((step) => step === 0);
    const blockOf = isWhole ? null : combine(near);
    const bases = combine(steps.slice(runQubits));
    let inverted = 0;
    for (const place of this.#places) if (bitOf(this.#flips, place)) inverted += steps[place]!;
    // In the order of memory; blocks that are scattered over it are summed side by side.
    for (let run = 0; run < bases.length; run++) {
      const start = run * 2 ** runQubits;
      const region = regions[Math.floor(start / 2 ** regionQubits)]!;
      const first = start % 2 ** regionQubits;
      const base = bases[run]! ^ inverted;
      if (blockOf !== null) addSquares(region, lanes, first, base, blockOf, sums);
      else sums[base] = sums[base]! + sumOfSquares(region, 2 * first, 2 * (first + 2 ** runQubits));
    }
    return sums;
  }

  /** Reads the `|a|^2` of a group, whose first block has this number; {@link cumulate} then gives them. */
  read(first: number): void {
    const { lanes, regions, regionQubits } = this.#state;
    const farFlips = this.#flips - (this.#flips % 2 ** RUN_QUBITS);
    const base = this.#physical(first * this.size) ^ farFlips;
    const insideMask = 2 ** regionQubits - 1;
    const [positions, entries, tables] = [this.#positions, this.#entries, this.#tables];
    for (let run = 0; run < this.#runs.length; run++) {
      const index = (base ^ this.#runs[run]!) >>> 0;
      const inside = index & insideMask;
      const start = inside + (inside & -lanes);
      readRun(
        regions[index >>> regionQubits]!,
        start,
        lanes,
        positions,
        entries,
        tables,
        this.#runEntries[run]!,
      );
    }
  }

  /** Fills `ends` with the running sums of the `|a|^2` of a member of the group that was read. */
  cumulate(member: number, ends: Float64Array): void {
    const tables = this.#tables;
    const start = member * (this.size + TABLE_PADDING);
    let sum = 0;
    for (let i = 0; i < ends.length; i++) {
      sum += tables[start + i]!;
      ends[i] = sum;
    }
  }

  /** The number of the first block of a group. */
  firstBlock(group: number): number {
    return this.#outerBits.reduce((block, bit, i) => block + (bitOf(group, i) ? 2 ** bit : 0), 0);
  }

  #physical(basis: number): number {
    return this.#places.reduce((sum, place, bit) => sum + (bitOf(basis, bit) ? 2 ** place : 0), 0);
  }
}

function bitOf(number: number, bit: number): boolean {
  return Math.floor(number / 2 ** bit) % 2 === 1;
}

/** The sums of all subsets of some numbers, the first number being in every second one. */
function combine(numbers: readonly number[]): Uint32Array {
  const sums = new Uint32Array(2 ** numbers.length);
  numbers.forEach((number, bit) => {
    for (let i = 0; i < 2 ** bit; i++) sums[2 ** bit + i] = sums[i]! + number;
  });
  return sums;
}

/** Squares of amplitudes at some places from `start`, written to some places from `entry`. Integers below 2^31 keep it quick. */
function readRun(
  region: Float32Array | Float64Array,
  start: number,
  lanes: number,
  positions: Int32Array,
  entries: Int32Array,
  tables: Float64Array,
  entry: number,
): void {
  for (let i = 0; i < positions.length; i++) {
    const position = (start + positions[i]!) | 0;
    const re = region[position]!;
    const im = region[(position + lanes) | 0]!;
    tables[(entry + entries[i]!) | 0] = re * re + im * im;
  }
}

function sumOfSquares(numbers: Float32Array | Float64Array, start: number, end: number): number {
  let [even, odd] = [0, 0];
  // One part after the other, at least one lane each.
  for (let i = start; i < end; i += 2) {
    even += numbers[i]! * numbers[i]!;
    odd += numbers[i + 1]! * numbers[i + 1]!;
  }
  return even + odd;
}

/** Adds the squares of amplitudes to the sums of their blocks. */
function addSquares(
  region: Float32Array | Float64Array,
  lanes: number,
  first: number,
  base: number,
  blockOf: Uint32Array,
  sums: Float64Array,
): void {
  for (let i = 0; i < blockOf.length; i++) {
    const inside = first + i;
    const position = inside + (inside & -lanes);
    const re = region[position]!;
    const im = region[position + lanes]!;
    const block = base ^ blockOf[i]!;
    sums[block] = sums[block]! + re * re + im * im;
  }
}
