import { InvalidArgumentError } from '@qedge/core';
import type {
  Comparison,
  Conversion,
  FloatElement,
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
import { hasFeature } from './features.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import {
  CONVERT_INSTRUCTIONS,
  FLOAT_INSTRUCTIONS,
  fourWay,
  INTEGER_INSTRUCTIONS,
  ROUNDING_MODES,
  SHIFT_INSTRUCTIONS,
  WIDENING,
} from './operation-tables.ts';
import type { VectorLength, VectorRegister } from './registers.ts';
import { type CodeFragments, memoryOf, vectorOf, X64Frame } from './x64-frame.ts';

/** How code for x86-64 is generated. */
export interface X64TargetOptions {
  /** Multiply-adds round twice, so that results have the same bits on every host. */
  readonly strict: boolean;
  /** What lanes hold. Default: float32. */
  readonly element?: FloatElement;
  /** Fragments of other targets with the same features and options. Default: none. */
  readonly fragments?: CodeFragments;
}

/** Too long for one byte, whatever it counts in. */
const LONG_DISPLACEMENT = 2 ** 30;

/** The vector operations whose instructions differ between the x86-64 targets by nothing but length. */
export abstract class X64Target extends X64Frame implements Target<Uint8Array> {
  // Memory

  load(destination: Vector, memory: MemoryOperand, lanes: number = this.traits.lanes): void {
    this.#checkAccess(memory, lanes);
    const register = vectorOf(destination);
    if (lanes < this.traits.lanes) this.loadTail(register, memory, lanes * this.#wordsPerLane);
    else this.assembler.rm(I.vmovups, this.length, register, memoryOf(memory));
  }

  store(source: Vector, memory: MemoryOperand, lanes: number = this.traits.lanes): void {
    this.#checkAccess(memory, lanes);
    const register = vectorOf(source);
    if (lanes < this.traits.lanes) this.storeTail(register, memory, lanes * this.#wordsPerLane);
    else this.assembler.mr(I.vmovupsStore, this.length, memoryOf(memory), register);
  }

  loadNarrow(
    format: NarrowFormat,
    destination: Vector,
    memory: MemoryOperand,
    lanes: number = this.traits.lanes,
  ): void {
    this.checks.words('loadNarrow');
    this.#checkAccess(memory, lanes);
    if (isHalf(format)) this.useHalf();
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
    this.checks.words('storeNarrow');
    this.#checkAccess(memory, lanes);
    if (isHalf(format)) this.useHalf();
    this.storeNarrowed(format, vectorOf(source), memory, lanes);
  }

  loadPairs(format: 'int8' | 'uint8', destination: Vector, memory: MemoryOperand): void {
    this.checks.words('loadPairs');
    this.checks.memory(memory);
    const row = format === 'int8' ? I.vpmovsxbw : I.vpmovzxbw;
    this.assembler.rm(row, this.length, vectorOf(destination), memoryOf(memory));
  }

  splat(destination: Vector, memory: MemoryOperand): void {
    this.checks.memory(memory);
    const { assembler, length } = this;
    const [register, place] = [vectorOf(destination), memoryOf(memory)];
    const row = this.traits.element === 'float32' ? I.vbroadcastss : I.vbroadcastsd;
    assembler.rm(row, length, register, place);
  }

  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, memory: MemoryOperand): void {
    this.checks.words('splatNarrow');
    this.checks.memory(memory);
    this.useHalf();
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

  loadAll(destinations: readonly Vector[], base: Pointer, offsets: readonly number[]): void {
    this.#moveAll('load', destinations, base, offsets);
  }

  storeAll(sources: readonly Vector[], base: Pointer, offsets: readonly number[]): void {
    this.#moveAll('store', sources, base, offsets);
  }

  /** The instructions are encoded once with displacements of four bytes, which are then replaced. */
  #moveAll(
    how: 'load' | 'store',
    vectors: readonly Vector[],
    base: Pointer,
    offsets: readonly number[],
  ): void {
    if (offsets.length !== vectors.length) {
      throw new InvalidArgumentError('A kernel moves vectors to another number of places', {
        expected: vectors.length,
        actual: offsets.length,
      });
    }
    for (const offset of offsets) this.checks.memory({ base, offset });
    const code = this.recorded(`${how} ${nameOf(vectors)} at ${base}`, () => {
      const place = memoryOf({ base, offset: LONG_DISPLACEMENT });
      for (const vector of vectors) {
        if (how === 'load') this.assembler.rm(I.vmovups, this.length, vectorOf(vector), place);
        else this.assembler.mr(I.vmovupsStore, this.length, place, vectorOf(vector));
      }
    });
    this.assembler.replayAt(code, offsets);
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

  prefetchLater(memory: MemoryOperand): void {
    this.checks.memory(memory);
    this.assembler.prefetcht1(memoryOf(memory));
  }

  // Constants

  zero(destination: Vector): void {
    this.assembler.clear(I.vpxor, this.length, vectorOf(destination));
  }

  constant(destination: Vector, value: number): void {
    this.checks.words('constant');
    const bits = new Int32Array(Float32Array.of(value).buffer);
    this.integerConstant(destination, bits[0]!);
  }

  integerConstant(destination: Vector, bits: number): void {
    this.checks.words('integerConstant');
    const word = bits >>> 0;
    if (word === 0) this.zero(destination);
    else this.assembler.rm(I.vbroadcastss, this.length, vectorOf(destination), this.assembler.constant(word));
  }

  laneIndices(destination: Vector): void {
    this.checks.words('laneIndices');
    const indices = Array.from({ length: this.traits.lanes }, (_, lane) => lane);
    this.assembler.rm(I.vmovups, this.length, vectorOf(destination), this.assembler.constant(...indices));
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
    this.#binary(this.#floats[operation], destination, first, second);
  }

  squareRoot(destination: Vector, source: Vector): void {
    this.checks.words('squareRoot');
    this.assembler.rm(I.vsqrtps, this.length, vectorOf(destination), vectorOf(source));
  }

  round(rounding: Rounding, destination: Vector, source: Vector): void {
    this.checks.words('round');
    const mode = ROUNDING_MODES[rounding];
    this.assembler.rmi(I.vroundps, this.length, vectorOf(destination), vectorOf(source), mode);
  }

  abstract compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void;
  abstract zeroNaN(destination: Vector, source: Vector): void;

  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('integer');
    this.#binary(INTEGER_INSTRUCTIONS[operation], destination, a, b);
  }

  addWords(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('addWords');
    this.#binary(I.vpaddw, destination, a, b);
  }

  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void {
    this.checks.words('shift');
    this.checks.shift(width, bits);
    const row = SHIFT_INSTRUCTIONS[width][shift];
    this.assembler.vmi(row, this.length, vectorOf(destination), vectorOf(source), bits);
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    this.checks.words('convert');
    const row = CONVERT_INSTRUCTIONS[conversion];
    this.assembler.rm(row, this.length, vectorOf(destination), vectorOf(source));
  }

  fma(accumulator: Vector, a: Vector, b: Vector, lanes: number = this.traits.lanes): void {
    this.checks.lanes(lanes);
    if (this.traits.fmaRounding === 'once') {
      const [sum, left, right] = [vectorOf(accumulator), vectorOf(a), vectorOf(b)];
      const length = this.productLength(lanes * this.#wordsPerLane);
      this.assembler.rvm(this.#floats.fma, length, sum, left, right);
    } else this.#accumulate(this.#floats.multiply, this.#floats.add, accumulator, a, b);
  }

  fnma(accumulator: Vector, a: Vector, b: Vector): void {
    if (this.traits.fmaRounding === 'once') this.#binary(this.#floats.fnma, accumulator, a, b);
    else this.#accumulate(this.#floats.multiply, this.#floats.subtract, accumulator, a, b);
  }

  multiplyAdd(accumulator: Vector, factor: Vector, addend: Vector): void {
    if (this.traits.fmaRounding === 'once')
      this.#binary(this.#floats.multiplyAdd, accumulator, factor, addend);
    else {
      const { assembler, length, scratch } = this;
      assembler.rvm(this.#floats.multiply, length, scratch, vectorOf(accumulator), vectorOf(factor));
      assembler.rvm(this.#floats.add, length, vectorOf(accumulator), scratch, vectorOf(addend));
    }
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.words('dot');
    if (this.traits.dot === 'bytes') this.#binary(I.vpdpbusd, accumulator, a, b);
    else this.#accumulate(I.vpmaddwd, I.vpaddd, accumulator, a, b);
  }

  multiplyWords(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('multiplyWords');
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
    const wordMask = mask * this.#wordsPerLane;
    const inner = wordMask & 3;
    const outer = wordMask >> 2;
    let moved = vectorOf(source);
    if (inner > 0) {
      this.assembler.rmi(I.vpermilps, this.length, register, moved, fourWay(inner));
      moved = register;
    }
    if (outer > 0) this.exchangeParts(register, moved, outer);
  }

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

  /** Bytes of the shortest vector that holds so many lanes and is multiplied faster than a whole one. */
  protected productLength(_lanes: number): VectorLength {
    return this.length;
  }

  get #wordsPerLane(): number {
    return this.traits.element === 'float64' ? 2 : 1;
  }

  get #floats() {
    return FLOAT_INSTRUCTIONS[this.traits.element];
  }

  #checkAccess(memory: MemoryOperand, lanes: number): void {
    this.checks.memory(memory);
    this.checks.lanes(lanes);
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

/** A short name for vectors that follow each other, as those of most kernels do. */
function nameOf(vectors: readonly Vector[]): string {
  const first = vectors[0]!;
  for (let i = 1; i < vectors.length; i++) if (vectors[i] !== first + i) return vectors.join();
  return `${vectors.length} from ${first}`;
}

function isHalf(format: NarrowFormat): boolean {
  return format === 'float16' || format === 'bfloat16';
}
