import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import { ContractChecks } from '../target/contract-checks.ts';
import type { MemoryOperand, Pointer, Routine, TargetTraits, Vector } from '../target/target.ts';
import { Assembler } from './assembler.ts';
import { bitMask, selectBits } from './bit-selection.ts';
import { enabledFeatures, requireFeatures, type X64Feature, type X64Features } from './features.ts';
import {
  type GeneralRegister,
  Label,
  Memory,
  type VectorLength,
  type VectorRegister,
  vectorRegister,
} from './registers.ts';
import { type CallingConvention, SYSTEM_V } from './system-v.ts';

/**
 * Heads of loops start at a multiple of this: a line of the decoders and micro-operation caches of Intel's cores. On Zen 4 no
 * alignment from 1 to 64 made a measurable difference.
 */
const LOOP_ALIGNMENT = 32;
/** A cache line, to which the whole code must be aligned. */
const CODE_ALIGNMENT = 64;

/** Room for the instructions before a body. */
const PROLOGUE_BYTES = 128;

/** Code by key, kept by a host for all its targets of one kind; see `Target.fragment`. */
export type CodeFragments = Map<string, Uint8Array>;

/** The general register behind a pointer. */
function registerOf(pointer: Pointer): GeneralRegister {
  return pointer as number as GeneralRegister;
}

/** The vector register behind a vector. */
export function vectorOf(vector: Vector): VectorRegister {
  return vectorRegister(vector);
}

/** The operand behind `memory`, `extra` bytes further. */
export function memoryOf({ base, offset }: MemoryOperand, extra = 0): Memory {
  return Memory.at(registerOf(base), offset + extra);
}

/**
 * The function around a kernel: which registers it uses, loops and routines, entry and exit. The highest vector register and one general
 * register are kept for short sequences.
 */
export abstract class X64Frame {
  readonly traits: TargetTraits;
  readonly block: Pointer;
  protected readonly assembler: Assembler;
  protected readonly checks: ContractChecks;
  protected readonly length: VectorLength;
  /** Never handed to kernels. */
  protected readonly scratch: VectorRegister;
  /** Never handed to kernels. */
  protected readonly scratchGeneral: GeneralRegister;
  readonly #convention: CallingConvention = SYSTEM_V;
  /** Volatile registers first: preserved ones cost two instructions. */
  readonly #freeRegisters: GeneralRegister[];
  /** Registers that were ever handed out. */
  readonly #usedRegisters = new Set<GeneralRegister>();
  readonly #routines: Label[] = [];
  readonly #fragments: CodeFragments;
  #vectorCount = 0;
  #halfTemporary: VectorRegister | null = null;
  #isInRoutine = false;

  /**
   * @param traits their `vectors` leave out the highest register, and nothing else.
   * @throws CapabilityUnavailableError when `features` lack one of `required`.
   */
  protected constructor(
    traits: TargetTraits,
    features: X64Features,
    required: readonly X64Feature[],
    fragments: CodeFragments,
  ) {
    const available = enabledFeatures(features);
    requireFeatures(`The target ${traits.id}`, required, available);
    this.traits = traits;
    this.#fragments = fragments;
    this.assembler = new Assembler(available);
    this.checks = new ContractChecks(traits);
    this.length = (traits.lanes * (traits.element === 'float64' ? 8 : 4)) as VectorLength;
    this.scratch = vectorRegister(traits.vectors);
    this.scratchGeneral = this.#convention.scratch;
    this.block = this.#convention.argument as number as Pointer;
    this.#freeRegisters = [...this.#convention.volatile, ...this.#convention.preserved];
  }

  /** How many address registers and loop counters the calling convention leaves. */
  protected static readonly pointers = SYSTEM_V.volatile.length + SYSTEM_V.preserved.length;

  // Registers and addresses

  vectors(role: string, count: number): Vector[] {
    this.checks.claimVectors(role, count);
    return Array.from({ length: count }, () => this.#vectorCount++ as Vector);
  }

  pointer(role: string): Pointer {
    this.checks.claimPointer(role);
    return this.#takeRegister() as number as Pointer;
  }

  argument(destination: Pointer, index: number): void {
    this.assembler.load64(registerOf(destination), this.field(index));
  }

  copyPointer(destination: Pointer, source: Pointer): void {
    if (destination !== source) this.assembler.mov(registerOf(destination), registerOf(source));
  }

  advance(pointer: Pointer, bytes: number): void {
    this.checks.bytes(bytes);
    if (bytes !== 0) this.assembler.addImmediate(registerOf(pointer), bytes);
  }

  advanceByArgument(pointer: Pointer, index: number, scale: number): void {
    this.checks.scale(scale);
    this.#advanceScaled(registerOf(pointer), this.field(index), scale);
  }

  advanceByWord(pointer: Pointer, memory: MemoryOperand, scale: number): void {
    this.checks.memory(memory);
    this.checks.scale(scale);
    this.#advanceScaled(registerOf(pointer), memoryOf(memory), scale);
  }

  /** Adds a word from memory times `scale`. */
  #advanceScaled(register: GeneralRegister, place: Memory, scale: number): void {
    const { assembler, scratchGeneral } = this;
    assembler.load32(scratchGeneral, place);
    if (scale === 1 || scale === 2 || scale === 4 || scale === 8) {
      assembler.lea(register, Memory.indexed(register, scratchGeneral, scale, 0));
    } else {
      assembler.multiplyImmediate(scratchGeneral, scratchGeneral, scale);
      assembler.add(register, scratchGeneral);
    }
  }

  addPointers(destination: Pointer, a: Pointer, b: Pointer): void {
    this.assembler.lea(registerOf(destination), Memory.indexed(registerOf(a), registerOf(b), 1, 0));
  }

  offsetPointer(destination: Pointer, source: Pointer, bytes: number): void {
    this.checks.wide('an offset', bytes);
    const { assembler, scratchGeneral } = this;
    if (bytes === 0) this.copyPointer(destination, source);
    else if (bytes < 2 ** 31) assembler.lea(registerOf(destination), Memory.at(registerOf(source), bytes));
    else {
      assembler.movWide(scratchGeneral, bytes);
      assembler.lea(registerOf(destination), Memory.indexed(registerOf(source), scratchGeneral, 1, 0));
    }
  }

  setArgument(index: number, source: Pointer): void {
    this.assembler.store64(this.field(index), registerOf(source));
  }

  gatherBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void {
    this.checks.bits(positions, shift);
    this.checks.distinct(destination, source);
    const { assembler, scratchGeneral } = this;
    selectBits(assembler, registerOf(destination), registerOf(source), positions, shift, scratchGeneral);
  }

  parityOfBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void {
    this.checks.bits(positions, shift);
    this.checks.distinct(destination, source);
    const { assembler } = this;
    const register = registerOf(destination);
    if (positions.length === 1) {
      selectBits(assembler, register, registerOf(source), positions, shift, this.scratchGeneral);
      return;
    }
    assembler.movWide(register, bitMask(positions));
    assembler.and(register, registerOf(source));
    assembler.popcnt(register, register);
    assembler.andImmediate(register, 1);
    if (shift > 0) assembler.shiftLeft(register, shift);
  }

  /** Leaves the zero flag set where no subset is left. */
  nextSubset(pointer: Pointer, mask: number): void {
    this.checks.wide('a mask', mask);
    const { assembler, scratchGeneral } = this;
    const register = registerOf(pointer);
    if (mask < 2 ** 31) {
      if (mask > 0) assembler.addImmediate(register, -mask);
      assembler.andImmediate(register, mask);
    } else {
      assembler.movWide(scratchGeneral, mask);
      assembler.subtract(register, scratchGeneral);
      assembler.and(register, scratchGeneral);
    }
  }

  fragment(key: string, emit: () => void): void {
    this.checks.fragment();
    this.assembler.replay(this.recorded(key, emit));
  }

  /** Code that is emitted once for all targets that share fragments; it is not appended to this one's. */
  protected recorded(key: string, emit: () => void): Uint8Array {
    let code = this.#fragments.get(key);
    if (code === undefined) {
      code = this.assembler.record(emit);
      this.#fragments.set(key, code);
    }
    return code;
  }

  // Control flow

  loopSubsets(pointer: Pointer, mask: number, body: () => void): void {
    const { assembler } = this;
    const head = new Label();
    assembler.movImmediate(registerOf(pointer), 0);
    assembler.align(LOOP_ALIGNMENT);
    assembler.bind(head);
    this.checks.loopWithoutCounter(body);
    this.nextSubset(pointer, mask);
    assembler.jumpIf('notZero', head);
  }

  loop(times: number, body: () => void): void {
    this.checks.times(times);
    if (times === 0) return;
    this.checks.loop(() => {
      if (times === 1) body();
      else this.#countDown(body, (counter) => this.assembler.movImmediate(counter, times));
    });
  }

  loopArgument(index: number, body: () => void): void {
    this.checks.loop(() => {
      this.#countDown(body, (counter, end) => {
        this.assembler.load32(counter, this.field(index));
        this.assembler.testZero32(counter);
        this.assembler.jumpIf('zero', end);
      });
    });
  }

  routine(_pointers: readonly Pointer[], body: () => void): Routine {
    const { assembler } = this;
    const [start, end] = [new Label(), new Label()];
    assembler.jump(end);
    assembler.align(LOOP_ALIGNMENT);
    assembler.bind(start);
    const routine = this.checks.routine(() => {
      this.#isInRoutine = true;
      body();
      this.#isInRoutine = false;
    });
    assembler.ret();
    assembler.bind(end);
    this.#routines[routine] = start;
    return routine;
  }

  call(routine: Routine): void {
    this.checks.call(routine);
    this.assembler.call(this.#routines[routine]!);
  }

  #takeRegister(): GeneralRegister {
    // The checks let no more be claimed than there are.
    const register = this.#freeRegisters.shift()!;
    this.#usedRegisters.add(register);
    return register;
  }

  /** A loop that runs until the counter is zero. Routines save theirs: the code that calls them may use the same register. */
  #countDown(body: () => void, start: (counter: GeneralRegister, end: Label) => void): void {
    const { assembler } = this;
    const counter = this.#takeRegister();
    const mustSave = this.#isInRoutine;
    if (mustSave) assembler.push(counter);
    const [head, end] = [new Label(), new Label()];
    start(counter, end);
    assembler.align(LOOP_ALIGNMENT);
    assembler.bind(head);
    body();
    assembler.decrement32(counter);
    assembler.jumpIf('notZero', head);
    assembler.bind(end);
    if (mustSave) assembler.pop(counter);
    this.#freeRegisters.unshift(counter);
  }

  finish(): Uint8Array {
    this.checks.finish();
    const { assembler } = this;
    const saved = this.#convention.preserved.filter((register) => this.#usedRegisters.has(register));
    assembler.vzeroupper();
    for (const register of [...saved].reverse()) assembler.pop(register);
    assembler.ret();
    const body = assembler.finish();
    // What the prologue must do is known only now. It is padded, so that the body keeps its alignment.
    const prologue = new Assembler(assembler.features, PROLOGUE_BYTES);
    for (const register of saved) prologue.push(register);
    this.emitPrologue(prologue);
    prologue.align(CODE_ALIGNMENT);
    const front = prologue.finish();
    const code = new Uint8Array(front.length + body.length);
    code.set(front);
    code.set(body, front.length);
    return code;
  }

  /** Emits what must happen once before the body. */
  protected abstract emitPrologue(prologue: Assembler): void;

  /** The register that conversions of 16-bit floats may use where `temporaries.half` is 1; null where it is 0. */
  protected get halfTemporary(): VectorRegister | null {
    return this.#halfTemporary;
  }

  /** The budget counts the register from the first conversion on, whether that one needs it or not, as on every target. */
  protected useHalf(): void {
    this.checks.useTemporaries('half');
    if (this.traits.temporaries.half === 1) this.#halfTemporary ??= vectorRegister(this.#vectorCount++);
  }

  protected field(index: number): Memory {
    this.checks.field(index);
    return Memory.at(registerOf(this.block), index * ARGUMENT_BYTES);
  }
}
