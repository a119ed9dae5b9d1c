import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import { ContractChecks } from '../target/contract-checks.ts';
import type {
  Conversion,
  FloatOperation,
  IntegerOperation,
  MemoryOperand,
  NarrowFormat,
  Pointer,
  Routine,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from '../target/target.ts';
import { Assembler } from './assembler.ts';
import {
  enabledFeatures,
  hasFeature,
  requireFeatures,
  type X64Feature,
  type X64Features,
} from './features.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import {
  type GeneralRegister,
  Label,
  Memory,
  type VectorLength,
  type VectorRegister,
  vectorRegister,
} from './registers.ts';
import { type CallingConvention, SYSTEM_V } from './system-v.ts';

/** How code for x86-64 is generated. */
export interface X64TargetOptions {
  /** Multiply-adds round twice, so that results have the same bits on every host. */
  readonly strict: boolean;
}

/** Heads of loops start at a multiple of this, so that the decoder fetches them in whole lines. */
const LOOP_ALIGNMENT = 32;
/** A cache line, to which the whole code must be aligned. */
const CODE_ALIGNMENT = 64;

const FLOAT_INSTRUCTIONS = {
  add: I.vaddps,
  subtract: I.vsubps,
  multiply: I.vmulps,
  divide: I.vdivps,
  min: I.vminps,
  max: I.vmaxps,
} as const;

const INTEGER_INSTRUCTIONS = {
  add: I.vpaddd,
  subtract: I.vpsubd,
  and: I.vpand,
  or: I.vpor,
  xor: I.vpxor,
  andNot: I.vpandn,
} as const;

const SHIFT_INSTRUCTIONS = {
  16: { left: I.vpsllw, 'right-signed': I.vpsraw, 'right-unsigned': I.vpsrlw },
  32: { left: I.vpslld, 'right-signed': I.vpsrad, 'right-unsigned': I.vpsrld },
} as const;

const CONVERT_INSTRUCTIONS = {
  'int32-to-float32': I.vcvtdq2ps,
  'float32-to-int32': I.vcvtps2dq,
} as const;

const WIDENING = {
  int8: I.vpmovsxbd,
  uint8: I.vpmovzxbd,
  int16: I.vpmovsxwd,
  uint16: I.vpmovzxwd,
  bfloat16: I.vpmovzxwd,
  float16: I.vcvtph2ps,
} as const;

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
 * What the x86-64 targets share: pointers, loops, routines, the frame of the function, and every vector operation whose
 * instructions differ by nothing but length. The highest vector register is kept for short sequences.
 */
export abstract class X64Target implements Target<Uint8Array> {
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
  #vectorCount = 0;
  #halfTemporary: VectorRegister | null = null;
  #isInRoutine = false;

  /**
   * @param traits their `vectors` leave out the highest register, and nothing else.
   * @throws CapabilityUnavailableError when `features` lack one of `required`.
   */
  protected constructor(traits: TargetTraits, features: X64Features, required: readonly X64Feature[]) {
    const available = enabledFeatures(features);
    requireFeatures(`The target ${traits.id}`, required, available);
    this.traits = traits;
    this.assembler = new Assembler(available);
    this.checks = new ContractChecks(traits);
    this.length = (traits.lanes * 4) as VectorLength;
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
    this.assembler.load64(registerOf(destination), this.#field(index));
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
    const { assembler, scratchGeneral } = this;
    const register = registerOf(pointer);
    assembler.load32(scratchGeneral, this.#field(index));
    if (scale === 1 || scale === 2 || scale === 4 || scale === 8) {
      assembler.lea(register, Memory.indexed(register, scratchGeneral, scale, 0));
    } else {
      assembler.multiplyImmediate(scratchGeneral, scratchGeneral, scale);
      assembler.add(register, scratchGeneral);
    }
  }

  // Control flow

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
        this.assembler.load32(counter, this.#field(index));
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

  // Memory

  load(destination: Vector, memory: MemoryOperand, lanes: number = this.traits.lanes): void {
    this.#checkAccess(memory, lanes);
    const register = vectorOf(destination);
    if (lanes < this.traits.lanes) this.loadTail(register, memory, lanes);
    else this.assembler.rm(I.vmovups, this.length, register, memoryOf(memory));
  }

  store(source: Vector, memory: MemoryOperand, lanes: number = this.traits.lanes): void {
    this.#checkAccess(memory, lanes);
    const register = vectorOf(source);
    if (lanes < this.traits.lanes) this.storeTail(register, memory, lanes);
    else this.assembler.mr(I.vmovupsStore, this.length, memoryOf(memory), register);
  }

  loadNarrow(
    format: NarrowFormat,
    destination: Vector,
    memory: MemoryOperand,
    lanes: number = this.traits.lanes,
  ): void {
    this.#checkAccess(memory, lanes);
    if (isHalf(format)) this.#useHalf();
    const register = vectorOf(destination);
    this.loadWidened(WIDENING[format], register, memory, lanes);
    if (format === 'bfloat16') this.assembler.vmi(I.vpslld, this.length, register, register, 16);
  }

  storeNarrow(
    format: NarrowFormat,
    source: Vector,
    memory: MemoryOperand,
    lanes: number = this.traits.lanes,
  ): void {
    this.#checkAccess(memory, lanes);
    if (isHalf(format)) this.#useHalf();
    this.storeNarrowed(format, vectorOf(source), memory, lanes);
  }

  loadPairs(format: 'int8' | 'uint8', destination: Vector, memory: MemoryOperand): void {
    this.checks.memory(memory);
    const row = format === 'int8' ? I.vpmovsxbw : I.vpmovzxbw;
    this.assembler.rm(row, this.length, vectorOf(destination), memoryOf(memory));
  }

  splat(destination: Vector, memory: MemoryOperand): void {
    this.checks.memory(memory);
    this.assembler.rm(I.vbroadcastss, this.length, vectorOf(destination), memoryOf(memory));
  }

  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, memory: MemoryOperand): void {
    this.checks.memory(memory);
    this.#useHalf();
    const { assembler, length } = this;
    const register = vectorOf(destination);
    if (format === 'bfloat16') {
      assembler.rm(I.vpbroadcastw, length, register, memoryOf(memory));
      assembler.vmi(I.vpslld, length, register, register, 16);
    } else {
      assembler.rm(I.vpbroadcastw, length === 64 ? 32 : 16, register, memoryOf(memory));
      assembler.rm(I.vcvtph2ps, length, register, register);
    }
  }

  moveWord(destination: MemoryOperand, source: MemoryOperand): void {
    this.checks.memory(destination);
    this.checks.memory(source);
    this.assembler.load32(this.scratchGeneral, memoryOf(source));
    this.assembler.store32(memoryOf(destination), this.scratchGeneral);
  }

  prefetch(memory: MemoryOperand, write = false): void {
    this.checks.memory(memory);
    const { assembler } = this;
    if (write && hasFeature(assembler.features, 'prefetchw')) assembler.prefetchw(memoryOf(memory));
    else assembler.prefetcht0(memoryOf(memory));
  }

  // Constants

  zero(destination: Vector): void {
    this.assembler.clear(I.vpxor, this.length, vectorOf(destination));
  }

  constant(destination: Vector, value: number): void {
    const bits = new Int32Array(Float32Array.of(value).buffer);
    this.integerConstant(destination, bits[0]!);
  }

  integerConstant(destination: Vector, bits: number): void {
    const word = bits >>> 0;
    if (word === 0) this.zero(destination);
    else this.assembler.rm(I.vbroadcastss, this.length, vectorOf(destination), this.assembler.constant(word));
  }

  // Lane-wise operations

  copy(destination: Vector, source: Vector): void {
    if (destination !== source) {
      this.assembler.rm(I.vmovaps, this.length, vectorOf(destination), vectorOf(source));
    }
  }

  float(operation: FloatOperation, destination: Vector, a: Vector, b: Vector): void {
    // min and max return their second source when an operand is NaN or both are zero; here that must be `a`.
    const isReversed = operation === 'min' || operation === 'max';
    const [first, second] = isReversed ? [b, a] : [a, b];
    this.#binary(FLOAT_INSTRUCTIONS[operation], destination, first, second);
  }

  squareRoot(destination: Vector, source: Vector): void {
    this.assembler.rm(I.vsqrtps, this.length, vectorOf(destination), vectorOf(source));
  }

  abstract zeroNaN(destination: Vector, source: Vector): void;

  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#binary(INTEGER_INSTRUCTIONS[operation], destination, a, b);
  }

  addWords(destination: Vector, a: Vector, b: Vector): void {
    this.#binary(I.vpaddw, destination, a, b);
  }

  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void {
    this.checks.shift(shift, width, bits);
    const row = SHIFT_INSTRUCTIONS[width][shift];
    this.assembler.vmi(row, this.length, vectorOf(destination), vectorOf(source), bits);
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    const row = CONVERT_INSTRUCTIONS[conversion];
    this.assembler.rm(row, this.length, vectorOf(destination), vectorOf(source));
  }

  fma(accumulator: Vector, a: Vector, b: Vector): void {
    if (this.traits.fmaRounding === 'once') this.#binary(I.vfmadd231ps, accumulator, a, b);
    else this.#accumulate(I.vmulps, I.vaddps, accumulator, a, b);
  }

  fnma(accumulator: Vector, a: Vector, b: Vector): void {
    if (this.traits.fmaRounding === 'once') this.#binary(I.vfnmadd231ps, accumulator, a, b);
    else this.#accumulate(I.vmulps, I.vsubps, accumulator, a, b);
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    if (this.traits.dot === 'bytes') this.#binary(I.vpdpbusd, accumulator, a, b);
    else this.#accumulate(I.vpmaddwd, I.vpaddd, accumulator, a, b);
  }

  multiplyWords(destination: Vector, a: Vector, b: Vector): void {
    this.#binary(I.vpmaddwd, destination, a, b);
  }

  multiplyBytes(destination: Vector, a: Vector, b: Vector): void {
    this.checks.optional('multiplyBytes');
    this.#binary(I.vpmaddubsw, destination, a, b);
  }

  dotBfloat16(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.optional('dotBfloat16');
    this.#binary(I.vdpbf16ps, accumulator, a, b);
  }

  exchange(destination: Vector, source: Vector, mask: number): void {
    this.checks.mask(mask);
    const register = vectorOf(destination);
    const inner = mask & 3;
    const outer = mask >> 2;
    let moved = vectorOf(source);
    if (inner > 0) {
      this.assembler.rmi(I.vpermilps, this.length, register, moved, fourWay(inner));
      moved = register;
    }
    if (outer > 0) this.exchangeParts(register, moved, outer);
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
    const prologue = new Assembler(assembler.features);
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
  /** Loads fewer lanes than there are and zeroes the rest. */
  protected abstract loadTail(destination: VectorRegister, memory: MemoryOperand, lanes: number): void;
  /** Stores fewer lanes than there are. */
  protected abstract storeTail(source: VectorRegister, memory: MemoryOperand, lanes: number): void;
  /** Loads the first `lanes` lanes (perhaps all) by an instruction that widens, and zeroes the rest. */
  protected abstract loadWidened(
    row: typeof I.vcvtph2ps,
    destination: VectorRegister,
    memory: MemoryOperand,
    lanes: number,
  ): void;
  protected abstract storeNarrowed(
    format: NarrowFormat,
    source: VectorRegister,
    memory: MemoryOperand,
    lanes: number,
  ): void;
  /** Part i of 128 bits gets what part `i xor mask` holds. */
  protected abstract exchangeParts(destination: VectorRegister, source: VectorRegister, mask: number): void;

  /** The register that conversions of 16-bit floats may use where `temporaries.half` is 1; null where it is 0. */
  protected get halfTemporary(): VectorRegister | null {
    return this.#halfTemporary;
  }

  /** The budget counts the register from the first conversion on, whether that one needs it or not, as on every target. */
  #useHalf(): void {
    this.checks.useTemporaries('half');
    if (this.traits.temporaries.half === 1) this.#halfTemporary ??= vectorRegister(this.#vectorCount++);
  }

  #checkAccess(memory: MemoryOperand, lanes: number): void {
    this.checks.memory(memory);
    this.checks.lanes(lanes);
  }

  #field(index: number): Memory {
    this.checks.field(index);
    return Memory.at(registerOf(this.block), index * ARGUMENT_BYTES);
  }

  #binary(row: typeof I.vaddps, destination: Vector, a: Vector, b: Vector): void {
    this.assembler.rvm(row, this.length, vectorOf(destination), vectorOf(a), vectorOf(b));
  }

  /** `accumulator = sum(accumulator, product(a, b))`. */
  #accumulate(
    product: typeof I.vmulps,
    sum: typeof I.vaddps,
    accumulator: Vector,
    a: Vector,
    b: Vector,
  ): void {
    const { assembler, length, scratch } = this;
    assembler.rvm(product, length, scratch, vectorOf(a), vectorOf(b));
    assembler.rvm(sum, length, vectorOf(accumulator), vectorOf(accumulator), scratch);
  }
}

function isHalf(format: NarrowFormat): boolean {
  return format === 'float16' || format === 'bfloat16';
}

/** The immediate that gives element i of four what element `i xor mask` holds. */
export function fourWay(mask: number): number {
  let immediate = 0;
  for (let element = 0; element < 4; element++) immediate |= (element ^ mask) << (2 * element);
  return immediate;
}
