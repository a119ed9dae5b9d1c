import { RegisterBudget } from '../target/register-budget.ts';
import type {
  BinaryOperation,
  Conversion,
  Count,
  MemoryOperand,
  Pointer,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from '../target/target.ts';
import { signedLeb128, unsignedLeb128, type WasmFunction } from './module.ts';
import { OPCODE, SIMD, VALUE_TYPE } from './opcodes.ts';

/** The two dialects: strict SIMD gives the same bits everywhere, relaxed SIMD may use the host's fused multiply-add. */
export type WasmDialect = 'strict' | 'relaxed';

/**
 * Traits of each dialect. The narrowest host (x86-64 before AVX-512) has 16 vector registers, of which V8 keeps one.
 * Engines with relaxed SIMD are new enough not to hoist loads.
 */
export const WASM_TRAITS: Readonly<Record<WasmDialect, TargetTraits>> = {
  strict: {
    id: 'wasm-strict',
    lanes: 4,
    vectors: 15,
    temporaries: { fma: 1, dot: 1 },
    fmaRounding: 'twice',
    hoistsLoads: true,
  },
  relaxed: {
    id: 'wasm-relaxed',
    lanes: 4,
    vectors: 15,
    temporaries: { fma: 0, dot: 1 },
    fmaRounding: 'host',
    hoistsLoads: false,
  },
};

const BINARY: Readonly<Record<BinaryOperation, number>> = {
  add: SIMD.f32x4Add,
  multiply: SIMD.f32x4Multiply,
  divide: SIMD.f32x4Divide,
  min: SIMD.f32x4PseudoMin,
  max: SIMD.f32x4PseudoMax,
};

/** Encodes a kernel as one WebAssembly function with 128-bit SIMD. Vectors and addresses are locals. */
export class WasmTarget implements Target<WasmFunction> {
  readonly traits: TargetTraits;
  readonly #dialect: WasmDialect;
  readonly #parameterCount: number;
  readonly #budget: RegisterBudget;
  readonly #localTypes: number[] = [];
  readonly #code: number[] = [];

  constructor(dialect: WasmDialect, parameterCount: number) {
    this.#dialect = dialect;
    this.#parameterCount = parameterCount;
    this.traits = WASM_TRAITS[dialect];
    this.#budget = new RegisterBudget(this.traits.id, this.traits.vectors);
  }

  vectors(role: string, count: number): Vector[] {
    this.#budget.claim(role, count);
    return Array.from({ length: count }, () => this.#newLocal(VALUE_TYPE.v128) as Vector);
  }

  pointerArgument(index: number): Pointer {
    return index as Pointer;
  }

  countArgument(index: number): Count {
    return index as Count;
  }

  pointer(): Pointer {
    return this.#newLocal(VALUE_TYPE.i32) as Pointer;
  }

  copyPointer(destination: Pointer, source: Pointer): void {
    this.#get(source);
    this.#set(destination);
  }

  advance(pointer: Pointer, bytes: number): void {
    if (bytes === 0) return;
    this.#get(pointer);
    this.#emit(OPCODE.i32Const, ...signedLeb128(bytes), OPCODE.i32Add);
    this.#set(pointer);
  }

  loop(times: number, body: () => void): void {
    if (times <= 0) return;
    if (times === 1) {
      body();
      return;
    }
    const counter = this.#newLocal(VALUE_TYPE.i32);
    this.#emit(OPCODE.i32Const, ...signedLeb128(times));
    this.#set(counter);
    this.#countDown(counter, body);
  }

  loopCount(count: Count, body: () => void): void {
    const counter = this.#newLocal(VALUE_TYPE.i32);
    this.#get(count);
    this.#emit(OPCODE.localTee, ...unsignedLeb128(counter), OPCODE.if, OPCODE.emptyBlockType);
    this.#countDown(counter, body);
    this.#emit(OPCODE.end);
  }

  load(destination: Vector, memory: MemoryOperand, lanes = this.traits.lanes): void {
    const opcodes = [SIMD.v128Load32Zero, SIMD.v128Load64Zero, SIMD.v128Load64Zero, SIMD.v128Load];
    this.#get(memory.base);
    this.#access(opcodes[lanes - 1]!, memory.offset);
    this.#set(destination);
    if (lanes !== 3) return;
    this.#get(memory.base);
    this.#get(destination);
    this.#access(SIMD.v128Load32Lane, memory.offset + 8, 2);
    this.#set(destination);
  }

  loadWidened(destination: Vector, memory: MemoryOperand): void {
    this.#get(memory.base);
    this.#access(SIMD.v128Load8x8Signed, memory.offset);
    this.#set(destination);
  }

  splat(destination: Vector, memory: MemoryOperand): void {
    this.#get(memory.base);
    this.#access(SIMD.v128Load32Splat, memory.offset);
    this.#set(destination);
  }

  store(source: Vector, memory: MemoryOperand, lanes = this.traits.lanes): void {
    this.#get(memory.base);
    this.#get(source);
    if (lanes === 4) this.#access(SIMD.v128Store, memory.offset);
    else if (lanes === 1) this.#access(SIMD.v128Store32Lane, memory.offset, 0);
    else this.#access(SIMD.v128Store64Lane, memory.offset, 0);
    if (lanes !== 3) return;
    this.#get(memory.base);
    this.#get(source);
    this.#access(SIMD.v128Store32Lane, memory.offset + 8, 2);
  }

  storeNarrowed(source: Vector, memory: MemoryOperand): void {
    this.#get(memory.base);
    this.#get(source);
    this.#get(source);
    this.#simd(SIMD.i16x8NarrowI32x4Signed);
    this.#access(SIMD.v128Store64Lane, memory.offset, 0);
  }

  zero(destination: Vector): void {
    this.#simd(SIMD.v128Const, ...new Array<number>(16).fill(0));
    this.#set(destination);
  }

  binary(operation: BinaryOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#get(a);
    this.#get(b);
    this.#simd(BINARY[operation]);
    this.#set(destination);
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    this.#get(source);
    if (conversion === 'int32-to-float32') {
      this.#simd(SIMD.f32x4ConvertI32x4Signed);
    } else {
      this.#simd(SIMD.f32x4Nearest);
      this.#simd(SIMD.i32x4TruncateSaturateF32x4Signed);
    }
    this.#set(destination);
  }

  shift(shift: Shift, destination: Vector, source: Vector, bits: number): void {
    this.#get(source);
    this.#emit(OPCODE.i32Const, ...signedLeb128(bits));
    this.#simd(shift === 'left' ? SIMD.i16x8ShiftLeft : SIMD.i16x8ShiftRightSigned);
    this.#set(destination);
  }

  fma(accumulator: Vector, a: Vector, b: Vector): void {
    if (this.#dialect === 'relaxed') {
      this.#get(a);
      this.#get(b);
      this.#get(accumulator);
      this.#simd(SIMD.f32x4RelaxedMultiplyAdd);
    } else {
      this.#get(accumulator);
      this.#get(a);
      this.#get(b);
      this.#simd(SIMD.f32x4Multiply);
      this.#simd(SIMD.f32x4Add);
    }
    this.#set(accumulator);
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.#get(accumulator);
    this.#get(a);
    this.#get(b);
    this.#simd(SIMD.i32x4DotI16x8Signed);
    this.#simd(SIMD.i32x4Add);
    this.#set(accumulator);
  }

  finish(): WasmFunction {
    return {
      parameterCount: this.#parameterCount,
      localTypes: [...this.#localTypes],
      code: [...this.#code, OPCODE.end],
    };
  }

  #newLocal(type: number): number {
    this.#localTypes.push(type);
    return this.#parameterCount + this.#localTypes.length - 1;
  }

  /** `do body while (--counter)`: one branch per turn. */
  #countDown(counter: number, body: () => void): void {
    this.#emit(OPCODE.loop, OPCODE.emptyBlockType);
    body();
    this.#get(counter);
    this.#emit(OPCODE.i32Const, 1, OPCODE.i32Sub, OPCODE.localTee, ...unsignedLeb128(counter));
    this.#emit(OPCODE.branchIf, 0, OPCODE.end);
  }

  #get(local: number): void {
    this.#emit(OPCODE.localGet, ...unsignedLeb128(local));
  }

  #set(local: number): void {
    this.#emit(OPCODE.localSet, ...unsignedLeb128(local));
  }

  #simd(opcode: number, ...immediates: number[]): void {
    this.#emit(OPCODE.simdPrefix, ...unsignedLeb128(opcode), ...immediates);
  }

  /** A memory instruction with an alignment hint of one byte, which is always true and costs nothing on today's hosts. */
  #access(opcode: number, offset: number, ...lane: number[]): void {
    this.#simd(opcode, 0, ...unsignedLeb128(offset), ...lane);
  }

  #emit(...bytes: number[]): void {
    this.#code.push(...bytes);
  }
}
