import type { MemoryOperand, Pointer, Routine, Target } from '@qedge/codegen';
import type {
  RegisterKernel,
  StateLayout,
  Sweep,
  TableReference,
  VectorOperation,
} from '../vector-program.ts';
import { emitMultiplyFactors } from './factor-code.ts';
import { KernelCode } from './kernel-code.ts';
import { KernelRegisters, SWEEP_ARGUMENTS, WORKSPACE_BYTES } from './kernel-registers.ts';
import { emitMultiplyMatrix } from './matrix-code.ts';
import {
  emitMultiplyPhases,
  emitRotateLanes,
  emitRotatePhase,
  emitRotateRows,
  emitScale,
  emitSetRows,
} from './rotation-code.ts';
import {
  amplitudeBytes,
  byteBit,
  PADDING_PERIOD_BITS,
  paddedOffset,
  rowOffsets,
  SweepAddressing,
} from './state-addressing.ts';

/** Offsets up to this are part of an instruction; what is left of larger ones goes to an address register. */
const LARGEST_OFFSET = 2 ** 30;
const CACHE_LINE_BYTES = 64;
const PADDING_PERIOD = 2 ** PADDING_PERIOD_BITS;

/** Where rows lie so far apart, but no more than two pages, processors do not foresee what is read next (AMD Zen 4: half the speed). */
const UNPREDICTED_DISTANCE_BITS = { least: 10, most: 13 } as const;

/** What one kernel does beside its operations. */
interface KernelTask {
  readonly kernel: RegisterKernel;
  readonly readsState: boolean;
  readonly writesState: boolean;
  /** Cache lines of the next tile's block to prefetch: the lower or upper half of them, all or none. */
  readonly prefetch: 'none' | 'low' | 'high' | 'all';
}

/** Emits a sweep: a loop over tiles that calls a routine per kernel. */
export function emitSweep(target: Target<unknown>, layout: StateLayout, sweep: Sweep): void {
  new SweepCode(target, layout, sweep).emit();
}

class SweepCode {
  readonly #target: Target<unknown>;
  readonly #layout: StateLayout;
  readonly #sweep: Sweep;
  readonly #registers: KernelRegisters;
  readonly #addressing: SweepAddressing;

  constructor(target: Target<unknown>, layout: StateLayout, sweep: Sweep) {
    this.#target = target;
    this.#layout = layout;
    this.#sweep = sweep;
    this.#registers = new KernelRegisters(target);
    this.#addressing = new SweepAddressing(layout, sweep);
  }

  emit(): void {
    const target = this.#target;
    const routines = this.#tasks().map((task) => target.routine([], () => this.#emitKernel(task)));
    target.loopArgument(SWEEP_ARGUMENTS.tileCount, () => this.#emitTile(routines));
  }

  /**
   * The last two kernels that need no other tile of the state prefetch the next one, half of each row's cache lines each: the last one all where
   * a row is one line. A kernel alone does it only where the processor does not.
   */
  #tasks(): KernelTask[] {
    const { kernels, inPlace } = this.#sweep;
    const last = kernels.length - 1;
    const candidates = kernels
      .map((_, index) => index)
      .filter((index) => (inPlace && last > 0) || (index > 0 && index < last));
    if (candidates.length === 0 && (last > 0 || this.#isUnpredicted(kernels[0]!))) candidates.push(0);
    const late = this.#addressing.tileCount > 1 ? candidates.slice(this.#linesPerRow() > 1 ? -2 : -1) : [];
    return kernels.map((kernel, index) => {
      const turn = late.indexOf(index);
      const prefetch = turn < 0 ? 'none' : late.length === 1 ? 'all' : turn === 0 ? 'low' : 'high';
      return {
        kernel,
        readsState: inPlace || index === 0,
        writesState: inPlace || index === last,
        prefetch,
      };
    });
  }

  #isUnpredicted({ blockQubits }: RegisterKernel): boolean {
    const { least, most } = UNPREDICTED_DISTANCE_BITS;
    return blockQubits.some((qubit) => {
      const bit = this.#addressing.stateBit(qubit);
      return bit >= least && bit <= most;
    });
  }

  /** Notes where this tile and the next one are, and runs the kernels. */
  #emitTile(routines: readonly Routine[]): void {
    const target = this.#target;
    const { tile, tileOffset, nextTile, memory, part } = this.#registers;
    target.argument(tileOffset, SWEEP_ARGUMENTS.nextOffset);
    target.argument(memory, SWEEP_ARGUMENTS.state);
    this.#emitAddress(tile, memory, tileOffset, part);
    target.setArgument(SWEEP_ARGUMENTS.tileOffset, tileOffset);
    target.setArgument(SWEEP_ARGUMENTS.tile, tile);
    target.nextSubset(tileOffset, this.#addressing.outerMask);
    target.setArgument(SWEEP_ARGUMENTS.nextOffset, tileOffset);
    this.#emitAddress(nextTile, memory, tileOffset, part);
    target.setArgument(SWEEP_ARGUMENTS.nextTile, nextTile);
    for (const routine of routines) target.call(routine);
  }

  /** `destination = base + offset`, with the padding that lies before the offset. */
  #emitAddress(destination: Pointer, base: Pointer, offset: Pointer, part: Pointer): void {
    const target = this.#target;
    target.addPointers(destination, base, offset);
    const { paddingBytes } = this.#layout;
    const top = Math.log2(amplitudeBytes(this.#layout));
    if (paddingBytes === 0 || top <= PADDING_PERIOD_BITS) return;
    const periods = Array.from({ length: top - PADDING_PERIOD_BITS }, (_, i) => PADDING_PERIOD_BITS + i);
    target.gatherBits(part, offset, periods, Math.log2(paddingBytes));
    target.addPointers(destination, destination, part);
  }

  #emitKernel(task: KernelTask): void {
    const { kernel, readsState, writesState, prefetch } = task;
    const target = this.#target;
    const registers = this.#registers;
    const addressing = this.#addressing;
    const code = new KernelCode(target, registers, addressing, kernel);
    target.argument(registers.tables, SWEEP_ARGUMENTS.tables);
    target.argument(registers.scratch, SWEEP_ARGUMENTS.scratch);
    target.argument(registers.tileOffset, SWEEP_ARGUMENTS.tileOffset);
    if (readsState || writesState) target.argument(registers.tile, SWEEP_ARGUMENTS.tile);
    if (prefetch !== 'none') target.argument(registers.nextTile, SWEEP_ARGUMENTS.nextTile);
    for (const operation of kernel.operations) {
      for (const reference of referencesOf(operation)) code.tables.prepare(reference);
    }
    let [localMask, farMask] = [0, 0];
    for (const qubit of this.#sweep.tileQubits) {
      if (qubit < this.#layout.laneQubits || kernel.blockQubits.includes(qubit)) continue;
      localMask += 2 ** addressing.localBits[qubit]!;
      farMask += 2 ** addressing.stateBit(qubit);
    }
    const needsFar = !this.#sweep.inPlace && (readsState || writesState || prefetch !== 'none');
    // With no bits in the mask the next subset is the empty one.
    if (needsFar) target.nextSubset(registers.far, 0);
    target.loopSubsets(registers.local, localMask, () => {
      this.#emitBlock(task, code);
      if (needsFar) target.nextSubset(registers.far, farMask);
    });
  }

  /** One block: its rows are loaded, worked on and stored. */
  #emitBlock(task: KernelTask, code: KernelCode): void {
    const target = this.#target;
    const { registers } = code;
    const { blockQubits, operations } = task.kernel;
    const { inPlace } = this.#sweep;
    const offset = inPlace ? registers.local : registers.far;
    const usesState = task.readsState || task.writesState;
    const inState = usesState || task.prefetch !== 'none' ? this.#offsetsInState(blockQubits) : [];
    const inTile = task.readsState && task.writesState ? [] : this.#offsetsInTile(blockQubits);
    if (task.prefetch !== 'none') {
      this.#emitAddress(registers.memory, registers.nextTile, offset, registers.part);
      this.#emitPrefetch(task.prefetch, inState, code);
    }
    if (usesState) this.#emitAddress(registers.memory, registers.tile, offset, registers.part);
    if (!(task.readsState && task.writesState)) {
      target.addPointers(registers.inScratch, registers.scratch, registers.local);
    }
    if (operations[0]?.kind !== 'set-rows') {
      this.#emitRows(code, task.readsState, task.readsState ? inState : inTile, 'load');
    }
    for (const operation of operations) emitOperation(code, operation);
    this.#emitRows(code, task.writesState, task.writesState ? inState : inTile, 'store');
  }

  /** Where each row lies from the address of a block. */
  #offsetsInState(blockQubits: readonly number[]): readonly number[] {
    const offsets = rowOffsets(blockQubits.map((qubit) => this.#addressing.stateBit(qubit)));
    if (offsets.at(-1)! < PADDING_PERIOD) return offsets;
    return offsets.map((offset) => paddedOffset(this.#layout, offset));
  }

  /** The same in scratch memory. */
  #offsetsInTile(blockQubits: readonly number[]): readonly number[] {
    const offsets = rowOffsets(blockQubits.map((qubit) => this.#addressing.localBits[qubit]!));
    return offsets.map((offset) => WORKSPACE_BYTES + offset);
  }

  #emitRows(code: KernelCode, isState: boolean, offsets: readonly number[], how: 'load' | 'store'): void {
    const { registers, vectorBytes } = code;
    const base = isState ? registers.memory : registers.inScratch;
    if (offsets.at(-1)! < LARGEST_OFFSET) {
      const vectors = registers.rowVectors(offsets.length);
      const places: number[] = [];
      for (const offset of offsets) places.push(offset, offset + vectorBytes);
      if (how === 'load') this.#target.loadAll(vectors, base, places);
      else this.#target.storeAll(vectors, base, places);
      return;
    }
    this.#forRows(base, offsets, (row, place) => {
      registers.parts(row).forEach((vector, part) => {
        const half = { base: place.base, offset: place.offset + part * vectorBytes };
        if (how === 'load') this.#target.load(vector, half);
        else this.#target.store(vector, half);
      });
    });
  }

  #emitPrefetch(which: KernelTask['prefetch'], offsets: readonly number[], code: KernelCode): void {
    const lines = this.#linesPerRow();
    const half = lines / 2;
    const [first, end] = { none: [0, 0], all: [0, lines], low: [0, half], high: [half, lines] }[which] as [
      number,
      number,
    ];
    this.#forRows(code.registers.memory, offsets, (_row, { base, offset }) => {
      for (let line = first; line < end; line++) {
        this.#target.prefetchLater({ base, offset: offset + line * CACHE_LINE_BYTES });
      }
    });
  }

  /** Cache lines of both parts of a row, a power of two. */
  #linesPerRow(): number {
    return Math.max(1, 2 ** byteBit(this.#layout, this.#layout.laneQubits) / CACHE_LINE_BYTES);
  }

  /** Rows whose offset is too large for an instruction share an address register as long as its part stays the same. */
  #forRows(
    base: Pointer,
    offsets: readonly number[],
    emit: (row: number, place: MemoryOperand) => void,
  ): void {
    const { part } = this.#registers;
    let current = 0;
    offsets.forEach((offset, row) => {
      const rest = offset % LARGEST_OFFSET;
      const high = offset - rest;
      if (high !== 0 && high !== current) this.#target.offsetPointer(part, base, high);
      current = high;
      emit(row, { base: high === 0 ? base : part, offset: rest });
    });
  }
}

/** The tables that an operation reads. */
export function referencesOf(operation: VectorOperation): readonly TableReference[] {
  if (operation.kind !== 'multiply-factors') return [operation.table];
  return operation.selection === null ? operation.factors : [...operation.factors, operation.selection];
}

/** The emitter of each kind of operation. */
const EMITTERS: {
  readonly [Kind in VectorOperation['kind']]: (
    code: KernelCode,
    operation: Extract<VectorOperation, { readonly kind: Kind }>,
  ) => void;
} = {
  'set-rows': emitSetRows,
  'rotate-rows': emitRotateRows,
  'rotate-lanes': emitRotateLanes,
  'rotate-phase': emitRotatePhase,
  'multiply-phases': emitMultiplyPhases,
  'multiply-factors': emitMultiplyFactors,
  'multiply-matrix': emitMultiplyMatrix,
  scale: emitScale,
};

function emitOperation(code: KernelCode, operation: VectorOperation): void {
  (EMITTERS[operation.kind] as (code: KernelCode, operation: VectorOperation) => void)(code, operation);
}
