import type { MemoryOperand, Pointer, Vector } from '../target/target.ts';
import { ByteWriter } from './byte-writer.ts';
import { signedLeb128, type WasmFunction } from './module.ts';
import { OPCODE, SIMD, VALUE_TYPE } from './opcodes.ts';

/** Bytes of one WebAssembly vector. */
const VECTOR_BYTES = 16;

/** Instructions that load or store one piece of a vector, by the bytes of the piece. */
const LOAD_LANE = {
  8: SIMD.v128Load64Lane,
  4: SIMD.v128Load32Lane,
  2: SIMD.v128Load16Lane,
  1: SIMD.v128Load8Lane,
};
const STORE_LANE = {
  8: SIMD.v128Store64Lane,
  4: SIMD.v128Store32Lane,
  2: SIMD.v128Store16Lane,
  1: SIMD.v128Store8Lane,
};

type PieceBytes = 8 | 4 | 2 | 1;

/** Cuts 1..15 bytes into pieces that one instruction moves, the widest first, so that each lies at a multiple of its size. */
function pieces(byteLength: number): { readonly at: number; readonly bytes: PieceBytes }[] {
  const cut: { at: number; bytes: PieceBytes }[] = [];
  let at = 0;
  for (const bytes of [8, 4, 2, 1] as const) {
    if ((byteLength & bytes) === 0) continue;
    cut.push({ at, bytes });
    at += bytes;
  }
  return cut;
}

/**
 * Writes the body of one function, instruction by instruction, and keeps its locals. Vectors and pointers of a kernel become locals
 * when the function first uses them; a vector may be several locals (its parts), lowest lanes first.
 */
export class FunctionWriter {
  readonly #parameterCount: number;
  readonly #localTypes: number[] = [];
  readonly #code = new ByteWriter();
  readonly #pointers = new Map<Pointer, number>();
  readonly #vectors = new Map<number, number>();
  readonly #constants = new Map<number, number>();

  /** @param parameters the pointers that the function is called with, in order. */
  constructor(parameters: readonly Pointer[]) {
    this.#parameterCount = parameters.length;
    for (const [index, pointer] of parameters.entries()) this.#pointers.set(pointer, index);
  }

  newLocal(type: number): number {
    this.#localTypes.push(type);
    return this.#parameterCount + this.#localTypes.length - 1;
  }

  pointer(pointer: Pointer): number {
    const known = this.#pointers.get(pointer);
    if (known !== undefined) return known;
    const local = this.newLocal(VALUE_TYPE.i32);
    this.#pointers.set(pointer, local);
    return local;
  }

  vector(vector: Vector, part: number): number {
    const key = 2 * vector + part;
    const known = this.#vectors.get(key);
    if (known !== undefined) return known;
    const local = this.newLocal(VALUE_TYPE.v128);
    this.#vectors.set(key, local);
    return local;
  }

  get(local: number): void {
    this.#code.byte(OPCODE.localGet);
    this.#code.unsigned(local);
  }

  set(local: number): void {
    this.#code.byte(OPCODE.localSet);
    this.#code.unsigned(local);
  }

  /** Sets a local and keeps the value. */
  tee(local: number): void {
    this.#code.byte(OPCODE.localTee);
    this.#code.unsigned(local);
  }

  integer(value: number): void {
    this.emit(OPCODE.i32Const, ...signedLeb128(value));
  }

  simd(opcode: number, ...immediates: readonly number[]): void {
    this.#code.byte(OPCODE.simdPrefix);
    this.#code.unsigned(opcode);
    this.#code.append(immediates);
  }

  /**
   * The same 32 bits in every lane. V8 builds a constant from three instructions wherever it stands, so each is built once, at the
   * start of the function, and is then a register or a word on the stack; zero is one instruction.
   */
  splatConstant(bits: number): void {
    if (bits === 0) {
      this.simd(SIMD.v128Const, ...new Array<number>(VECTOR_BYTES).fill(0));
      return;
    }
    let local = this.#constants.get(bits);
    if (local === undefined) {
      local = this.newLocal(VALUE_TYPE.v128);
      this.#constants.set(bits, local);
    }
    this.get(local);
  }

  shift(opcode: number, bits: number): void {
    this.integer(bits);
    this.simd(opcode);
  }

  /** A vector memory instruction; the address is on the stack. The alignment hint of one byte is always true and costs nothing. */
  access(opcode: number, offset: number, ...lane: readonly number[]): void {
    this.simd(opcode);
    this.#code.byte(0);
    this.#code.unsigned(offset);
    this.#code.append(lane);
  }

  /** `i32.load` of a word; the address is on the stack. */
  loadWord(offset: number): void {
    this.emit(OPCODE.i32Load, 0);
    this.#code.unsigned(offset);
  }

  /** `i32.store`; address and word are on the stack. */
  storeWord(offset: number): void {
    this.emit(OPCODE.i32Store, 0);
    this.#code.unsigned(offset);
  }

  /** Leaves a vector on the stack: the first `byteLength` bytes (1..16) from memory, the others zero. */
  loadBytes({ base, offset }: MemoryOperand, byteLength: number): void {
    const address = this.pointer(base);
    if (byteLength === VECTOR_BYTES) {
      this.get(address);
      this.access(SIMD.v128Load, offset);
      return;
    }
    const cut = pieces(byteLength);
    for (const _piece of cut) this.get(address);
    for (const [index, { at, bytes }] of cut.entries()) {
      if (index === 0 && bytes === 8) this.access(SIMD.v128Load64Zero, offset);
      else if (index === 0 && bytes === 4) this.access(SIMD.v128Load32Zero, offset);
      else {
        if (index === 0) this.splatConstant(0);
        this.access(LOAD_LANE[bytes], offset + at, at / bytes);
      }
    }
  }

  /** Stores the first `byteLength` bytes (1..16) of a local. */
  storeBytes(local: number, { base, offset }: MemoryOperand, byteLength: number): void {
    const address = this.pointer(base);
    if (byteLength === VECTOR_BYTES) {
      this.get(address);
      this.get(local);
      this.access(SIMD.v128Store, offset);
      return;
    }
    for (const { at, bytes } of pieces(byteLength)) {
      this.get(address);
      this.get(local);
      this.access(STORE_LANE[bytes], offset + at, at / bytes);
    }
  }

  /** `do body while (--counter)`: one branch per turn. The counter must not be 0. */
  countDown(counter: number, body: () => void): void {
    this.emit(OPCODE.loop, OPCODE.emptyBlockType);
    body();
    this.get(counter);
    this.emit(OPCODE.i32Const, 1, OPCODE.i32Sub);
    this.tee(counter);
    this.emit(OPCODE.branchIf, 0, OPCODE.end);
  }

  call(functionIndex: number): void {
    this.emit(OPCODE.call);
    this.#code.unsigned(functionIndex);
  }

  emit(...bytes: readonly number[]): void {
    for (const byte of bytes) this.#code.byte(byte);
  }

  /** What `emit` appends. */
  record(emit: () => void): Uint8Array {
    const start = this.#code.length;
    emit();
    return this.#code.copyFrom(start);
  }

  /** Appends what {@link record} gave; it must stem from a function with the same locals. */
  replay(bytes: Uint8Array): void {
    this.#code.append(bytes);
  }

  finish(): WasmFunction {
    const code = new ByteWriter();
    for (const [bits, local] of this.#constants) {
      const bytes = [bits & 255, (bits >>> 8) & 255, (bits >>> 16) & 255, bits >>> 24];
      code.append([
        OPCODE.simdPrefix,
        SIMD.v128Const,
        ...bytes,
        ...bytes,
        ...bytes,
        ...bytes,
        OPCODE.localSet,
      ]);
      code.unsigned(local);
    }
    code.append(this.#code.copyFrom(0));
    code.byte(OPCODE.end);
    return { parameterCount: this.#parameterCount, localTypes: this.#localTypes, code: code.copyFrom(0) };
  }
}

/** Where part `part` of a vector lies, when each part takes `partBytes` bytes of memory. */
export function partOf({ base, offset }: MemoryOperand, part: number, partBytes: number): MemoryOperand {
  return { base, offset: offset + part * partBytes };
}
