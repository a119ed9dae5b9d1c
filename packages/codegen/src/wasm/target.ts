import type {
  Comparison,
  Conversion,
  FloatOperation,
  IntegerOperation,
  MemoryOperand,
  NarrowFormat,
  Pointer,
  Rounding,
  Shift,
  Target,
  Vector,
} from '../target/target.ts';
import { partOf } from './function-writer.ts';
import { widenFloat16 } from './half-floats.ts';
import type { WasmKernel } from './module.ts';
import { loadNarrowParts, storeNarrowParts } from './narrow-access.ts';
import { COMPARE, FLOAT, INTEGER, ROUND, SHIFT, SIMD } from './opcodes.ts';
import { PART_BYTES, WasmFrame } from './wasm-frame.ts';

/**
 * Encodes a kernel as WebAssembly functions with 128-bit SIMD: the kernel itself, with the address of the argument block as its only
 * parameter, and one function per routine, so that an engine optimises each by itself. Vectors and addresses are locals.
 *
 * Where the dialect presents 8 lanes, every vector is a pair of locals and every operation a pair of instructions on neighbouring bytes;
 * stores write the upper half first and splats give both halves one value. V8's revectorizer packs such pairs to 256 bits.
 */
export class WasmTarget extends WasmFrame implements Target<WasmKernel> {
  load(destination: Vector, memory: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(memory, lanes);
    for (const part of this.parts) {
      const inPart = Math.min(this.partLanes, lanes - part * this.partLanes);
      if (inPart <= 0) this.writer.splatConstant(0);
      else this.writer.loadBytes(partOf(memory, part, PART_BYTES), inPart * this.laneBytes);
      this.#set(destination, part);
    }
  }

  loadNarrow(
    format: NarrowFormat,
    destination: Vector,
    memory: MemoryOperand,
    lanes = this.traits.lanes,
  ): void {
    this.checks.words('loadNarrow');
    this.#checkAccess(memory, lanes);
    if (format === 'float16' || format === 'bfloat16') this.checks.useTemporaries('half');
    loadNarrowParts(this.writer, format, this.locals(destination), memory, lanes);
  }

  loadPairs(format: 'int8' | 'uint8', destination: Vector, memory: MemoryOperand): void {
    this.checks.words('loadPairs');
    this.checks.memory(memory);
    const opcode = format === 'int8' ? SIMD.v128Load8x8Signed : SIMD.v128Load8x8Unsigned;
    for (const part of this.parts) {
      this.#access(opcode, partOf(memory, part, 8));
      this.#set(destination, part);
    }
  }

  splat(destination: Vector, memory: MemoryOperand): void {
    this.checks.memory(memory);
    this.#access(this.laneBytes === 8 ? SIMD.v128Load64Splat : SIMD.v128Load32Splat, memory);
    this.#setAll(destination);
  }

  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, memory: MemoryOperand): void {
    this.checks.words('splatNarrow');
    this.checks.memory(memory);
    this.checks.useTemporaries('half');
    this.#access(SIMD.v128Load16Splat, memory);
    // Every lane holds the number twice: one copy is shifted out.
    this.writer.shift(format === 'float16' ? SIMD.i32x4ShiftRightUnsigned : SIMD.i32x4ShiftLeft, 16);
    if (format === 'float16') {
      const local = this.writer.vector(destination, 0);
      this.writer.set(local);
      widenFloat16(this.writer, local);
    }
    this.#setAll(destination);
  }

  store(source: Vector, memory: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(memory, lanes);
    for (const part of this.parts.toReversed()) {
      const inPart = Math.min(this.partLanes, lanes - part * this.partLanes);
      if (inPart <= 0) continue;
      const local = this.writer.vector(source, part);
      this.writer.storeBytes(local, partOf(memory, part, PART_BYTES), inPart * this.laneBytes);
    }
  }

  storeNarrow(format: NarrowFormat, source: Vector, memory: MemoryOperand, lanes = this.traits.lanes): void {
    this.checks.words('storeNarrow');
    this.#checkAccess(memory, lanes);
    if (format === 'float16' || format === 'bfloat16') this.checks.useTemporaries('half');
    storeNarrowParts(this.writer, format, this.locals(source), memory, lanes);
  }

  loadAll(destinations: readonly Vector[], base: Pointer, offsets: readonly number[]): void {
    for (const [index, vector] of destinations.entries())
      this.load(vector, { base, offset: offsets[index]! });
  }

  storeAll(sources: readonly Vector[], base: Pointer, offsets: readonly number[]): void {
    for (const [index, vector] of sources.entries()) this.store(vector, { base, offset: offsets[index]! });
  }

  moveWord(destination: MemoryOperand, source: MemoryOperand): void {
    this.checks.memory(destination);
    this.checks.memory(source);
    this.writer.get(this.writer.pointer(destination.base));
    this.writer.get(this.writer.pointer(source.base));
    this.writer.loadWord(source.offset);
    this.writer.storeWord(destination.offset);
  }

  /** Does nothing: WebAssembly has no prefetch. */
  prefetch(memory: MemoryOperand): void {
    this.checks.memory(memory);
  }

  /** Does nothing either. */
  prefetchLater(memory: MemoryOperand): void {
    this.checks.memory(memory);
  }

  zero(destination: Vector): void {
    for (const part of this.parts) {
      this.writer.splatConstant(0);
      this.#set(destination, part);
    }
  }

  constant(destination: Vector, value: number): void {
    this.integerConstant(destination, new Int32Array(Float32Array.of(value).buffer)[0]!);
  }

  integerConstant(destination: Vector, bits: number): void {
    this.checks.words('integerConstant');
    for (const part of this.parts) {
      this.writer.splatConstant(bits >>> 0);
      this.#set(destination, part);
    }
  }

  laneIndices(destination: Vector): void {
    this.checks.words('laneIndices');
    for (const part of this.parts) {
      const bytes = Array.from({ length: PART_BYTES }, (_, byte) =>
        byte % 4 === 0 ? part * this.partLanes + byte / 4 : 0,
      );
      this.writer.simd(SIMD.v128Const, ...bytes);
      this.#set(destination, part);
    }
  }

  copy(destination: Vector, source: Vector): void {
    this.#lanewise(destination, [source]);
  }

  float(operation: FloatOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#lanewise(destination, [a, b], this.#floats[operation]);
  }

  squareRoot(destination: Vector, source: Vector): void {
    this.checks.words('squareRoot');
    this.#lanewise(destination, [source], SIMD.f32x4SquareRoot);
  }

  zeroNaN(destination: Vector, source: Vector): void {
    this.checks.words('zeroNaN');
    this.#lanewise(destination, [source, source, source], SIMD.f32x4Equal, SIMD.v128And);
  }

  compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('compare');
    this.#lanewise(destination, [a, b], COMPARE[comparison]);
  }

  round(rounding: Rounding, destination: Vector, source: Vector): void {
    this.checks.words('round');
    this.#lanewise(destination, [source], ROUND[rounding]);
  }

  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('integer');
    if (operation === 'andNot') this.#lanewise(destination, [b, a], SIMD.v128AndNot);
    else this.#lanewise(destination, [a, b], INTEGER[operation]);
  }

  addWords(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('addWords');
    this.#lanewise(destination, [a, b], SIMD.i16x8Add);
  }

  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void {
    this.checks.words('shift');
    this.checks.shift(width, bits);
    for (const part of this.parts) {
      this.#get(source, part);
      this.writer.shift(SHIFT[width][shift], bits);
      this.#set(destination, part);
    }
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    this.checks.words('convert');
    if (conversion === 'int32-to-float32') {
      this.#lanewise(destination, [source], SIMD.f32x4ConvertI32x4Signed);
    } else {
      // Both are the same within int32; outside, saturation takes six instructions on x64 where one truncates.
      const truncate = this.relaxed
        ? SIMD.i32x4RelaxedTruncateF32x4Signed
        : SIMD.i32x4TruncateSaturateF32x4Signed;
      this.#lanewise(destination, [source], SIMD.f32x4Nearest, truncate);
    }
  }

  fma(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.useTemporaries('fma');
    if (this.relaxed) this.#lanewise(accumulator, [a, b, accumulator], this.#floats.multiplyAdd);
    else this.#lanewise(accumulator, [accumulator, a, b], this.#floats.multiply, this.#floats.add);
  }

  multiplyAdd(accumulator: Vector, factor: Vector, addend: Vector): void {
    this.checks.useTemporaries('fma');
    if (this.relaxed) this.#lanewise(accumulator, [accumulator, factor, addend], this.#floats.multiplyAdd);
    else this.#lanewise(accumulator, [addend, accumulator, factor], this.#floats.multiply, this.#floats.add);
  }

  fnma(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.useTemporaries('fma');
    if (this.relaxed) this.#lanewise(accumulator, [a, b, accumulator], this.#floats.negativeMultiplyAdd);
    else this.#lanewise(accumulator, [accumulator, a, b], this.#floats.multiply, this.#floats.subtract);
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.words('dot');
    this.checks.useTemporaries('dot');
    this.#lanewise(accumulator, [accumulator, a, b], SIMD.i32x4DotI16x8Signed, SIMD.i32x4Add);
  }

  multiplyWords(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('multiplyWords');
    this.#lanewise(destination, [a, b], SIMD.i32x4DotI16x8Signed);
  }

  multiplyBytes(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('multiplyBytes');
    this.checks.optional('multiplyBytes');
    this.#lanewise(destination, [b, a], SIMD.i16x8RelaxedDotI8x16I7x16Signed);
  }

  dotBfloat16(): void {
    this.checks.optional('dotBfloat16');
  }

  exchange(destination: Vector, source: Vector, mask: number, workspace?: MemoryOperand): void {
    this.checks.mask(mask);
    const [partMask, laneMask] = [Math.floor(mask / this.partLanes), mask % this.partLanes];
    if (partMask === 1 && workspace !== undefined) {
      this.#exchangeParts(destination, source, workspace);
      if (laneMask > 0) this.exchange(destination, destination, laneMask);
      return;
    }
    const bytes = Array.from({ length: PART_BYTES }, (_, byte) => byte ^ (laneMask * this.laneBytes));
    // All parts are on the stack before the first is set, for the case that source and destination are the same.
    for (const part of this.parts) {
      this.#get(source, part ^ partMask);
      if (laneMask === 0) continue;
      this.#get(source, part ^ partMask);
      this.writer.simd(SIMD.i8x16Shuffle, ...bytes);
    }
    for (const part of this.parts.toReversed()) this.#set(destination, part);
  }

  /** Pushes `operands` of each part and applies the instructions to them. */
  #lanewise(destination: Vector, operands: readonly Vector[], ...opcodes: readonly number[]): void {
    for (const part of this.parts) {
      for (const operand of operands) this.#get(operand, part);
      for (const opcode of opcodes) this.writer.simd(opcode);
      this.#set(destination, part);
    }
  }

  /** Stores a pair and loads its halves crossed, which V8 packs; halves that change places in registers keep it from packing. */
  #exchangeParts(destination: Vector, source: Vector, workspace: MemoryOperand): void {
    this.store(source, workspace);
    for (const part of this.parts) {
      this.writer.loadBytes(partOf(workspace, 1 - part, PART_BYTES), PART_BYTES);
      this.#set(destination, part);
    }
  }

  get #floats() {
    return FLOAT[this.traits.element];
  }

  #checkAccess(memory: MemoryOperand, lanes: number): void {
    this.checks.memory(memory);
    this.checks.lanes(lanes);
  }

  #get(vector: Vector, part: number): void {
    this.writer.get(this.writer.vector(vector, part));
  }

  #set(vector: Vector, part: number): void {
    this.writer.set(this.writer.vector(vector, part));
  }

  /** Gives every part the value on the stack. */
  #setAll(vector: Vector): void {
    for (const part of this.parts.slice(1)) this.writer.tee(this.writer.vector(vector, part));
    this.#set(vector, 0);
  }

  #access(opcode: number, { base, offset }: MemoryOperand): void {
    this.writer.get(this.writer.pointer(base));
    this.writer.access(opcode, offset);
  }
}
