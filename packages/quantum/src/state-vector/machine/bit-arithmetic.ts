import {
  type AssembledKernels,
  type EmittedKernel,
  type KernelHost,
  type LoadedKernel,
  setArgument,
  type ThreadTeam,
} from '@qedge/codegen';
import type { MachineState } from '../state-machine.ts';
import {
  BIT_WEIGHTS_ARGUMENTS,
  EXTRACT_BLOCKS_ARGUMENTS,
  EXTRACT_LANES_ARGUMENTS,
  emitBitWeights,
  emitExtractBlocks,
  emitExtractLanes,
  emitProjectBlocks,
  emitScaleLanes,
  PROJECT_BLOCKS_ARGUMENTS,
  SCALE_LANES_ARGUMENTS,
} from './bit-code.ts';
import type { RegionState } from './machine-state.ts';
import { bufferOffset, type Region, type RegionSource } from './memory-regions.ts';
import { elementBytes, paddedOffset, stateBytes } from './state-addressing.ts';

/** Most blocks that a thread works on by one call, as a power of two: no padding lies within them. */
const UNIT_BITS = 16;
/** Blocks whose squares are summed in the precision of the state, as a power of two; the sums are added in double precision. */
const GROUP_BITS = 8;
/** Argument blocks are whole cache lines, so that threads share none. */
const BLOCK_BYTES = 64;
/** What one thread streams through, about: to decide whether threads pay. */
const BYTES_PER_MICROSECOND = 20_000;

/** What the arithmetic needs of its machine. */
export interface BitArithmeticParts {
  readonly host: KernelHost;
  readonly element: 'float32' | 'float64';
  readonly laneQubits: number;
  readonly regions: RegionSource;
  readonly team: ThreadTeam;
  readonly threads: number;
  readonly compile: <Result>(work: () => Result) => Result;
}

type Emit = EmittedKernel['emit'];
type Field = readonly [field: number, value: number];

/** Code, and the two ways to run it: on the calling thread and on all. */
interface BitKernel {
  readonly alone: LoadedKernel;
  readonly together: (() => void) | null;
}

/** Probabilities of single qubits and projections on their values, as generated code on all threads. */
export class BitArithmetic implements Disposable {
  readonly #parts: BitArithmeticParts;
  readonly #blockBytes: number;
  /** Bytes of the sums of one thread. */
  readonly #sumBytes: number;
  /** Threads are used in powers of two. */
  readonly #threadBits: number;
  readonly #assembled: AssembledKernels[] = [];
  readonly #kernels = new Map<string, BitKernel>();
  #workspace: Region | null = null;

  constructor(parts: BitArithmeticParts) {
    this.#parts = parts;
    this.#blockBytes = 2 * elementBytes(parts.element) * 2 ** parts.laneQubits;
    this.#threadBits = Math.floor(Math.log2(parts.threads));
    this.#sumBytes = 2 ** (UNIT_BITS - GROUP_BITS) * this.#blockBytes;
  }

  /** See {@link StateArithmetic.bitWeights}. */
  bitWeights(state: MachineState, qubit: number): [number, number] {
    const { laneQubits } = this.#parts;
    const { blockBits, unitBits, threads } = this.#divide(state);
    const blockBit = qubit - laneQubits;
    const groupBits = Math.min(GROUP_BITS, unitBits);
    const groupCount = 2 ** (unitBits - groupBits);
    // Where a group has blocks of both values they take turns; elsewhere the two sums are halves of one.
    const mixes = blockBit >= 0 && blockBit < groupBits;
    const run = mixes ? 2 ** blockBit : 2 ** groupBits / 2;
    const weights: [number, number] = [0, 0];
    const units = 2 ** (blockBits - unitBits);
    for (let first = 0; first < units; first += threads) {
      this.#run('weights', emitBitWeights, threads, (thread) => [
        [BIT_WEIGHTS_ARGUMENTS.state, this.#address(state, (first + thread) * 2 ** unitBits)],
        [BIT_WEIGHTS_ARGUMENTS.sums, this.#sumsOf(thread).address],
        [BIT_WEIGHTS_ARGUMENTS.groupCount, groupCount],
        [BIT_WEIGHTS_ARGUMENTS.runCount, mixes ? 2 ** (groupBits - 1 - blockBit) : 1],
        [BIT_WEIGHTS_ARGUMENTS.zeroBlocks, Math.ceil(run)],
        [BIT_WEIGHTS_ARGUMENTS.oneBlocks, Math.floor(run)],
      ]);
      for (let thread = 0; thread < threads; thread++) {
        const sums = this.#sumsOf(thread).view(groupCount * 2 ** (laneQubits + 1));
        if (blockBit < 0) addAlternating(sums, 2 ** qubit, weights);
        else if (mixes) addAlternating(sums, 2 ** laneQubits, weights);
        else {
          const firstGroup = (first + thread) * groupCount;
          const groupsPerRun = 2 ** (blockBit - groupBits);
          addGroups(sums, 2 ** (laneQubits + 1), firstGroup, groupsPerRun, weights);
        }
      }
    }
    return weights;
  }

  /** See {@link StateArithmetic.projectBit}. */
  projectBit(out: MachineState, state: MachineState, qubit: number, bit: 0 | 1, factor: number): void {
    const { laneQubits } = this.#parts;
    if (qubit < laneQubits) {
      this.#setFactors(factor, (lane) => ((lane >>> qubit) & 1) === bit);
      this.#scaleLanes(out, state);
      return;
    }
    this.#setFactors(factor);
    const { blockBits, unitBits, threads } = this.#divide(state);
    const blockBit = qubit - laneQubits;
    // Runs of both values within a unit, or units of one value in pairs.
    const mixes = blockBit < unitBits;
    const units = mixes ? 2 ** (blockBits - unitBits) : 2 ** (blockBits - 1 - unitBits);
    const [keptRun, clearedRun] = [bit * 2 ** blockBit, (1 - bit) * 2 ** blockBit];
    for (let first = 0; first < units; first += threads) {
      this.#run('project', emitProjectBlocks, threads, (thread) => {
        const start = (first + thread) * 2 ** unitBits;
        const block = mixes ? start : insertZero(start, blockBit);
        return [
          [PROJECT_BLOCKS_ARGUMENTS.kept, this.#address(state, block + keptRun)],
          [PROJECT_BLOCKS_ARGUMENTS.out, this.#address(out, block + keptRun)],
          [PROJECT_BLOCKS_ARGUMENTS.cleared, this.#address(out, block + clearedRun)],
          [PROJECT_BLOCKS_ARGUMENTS.runCount, mixes ? 2 ** (unitBits - 1 - blockBit) : 1],
          [PROJECT_BLOCKS_ARGUMENTS.runBlocks, mixes ? 2 ** blockBit : 2 ** unitBits],
          [PROJECT_BLOCKS_ARGUMENTS.factors, this.#open().address],
        ];
      });
    }
  }

  /** See {@link StateArithmetic.extractBit}. */
  extractBit(out: MachineState, state: MachineState, qubit: number, bit: 0 | 1, factor: number): void {
    const { laneQubits } = this.#parts;
    const { blockBits, unitBits, threads } = this.#divide(out);
    const units = 2 ** (blockBits - unitBits);
    const blockBit = qubit - laneQubits;
    if (blockBit < 0) this.#setFactors(factor, (lane) => ((lane >>> qubit) & 1) === 0);
    else this.#setFactors(factor);
    for (let first = 0; first < units; first += threads) {
      if (blockBit < 0) {
        const emit: typeof emitScaleLanes = (target, element) =>
          emitExtractLanes(target, element, qubit, bit);
        this.#run(`extract ${qubit} ${bit}`, emit, threads, (thread) => {
          const block = (first + thread) * 2 ** unitBits;
          return [
            [EXTRACT_LANES_ARGUMENTS.state, this.#address(state, 2 * block)],
            [EXTRACT_LANES_ARGUMENTS.out, this.#address(out, block)],
            [EXTRACT_LANES_ARGUMENTS.blockCount, 2 ** unitBits],
            [EXTRACT_LANES_ARGUMENTS.factors, this.#open().address],
          ];
        });
        continue;
      }
      const mixes = blockBit < unitBits;
      this.#run('extract', emitExtractBlocks, threads, (thread) => {
        const block = (first + thread) * 2 ** unitBits;
        const source = insertZero(block, blockBit) + bit * 2 ** blockBit;
        return [
          [EXTRACT_BLOCKS_ARGUMENTS.kept, this.#address(state, source)],
          [EXTRACT_BLOCKS_ARGUMENTS.out, this.#address(out, block)],
          [EXTRACT_BLOCKS_ARGUMENTS.runCount, mixes ? 2 ** (unitBits - blockBit) : 1],
          [EXTRACT_BLOCKS_ARGUMENTS.runBlocks, mixes ? 2 ** blockBit : 2 ** unitBits],
          [EXTRACT_BLOCKS_ARGUMENTS.factors, this.#open().address],
        ];
      });
    }
  }

  dispose(): void {
    for (const kernels of this.#assembled) kernels.dispose();
    this.#assembled.length = 0;
    this.#kernels.clear();
    this.#workspace?.release();
    this.#workspace = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #scaleLanes(out: MachineState, state: MachineState): void {
    const { blockBits, unitBits, threads } = this.#divide(state);
    const units = 2 ** (blockBits - unitBits);
    for (let first = 0; first < units; first += threads) {
      this.#run('scale', emitScaleLanes, threads, (thread) => {
        const block = (first + thread) * 2 ** unitBits;
        return [
          [SCALE_LANES_ARGUMENTS.state, this.#address(state, block)],
          [SCALE_LANES_ARGUMENTS.out, this.#address(out, block)],
          [SCALE_LANES_ARGUMENTS.blockCount, 2 ** unitBits],
          [SCALE_LANES_ARGUMENTS.factors, this.#open().address],
        ];
      });
    }
  }

  /** Blocks of a state, and how many threads take how large a part of them at a time. */
  #divide({ layout }: MachineState): { blockBits: number; unitBits: number; threads: number } {
    const { laneQubits, team } = this.#parts;
    const blockBits = layout.qubitCount - laneQubits;
    const threads = 2 ** this.#threadBits;
    const saved = (stateBytes(layout) / BYTES_PER_MICROSECOND) * (1 - 1 / threads);
    if (saved <= team.handoffMicroseconds || blockBits <= this.#threadBits) {
      return { blockBits, unitBits: Math.min(UNIT_BITS, blockBits), threads: 1 };
    }
    // Two units at least for each thread: they may be worked on in pairs.
    return { blockBits, unitBits: Math.min(UNIT_BITS, blockBits - 1 - this.#threadBits), threads };
  }

  /** Runs a kernel with arguments for each thread. @param key says all that the code depends on. */
  #run(
    key: string,
    emit: (target: Parameters<Emit>[0], element: BitArithmeticParts['element']) => void,
    threads: number,
    argumentsOf: (thread: number) => readonly Field[],
  ): void {
    const { alone, together } = this.#kernels.get(key) ?? this.#load(key, emit);
    const workspace = this.#open();
    const view = new DataView(workspace.memory.buffer as ArrayBuffer, bufferOffset(workspace));
    for (let thread = 0; thread < threads; thread++) {
      const block = this.#blockOffset(thread);
      for (const [field, value] of argumentsOf(thread)) setArgument(view, block, field, value);
    }
    if (threads === 1) alone.run(workspace.address + this.#blockOffset(0));
    else together!();
  }

  #load(
    key: string,
    emit: (target: Parameters<Emit>[0], element: BitArithmeticParts['element']) => void,
  ): BitKernel {
    const { host, element, compile, team } = this.#parts;
    const { memory, address } = this.#open();
    const emitted: EmittedKernel = { key, emit: (target) => emit(target, element) };
    const assembled = compile(() => host.assemble([emitted], memory, element));
    this.#assembled.push(assembled);
    const alone = assembled.kernels[0]!;
    const parts = Array.from({ length: 2 ** this.#threadBits }, (_, thread) => ({
      kernel: alone,
      block: address + this.#blockOffset(thread),
    }));
    const kernel = { alone, together: parts.length > 1 ? team.prepare(parts) : null };
    this.#kernels.set(key, kernel);
    return kernel;
  }

  /** Two vectors of factors, then an argument block for each thread, then the sums of each. */
  #open(): Region {
    const bytes = this.#blockOffset(2 ** this.#threadBits) + 2 ** this.#threadBits * this.#sumBytes;
    this.#workspace ??= this.#parts.regions.reserve(bytes, 'sums over states');
    return this.#workspace;
  }

  #blockOffset(thread: number): number {
    return 2 * BLOCK_BYTES + thread * BLOCK_BYTES;
  }

  /** Fills the first vector of factors, and the second one with the factors where the first has none. */
  #setFactors(factor: number, isFirst: (lane: number) => boolean = () => true): void {
    const lanes = 2 ** this.#parts.laneQubits;
    const factors = this.#view(0, 2 * lanes);
    for (let lane = 0; lane < lanes; lane++) {
      factors[lane] = isFirst(lane) ? factor : 0;
      factors[lanes + lane] = isFirst(lane) ? 0 : factor;
    }
  }

  #sumsOf(thread: number): {
    readonly address: number;
    readonly view: (length: number) => Float32Array | Float64Array;
  } {
    const offset = this.#blockOffset(2 ** this.#threadBits) + thread * this.#sumBytes;
    return {
      address: this.#open().address + offset,
      view: (length) => this.#view(offset, length),
    };
  }

  #view(byteOffset: number, length: number): Float32Array | Float64Array {
    const View = this.#parts.element === 'float64' ? Float64Array : Float32Array;
    const workspace = this.#open();
    return new View(workspace.memory.buffer as ArrayBuffer, bufferOffset(workspace) + byteOffset, length);
  }

  #address(state: MachineState, block: number): number {
    const { layout, address } = state as RegionState;
    return address + paddedOffset(layout, block * this.#blockBytes);
  }
}

/** The number with a 0 put in at a bit. */
function insertZero(number: number, bit: number): number {
  const low = number % 2 ** bit;
  return low + (number - low) * 2;
}

/** Adds numbers to either weight in turn, `run` at a time. */
function addAlternating(sums: Float32Array | Float64Array, run: number, weights: [number, number]): void {
  let [zero, one] = [0, 0];
  for (let start = 0; start < sums.length; start += 2 * run) {
    for (let i = start; i < start + run; i++) {
      zero += sums[i]!;
      one += sums[i + run]!;
    }
  }
  weights[0] += zero;
  weights[1] += one;
}

/** Adds the numbers of each group to the weight of its value. */
function addGroups(
  sums: Float32Array | Float64Array,
  groupLength: number,
  firstGroup: number,
  groupsPerRun: number,
  weights: [number, number],
): void {
  for (let start = 0; start < sums.length; start += groupLength) {
    let sum = 0;
    for (let i = start; i < start + groupLength; i++) sum += sums[i]!;
    const bit = Math.floor((firstGroup + start / groupLength) / groupsPerRun) % 2;
    weights[bit as 0 | 1] += sum;
  }
}
