import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import { ContractChecks } from '../target/contract-checks.ts';
import type {
  FloatElement,
  MemoryOperand,
  Pointer,
  Routine,
  TargetTraits,
  Vector,
} from '../target/target.ts';
import { addAddresses, advanceSubset, offsetAddress, parity, selectBits } from './address-operations.ts';
import { FunctionWriter } from './function-writer.ts';
import type { WasmFunction, WasmKernel } from './module.ts';
import { OPCODE, VALUE_TYPE } from './opcodes.ts';
import { type WasmDialect, wasmTraits } from './traits.ts';

/** Code by key, kept by a host for all its targets of one kind; see `Target.fragment`. */
export type WasmFragments = Map<string, Uint8Array>;

/** How a kernel is encoded beyond its dialect. */
export interface WasmTargetOptions {
  /** What lanes hold. Default: float32. */
  readonly element?: FloatElement;
  /** Fragments of other targets of this dialect, engine and element. Default: none. */
  readonly fragments?: WasmFragments;
}

/** One WebAssembly vector. */
export const PART_BYTES = 16;
const BLOCK = 0 as Pointer;

/** The functions around a kernel: which locals are its registers, addresses, loops and routines. */
export abstract class WasmFrame {
  readonly traits: TargetTraits;
  readonly block = BLOCK;
  protected readonly relaxed: boolean;
  readonly #firstFunction: number;
  /** 0, or 0 and 1 for pairs. */
  protected readonly parts: readonly number[];
  protected readonly laneBytes: 4 | 8;
  protected readonly partLanes: number;
  readonly #fragments: WasmFragments;
  protected readonly checks: ContractChecks;
  readonly #routines: { readonly pointers: readonly Pointer[]; readonly function: WasmFunction }[] = [];
  readonly #kernel = new FunctionWriter([BLOCK]);
  protected writer = this.#kernel;
  #vectorCount = 0;
  #pointerCount = 1;

  /**
   * @param firstFunction the index in the module that the kernel's first function will have.
   * @param hoistsLoads whether the engine moves loads; see `WasmFeatures`.
   */
  constructor(
    dialect: WasmDialect,
    firstFunction = 0,
    hoistsLoads = false,
    { element = 'float32', fragments = new Map() }: WasmTargetOptions = {},
  ) {
    this.relaxed = dialect !== 'strict';
    this.#firstFunction = firstFunction;
    this.traits = wasmTraits(dialect, hoistsLoads, element);
    this.#fragments = fragments;
    this.laneBytes = element === 'float64' ? 8 : 4;
    this.partLanes = PART_BYTES / this.laneBytes;
    this.parts = this.traits.lanes === this.partLanes ? [0] : [0, 1];
    this.checks = new ContractChecks(this.traits);
  }

  vectors(role: string, count: number): Vector[] {
    this.checks.claimVectors(role, count);
    return Array.from({ length: count }, () => this.#vectorCount++ as Vector);
  }

  pointer(role: string): Pointer {
    this.checks.claimPointer(role);
    return this.#pointerCount++ as Pointer;
  }

  argument(destination: Pointer, index: number): void {
    this.#pushArgument(index);
    this.writer.set(this.writer.pointer(destination));
  }

  copyPointer(destination: Pointer, source: Pointer): void {
    this.writer.get(this.writer.pointer(source));
    this.writer.set(this.writer.pointer(destination));
  }

  advance(pointer: Pointer, bytes: number): void {
    this.checks.bytes(bytes);
    if (bytes === 0) return;
    const local = this.writer.pointer(pointer);
    this.writer.get(local);
    this.writer.integer(bytes);
    this.writer.emit(OPCODE.i32Add);
    this.writer.set(local);
  }

  advanceByArgument(pointer: Pointer, index: number, scale: number): void {
    this.checks.scale(scale);
    const local = this.writer.pointer(pointer);
    this.writer.get(local);
    this.#pushArgument(index);
    this.writer.integer(scale);
    this.writer.emit(OPCODE.i32Multiply, OPCODE.i32Add);
    this.writer.set(local);
  }

  advanceByWord(pointer: Pointer, memory: MemoryOperand, scale: number): void {
    this.checks.memory(memory);
    this.checks.scale(scale);
    const local = this.writer.pointer(pointer);
    this.writer.get(local);
    this.writer.get(this.writer.pointer(memory.base));
    this.writer.loadWord(memory.offset);
    this.writer.integer(scale);
    this.writer.emit(OPCODE.i32Multiply, OPCODE.i32Add);
    this.writer.set(local);
  }

  addPointers(destination: Pointer, a: Pointer, b: Pointer): void {
    addAddresses(this.writer, destination, a, b);
  }

  offsetPointer(destination: Pointer, source: Pointer, bytes: number): void {
    this.checks.wide('an offset', bytes);
    offsetAddress(this.writer, destination, source, bytes);
  }

  setArgument(index: number, source: Pointer): void {
    this.checks.field(index);
    this.writer.get(this.writer.pointer(BLOCK));
    this.writer.get(this.writer.pointer(source));
    this.writer.storeWord(index * ARGUMENT_BYTES);
  }

  gatherBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void {
    this.checks.bits(positions, shift);
    this.checks.distinct(destination, source);
    selectBits(this.writer, destination, source, positions, shift);
  }

  parityOfBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void {
    this.checks.bits(positions, shift);
    this.checks.distinct(destination, source);
    parity(this.writer, destination, source, positions, shift);
  }

  nextSubset(pointer: Pointer, mask: number): void {
    this.checks.wide('a mask', mask);
    advanceSubset(this.writer, pointer, mask);
    this.writer.emit(OPCODE.drop);
  }

  loopSubsets(pointer: Pointer, mask: number, body: () => void): void {
    this.checks.wide('a mask', mask);
    this.writer.integer(0);
    this.writer.set(this.writer.pointer(pointer));
    this.writer.emit(OPCODE.loop, OPCODE.emptyBlockType);
    this.checks.loopWithoutCounter(body);
    advanceSubset(this.writer, pointer, mask);
    this.writer.emit(OPCODE.branchIf, 0, OPCODE.end);
  }

  fragment(key: string, emit: () => void): void {
    this.checks.fragment();
    const known = this.#fragments.get(key);
    if (known === undefined) this.#fragments.set(key, this.writer.record(emit));
    else this.writer.replay(known);
  }

  loop(times: number, body: () => void): void {
    this.checks.times(times);
    if (times === 0) return;
    this.checks.loop(() => {
      if (times === 1) {
        body();
        return;
      }
      const counter = this.writer.newLocal(VALUE_TYPE.i32);
      this.writer.integer(times);
      this.writer.set(counter);
      this.writer.countDown(counter, body);
    });
  }

  loopArgument(index: number, body: () => void): void {
    this.checks.loop(() => {
      const counter = this.writer.newLocal(VALUE_TYPE.i32);
      this.#pushArgument(index);
      this.writer.tee(counter);
      this.writer.emit(OPCODE.if, OPCODE.emptyBlockType);
      this.writer.countDown(counter, body);
      this.writer.emit(OPCODE.end);
    });
  }

  routine(pointers: readonly Pointer[], body: () => void): Routine {
    const writer = new FunctionWriter([BLOCK, ...pointers]);
    const routine = this.checks.routine(() => {
      this.writer = writer;
      this.#declareRegisters();
      body();
      this.writer = this.#kernel;
    });
    this.#routines.push({ pointers: [...pointers], function: writer.finish() });
    return routine;
  }

  call(routine: Routine): void {
    this.checks.call(routine);
    for (const pointer of [BLOCK, ...this.#routines[routine]!.pointers]) {
      this.writer.get(this.writer.pointer(pointer));
    }
    this.writer.call(this.#firstFunction + routine);
  }

  finish(): WasmKernel {
    this.checks.finish();
    const functions = [...this.#routines.map((routine) => routine.function), this.#kernel.finish()];
    return { firstFunction: this.#firstFunction, functions };
  }

  /** Gives every register that was claimed a local, in the order of claims, so that fragments fit every routine. */
  #declareRegisters(): void {
    for (let pointer = 0; pointer < this.#pointerCount; pointer++) this.writer.pointer(pointer as Pointer);
    for (let vector = 0; vector < this.#vectorCount; vector++) this.locals(vector as Vector);
  }

  #pushArgument(index: number): void {
    this.checks.field(index);
    this.writer.get(this.writer.pointer(BLOCK));
    this.writer.loadWord(index * ARGUMENT_BYTES);
  }

  protected locals(vector: Vector): readonly number[] {
    return this.parts.map((part) => this.writer.vector(vector, part));
  }
}
