import { fusedMultiplyAdd } from './fused-multiply-add.ts';
import { type InterpretedKernel, InterpreterFrame } from './interpreter-frame.ts';
import { locate, type Machine, NARROWING, readFloat64, readNarrow, readWord } from './interpreter-machine.ts';
import {
  addWords,
  COMPARISONS,
  FLOAT_OPERATIONS,
  INTEGER_OPERATIONS,
  multiplyBytes,
  ROUNDINGS,
  shiftLane,
  sumOfProducts,
  toInt32,
} from './lane-arithmetic.ts';
import { bfloat16Value, float16Value, NARROW_BYTES } from './narrow-numbers.ts';
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
} from './target.ts';

/** How the lanes of a vector are read. */
type View = 'bits' | 'floats';

/**
 * A target that runs kernels step by step on plain memory: the reference for every encoder. What is undefined is made visible:
 * vectors start as NaN and pointers as no address, both again after a call of a routine. An access outside the memory throws a
 * RangeError; so does a conversion to int32 of a NaN or a number outside int32, and an unsigned byte with more bits than the target takes.
 */
export class InterpreterTarget extends InterpreterFrame implements Target<InterpretedKernel> {
  load(destination: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    const [first, end] = [this.word(destination), this.word((destination + 1) as Vector)];
    const words = lanes * this.wordsPerLane;
    this.steps.push((machine) => {
      const at = locate(machine, operand.base, operand.offset, words * 4);
      const { bits, memory } = machine;
      for (let word = 0; word < words; word++) bits[first + word] = memory.getInt32(at + word * 4, true);
      bits.fill(0, first + words, end);
    });
  }

  loadNarrow(
    format: NarrowFormat,
    destination: Vector,
    operand: MemoryOperand,
    lanes = this.traits.lanes,
  ): void {
    this.checks.words('loadNarrow');
    this.#checkAccess(operand, lanes);
    const bytes = NARROW_BYTES[format];
    if (format === 'float16' || format === 'bfloat16') {
      this.checks.useTemporaries('half');
      const value = format === 'float16' ? float16Value : bfloat16Value;
      this.#set('floats', destination, (machine, lane) => {
        return lane < lanes ? value(readNarrow(machine, 'uint16', operand, lane * bytes)) : 0;
      });
      return;
    }
    this.#set('bits', destination, (machine, lane) => {
      return lane < lanes ? readNarrow(machine, format, operand, lane * bytes) : 0;
    });
  }

  loadPairs(format: 'int8' | 'uint8', destination: Vector, operand: MemoryOperand): void {
    this.checks.words('loadPairs');
    this.checks.memory(operand);
    this.#set('bits', destination, (machine, lane) => {
      const low = readNarrow(machine, format, operand, lane * 2);
      const high = readNarrow(machine, format, operand, lane * 2 + 1);
      return (low & 0xffff) | (high << 16);
    });
  }

  splat(destination: Vector, operand: MemoryOperand): void {
    this.checks.memory(operand);
    if (this.wordsPerLane === 1) this.#fill('bits', destination, (machine) => readWord(machine, operand));
    else this.#fill('floats', destination, (machine) => readFloat64(machine, operand));
  }

  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, operand: MemoryOperand): void {
    this.checks.words('splatNarrow');
    this.checks.memory(operand);
    this.checks.useTemporaries('half');
    const value = format === 'float16' ? float16Value : bfloat16Value;
    this.#fill('floats', destination, (machine) => value(readNarrow(machine, 'uint16', operand, 0)));
  }

  store(source: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    const first = this.word(source);
    const words = lanes * this.wordsPerLane;
    this.steps.push((machine) => {
      const at = locate(machine, operand.base, operand.offset, words * 4);
      const { bits, memory } = machine;
      for (let word = 0; word < words; word++) memory.setInt32(at + word * 4, bits[first + word]!, true);
    });
  }

  storeNarrow(format: NarrowFormat, source: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.checks.words('storeNarrow');
    this.#checkAccess(operand, lanes);
    if (format === 'float16' || format === 'bfloat16') this.checks.useTemporaries('half');
    const bytes = NARROW_BYTES[format];
    const narrow = NARROWING[format];
    const first = this.#at(source, 0);
    this.steps.push((machine) => {
      const start = locate(machine, operand.base, operand.offset, lanes * bytes);
      for (let lane = 0; lane < lanes; lane++) {
        const value = narrow(machine.bits[first + lane]!, machine.floats[first + lane]!);
        if (bytes === 1) machine.memory.setUint8(start + lane, value);
        else machine.memory.setUint16(start + lane * 2, value, true);
      }
    });
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
    this.steps.push((machine) => {
      const word = readWord(machine, source);
      machine.memory.setInt32(locate(machine, destination.base, destination.offset, 4), word, true);
    });
  }

  prefetch(operand: MemoryOperand): void {
    this.checks.memory(operand);
  }

  prefetchLater(operand: MemoryOperand): void {
    this.checks.memory(operand);
  }

  zero(destination: Vector): void {
    this.#fill('floats', destination, () => 0);
  }

  constant(destination: Vector, value: number): void {
    this.checks.words('constant');
    this.#fill('floats', destination, () => value);
  }

  integerConstant(destination: Vector, value: number): void {
    this.checks.words('integerConstant');
    this.#fill('bits', destination, () => value);
  }

  laneIndices(destination: Vector): void {
    this.checks.words('laneIndices');
    this.#set('bits', destination, (_machine, lane) => lane);
  }

  copy(destination: Vector, source: Vector): void {
    const [to, from, end] = [this.word(destination), this.word(source), this.word((source + 1) as Vector)];
    this.steps.push(({ bits }) => bits.copyWithin(to, from, end));
  }

  float(operation: FloatOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#combine('floats', destination, a, b, FLOAT_OPERATIONS[operation]);
  }

  squareRoot(destination: Vector, source: Vector): void {
    this.checks.words('squareRoot');
    this.#combine('floats', destination, source, source, Math.sqrt);
  }

  zeroNaN(destination: Vector, source: Vector): void {
    this.checks.words('zeroNaN');
    this.#combine('floats', destination, source, source, (value) => (Number.isNaN(value) ? 0 : value));
  }

  compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('compare');
    const holds = COMPARISONS[comparison];
    this.#set('bits', destination, ({ floats }, lane) => {
      return holds(floats[this.#at(a, lane)]!, floats[this.#at(b, lane)]!) ? -1 : 0;
    });
  }

  round(rounding: Rounding, destination: Vector, source: Vector): void {
    this.checks.words('round');
    this.#combine('floats', destination, source, source, ROUNDINGS[rounding]);
  }

  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('integer');
    this.#combine('bits', destination, a, b, INTEGER_OPERATIONS[operation]);
  }

  addWords(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('addWords');
    this.#combine('bits', destination, a, b, addWords);
  }

  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void {
    this.checks.words('shift');
    this.checks.shift(width, bits);
    this.#combine('bits', destination, source, source, (value) => shiftLane(shift, width, value, bits));
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    this.checks.words('convert');
    if (conversion === 'int32-to-float32') {
      this.#set('floats', destination, ({ bits }, lane) => bits[this.#at(source, lane)]!);
      return;
    }
    this.#set('bits', destination, ({ floats }, lane) => toInt32(floats[this.#at(source, lane)]!));
  }

  fma(accumulator: Vector, a: Vector, b: Vector, lanes: number = this.traits.lanes): void {
    this.checks.lanes(lanes);
    this.#multiplyAdd(accumulator, a, b, 1);
    if (lanes === this.traits.lanes) return;
    const [first, end] = [this.#at(accumulator, lanes), this.#at(accumulator, this.traits.lanes)];
    this.steps.push(({ floats }) => floats.fill(Number.NaN, first, end));
  }

  fnma(accumulator: Vector, a: Vector, b: Vector): void {
    this.#multiplyAdd(accumulator, a, b, -1);
  }

  multiplyAdd(accumulator: Vector, factor: Vector, addend: Vector): void {
    this.checks.useTemporaries('fma');
    const { lanes } = this.traits;
    const [sum, right, added] = [accumulator * lanes, factor * lanes, addend * lanes];
    const round = this.#rounding();
    this.steps.push(({ floats }) => {
      for (let lane = 0; lane < lanes; lane++) {
        floats[sum + lane] = round(floats[sum + lane]!, floats[right + lane]!, floats[added + lane]!);
      }
    });
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.words('dot');
    this.checks.useTemporaries('dot');
    const sum = sumOfProducts[this.traits.dot];
    this.#set('bits', accumulator, ({ bits }, lane) => {
      return bits[this.#at(accumulator, lane)]! + sum(bits[this.#at(a, lane)]!, bits[this.#at(b, lane)]!);
    });
  }

  multiplyWords(destination: Vector, a: Vector, b: Vector): void {
    this.checks.words('multiplyWords');
    this.#combine('bits', destination, a, b, sumOfProducts.words);
  }

  multiplyBytes(destination: Vector, a: Vector, b: Vector): void {
    this.checks.optional('multiplyBytes');
    const unsignedBits = this.traits.multiplyBytes;
    this.#combine('bits', destination, a, b, (left, right) => multiplyBytes(left, right, unsignedBits));
  }

  dotBfloat16(accumulator: Vector, a: Vector, b: Vector): void {
    this.checks.optional('dotBfloat16');
    this.#set('floats', accumulator, ({ bits, floats }, lane) => {
      const [left, right] = [bits[this.#at(a, lane)]!, bits[this.#at(b, lane)]!];
      const high = bfloat16Value(left >>> 16);
      const sum = fusedMultiplyAdd(high, bfloat16Value(right >>> 16), floats[this.#at(accumulator, lane)]!);
      return fusedMultiplyAdd(bfloat16Value(left & 0xffff), bfloat16Value(right & 0xffff), sum);
    });
  }

  exchange(destination: Vector, source: Vector, mask: number): void {
    this.checks.mask(mask);
    const wordMask = mask * this.wordsPerLane;
    const [from, end, to] = [this.word(source), this.word((source + 1) as Vector), this.word(destination)];
    this.steps.push(({ bits }) => {
      const old = bits.slice(from, end);
      for (let word = 0; word < old.length; word++) bits[to + word] = old[word ^ wordMask]!;
    });
  }

  #multiplyAdd(accumulator: Vector, a: Vector, b: Vector, sign: 1 | -1): void {
    this.checks.useTemporaries('fma');
    const { lanes } = this.traits;
    const round = this.#rounding();
    const [sum, left, right] = [accumulator * lanes, a * lanes, b * lanes];
    this.steps.push(({ floats }) => {
      for (let lane = 0; lane < lanes; lane++) {
        const [x, y, z] = [sign * floats[left + lane]!, floats[right + lane]!, floats[sum + lane]!];
        floats[sum + lane] = round(x, y, z);
      }
    });
  }

  /** `x * y + z`; what it gives is then rounded to the element. */
  #rounding(): (x: number, y: number, z: number) => number {
    if (this.traits.fmaRounding === 'once') return fusedMultiplyAdd;
    if (this.traits.element === 'float64') return (x, y, z) => x * y + z;
    return (x, y, z) => z + Math.fround(x * y);
  }

  #checkAccess(operand: MemoryOperand, lanes: number): void {
    this.checks.memory(operand);
    this.checks.lanes(lanes);
  }

  #at(vector: Vector, lane: number): number {
    return vector * this.traits.lanes + lane;
  }

  /** Sets each lane, read as integer or as float32. */
  #set(view: View, destination: Vector, compute: (machine: Machine, lane: number) => number): void {
    const { lanes } = this.traits;
    this.steps.push((machine) => {
      for (let lane = 0; lane < lanes; lane++)
        machine[view][this.#at(destination, lane)] = compute(machine, lane);
    });
  }

  #fill(view: View, destination: Vector, compute: (machine: Machine) => number): void {
    const [first, end] = [this.#at(destination, 0), this.#at(destination, this.traits.lanes)];
    this.steps.push((machine) => {
      machine[view].fill(compute(machine), first, end);
    });
  }

  #combine(
    view: View,
    destination: Vector,
    a: Vector,
    b: Vector,
    apply: (a: number, b: number) => number,
  ): void {
    const { lanes } = this.traits;
    const [to, left, right] = [destination * lanes, a * lanes, b * lanes];
    this.steps.push((machine) => {
      const numbers = machine[view];
      for (let lane = 0; lane < lanes; lane++) {
        numbers[to + lane] = apply(numbers[left + lane]!, numbers[right + lane]!);
      }
    });
  }
}
