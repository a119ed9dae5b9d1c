import { InvalidArgumentError } from '@qedge/core';
import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import type { KernelMemory } from '../host/kernel-host.ts';
import { ContractChecks } from './contract-checks.ts';
import { fusedMultiplyAdd } from './fused-multiply-add.ts';
import {
  BLOCK,
  bindSteps,
  callSteps,
  countArgument,
  locate,
  type Machine,
  NARROWING,
  readNarrow,
  readWord,
  repeat,
  type Step,
} from './interpreter-machine.ts';
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
  Routine,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from './target.ts';

/** How the lanes of a vector are read. */
type View = 'bits' | 'floats';

/** A kernel to be run on a memory: bound once, then called with the address of an argument block in it. */
export type InterpretedKernel = (memory: KernelMemory) => (block: number) => void;

/**
 * A target that runs kernels step by step on plain memory: the reference for every encoder. What is undefined is made visible:
 * vectors start as NaN and pointers as no address, both again after a call of a routine. An access outside the memory throws a
 * RangeError; so does a conversion to int32 of a NaN or a number outside int32.
 */
export class InterpreterTarget implements Target<InterpretedKernel> {
  readonly traits: TargetTraits;
  readonly block = BLOCK;
  readonly #checks: ContractChecks;
  readonly #routines: { readonly pointers: readonly Pointer[]; readonly steps: readonly Step[] }[] = [];
  #steps: Step[] = [];
  #vectorCount = 0;
  #pointerCount = 1;

  /** @throws InvalidArgumentError for `fmaRounding: 'host'`, which only a host can do. */
  constructor(traits: TargetTraits) {
    if (traits.fmaRounding === 'host') {
      throw new InvalidArgumentError('The interpreter needs a stated rounding', {
        expected: 'once, twice',
        actual: traits.fmaRounding,
      });
    }
    this.traits = traits;
    this.#checks = new ContractChecks(traits);
  }

  vectors(role: string, count: number): Vector[] {
    this.#checks.claimVectors(role, count);
    return Array.from({ length: count }, () => this.#vectorCount++ as Vector);
  }

  pointer(role: string): Pointer {
    this.#checks.claimPointer(role);
    return this.#pointerCount++ as Pointer;
  }

  argument(destination: Pointer, index: number): void {
    this.#checks.field(index);
    this.#steps.push((machine) => {
      const at = locate(machine, BLOCK, index * ARGUMENT_BYTES, ARGUMENT_BYTES);
      machine.pointers[destination] =
        machine.memory.getUint32(at, true) + machine.memory.getUint32(at + 4, true) * 2 ** 32;
    });
  }

  copyPointer(destination: Pointer, source: Pointer): void {
    this.#steps.push(({ pointers }) => {
      pointers[destination] = pointers[source]!;
    });
  }

  advance(pointer: Pointer, bytes: number): void {
    this.#checks.bytes(bytes);
    this.#steps.push(({ pointers }) => {
      pointers[pointer] = pointers[pointer]! + bytes;
    });
  }

  advanceByArgument(pointer: Pointer, index: number, scale: number): void {
    this.#checks.field(index);
    this.#checks.scale(scale);
    this.#steps.push((machine) => {
      machine.pointers[pointer] = machine.pointers[pointer]! + countArgument(machine, index) * scale;
    });
  }

  advanceByWord(pointer: Pointer, operand: MemoryOperand, scale: number): void {
    this.#checks.memory(operand);
    this.#checks.scale(scale);
    this.#steps.push((machine) => {
      const word = readWord(machine, operand) >>> 0;
      machine.pointers[pointer] = machine.pointers[pointer]! + word * scale;
    });
  }

  loop(times: number, body: () => void): void {
    this.#checks.times(times);
    if (times === 0) return;
    const steps = this.#collect(() => this.#checks.loop(body));
    this.#steps.push((machine) => repeat(times, steps, machine));
  }

  loopArgument(index: number, body: () => void): void {
    this.#checks.field(index);
    const steps = this.#collect(() => this.#checks.loop(body));
    this.#steps.push((machine) => repeat(countArgument(machine, index), steps, machine));
  }

  routine(pointers: readonly Pointer[], body: () => void): Routine {
    let routine: Routine | undefined;
    const steps = this.#collect(() => {
      routine = this.#checks.routine(body);
    });
    this.#routines.push({ pointers: [...pointers], steps });
    return routine!;
  }

  call(routine: Routine): void {
    this.#checks.call(routine);
    const { pointers, steps } = this.#routines[routine]!;
    this.#steps.push((machine) => callSteps(machine, pointers, steps));
  }

  load(destination: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    const [first, end] = [this.#at(destination, 0), this.#at(destination, this.traits.lanes)];
    this.#steps.push((machine) => {
      const at = locate(machine, operand.base, operand.offset, lanes * 4);
      const { bits, memory } = machine;
      for (let lane = 0; lane < lanes; lane++) bits[first + lane] = memory.getInt32(at + lane * 4, true);
      bits.fill(0, first + lanes, end);
    });
  }

  loadNarrow(
    format: NarrowFormat,
    destination: Vector,
    operand: MemoryOperand,
    lanes = this.traits.lanes,
  ): void {
    this.#checkAccess(operand, lanes);
    const bytes = NARROW_BYTES[format];
    if (format === 'float16' || format === 'bfloat16') {
      this.#checks.useTemporaries('half');
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
    this.#checks.memory(operand);
    this.#set('bits', destination, (machine, lane) => {
      const low = readNarrow(machine, format, operand, lane * 2);
      const high = readNarrow(machine, format, operand, lane * 2 + 1);
      return (low & 0xffff) | (high << 16);
    });
  }

  splat(destination: Vector, operand: MemoryOperand): void {
    this.#checks.memory(operand);
    this.#fill('bits', destination, (machine) => readWord(machine, operand));
  }

  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, operand: MemoryOperand): void {
    this.#checks.memory(operand);
    this.#checks.useTemporaries('half');
    const value = format === 'float16' ? float16Value : bfloat16Value;
    this.#fill('floats', destination, (machine) => value(readNarrow(machine, 'uint16', operand, 0)));
  }

  store(source: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    const first = this.#at(source, 0);
    this.#steps.push((machine) => {
      const at = locate(machine, operand.base, operand.offset, lanes * 4);
      const { bits, memory } = machine;
      for (let lane = 0; lane < lanes; lane++) memory.setInt32(at + lane * 4, bits[first + lane]!, true);
    });
  }

  storeNarrow(format: NarrowFormat, source: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    if (format === 'float16' || format === 'bfloat16') this.#checks.useTemporaries('half');
    const bytes = NARROW_BYTES[format];
    const narrow = NARROWING[format];
    const first = this.#at(source, 0);
    this.#steps.push((machine) => {
      const start = locate(machine, operand.base, operand.offset, lanes * bytes);
      for (let lane = 0; lane < lanes; lane++) {
        const value = narrow(machine.bits[first + lane]!, machine.floats[first + lane]!);
        if (bytes === 1) machine.memory.setUint8(start + lane, value);
        else machine.memory.setUint16(start + lane * 2, value, true);
      }
    });
  }

  moveWord(destination: MemoryOperand, source: MemoryOperand): void {
    this.#checks.memory(destination);
    this.#checks.memory(source);
    this.#steps.push((machine) => {
      const word = readWord(machine, source);
      machine.memory.setInt32(locate(machine, destination.base, destination.offset, 4), word, true);
    });
  }

  prefetch(operand: MemoryOperand): void {
    this.#checks.memory(operand);
  }

  zero(destination: Vector): void {
    this.integerConstant(destination, 0);
  }

  constant(destination: Vector, value: number): void {
    this.#fill('floats', destination, () => value);
  }

  integerConstant(destination: Vector, value: number): void {
    this.#fill('bits', destination, () => value);
  }

  laneIndices(destination: Vector): void {
    this.#set('bits', destination, (_machine, lane) => lane);
  }

  copy(destination: Vector, source: Vector): void {
    this.#combine('bits', destination, source, source, (bits) => bits);
  }

  float(operation: FloatOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#combine('floats', destination, a, b, FLOAT_OPERATIONS[operation]);
  }

  squareRoot(destination: Vector, source: Vector): void {
    this.#combine('floats', destination, source, source, Math.sqrt);
  }

  zeroNaN(destination: Vector, source: Vector): void {
    this.#combine('floats', destination, source, source, (value) => (Number.isNaN(value) ? 0 : value));
  }

  compare(comparison: Comparison, destination: Vector, a: Vector, b: Vector): void {
    const holds = COMPARISONS[comparison];
    this.#set('bits', destination, ({ floats }, lane) => {
      return holds(floats[this.#at(a, lane)]!, floats[this.#at(b, lane)]!) ? -1 : 0;
    });
  }

  round(rounding: Rounding, destination: Vector, source: Vector): void {
    this.#combine('floats', destination, source, source, ROUNDINGS[rounding]);
  }

  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#combine('bits', destination, a, b, INTEGER_OPERATIONS[operation]);
  }

  addWords(destination: Vector, a: Vector, b: Vector): void {
    this.#combine('bits', destination, a, b, addWords);
  }

  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void {
    this.#checks.shift(width, bits);
    this.#combine('bits', destination, source, source, (value) => shiftLane(shift, width, value, bits));
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    if (conversion === 'int32-to-float32') {
      this.#set('floats', destination, ({ bits }, lane) => bits[this.#at(source, lane)]!);
      return;
    }
    this.#set('bits', destination, ({ floats }, lane) => toInt32(floats[this.#at(source, lane)]!));
  }

  fma(accumulator: Vector, a: Vector, b: Vector, lanes: number = this.traits.lanes): void {
    this.#checks.lanes(lanes);
    this.#multiplyAdd(accumulator, a, b, 1);
    if (lanes === this.traits.lanes) return;
    const [first, end] = [this.#at(accumulator, lanes), this.#at(accumulator, this.traits.lanes)];
    this.#steps.push(({ floats }) => floats.fill(Number.NaN, first, end));
  }

  fnma(accumulator: Vector, a: Vector, b: Vector): void {
    this.#multiplyAdd(accumulator, a, b, -1);
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.#checks.useTemporaries('dot');
    const sum = sumOfProducts[this.traits.dot];
    this.#set('bits', accumulator, ({ bits }, lane) => {
      return bits[this.#at(accumulator, lane)]! + sum(bits[this.#at(a, lane)]!, bits[this.#at(b, lane)]!);
    });
  }

  multiplyWords(destination: Vector, a: Vector, b: Vector): void {
    this.#combine('bits', destination, a, b, sumOfProducts.words);
  }

  multiplyBytes(destination: Vector, a: Vector, b: Vector): void {
    this.#checks.optional('multiplyBytes');
    this.#combine('bits', destination, a, b, multiplyBytes);
  }

  dotBfloat16(accumulator: Vector, a: Vector, b: Vector): void {
    this.#checks.optional('dotBfloat16');
    this.#set('floats', accumulator, ({ bits, floats }, lane) => {
      const [left, right] = [bits[this.#at(a, lane)]!, bits[this.#at(b, lane)]!];
      const high = bfloat16Value(left >>> 16);
      const sum = fusedMultiplyAdd(high, bfloat16Value(right >>> 16), floats[this.#at(accumulator, lane)]!);
      return fusedMultiplyAdd(bfloat16Value(left & 0xffff), bfloat16Value(right & 0xffff), sum);
    });
  }

  exchange(destination: Vector, source: Vector, mask: number): void {
    this.#checks.mask(mask);
    const { lanes } = this.traits;
    this.#steps.push(({ bits }) => {
      const old = bits.slice(source * lanes, (source + 1) * lanes);
      for (let lane = 0; lane < lanes; lane++) bits[destination * lanes + lane] = old[lane ^ mask]!;
    });
  }

  finish(): InterpretedKernel {
    this.#checks.finish();
    const [steps, lanes, pointers] = [this.#steps, this.#vectorCount * this.traits.lanes, this.#pointerCount];
    return (memory) => bindSteps(steps, memory, lanes, pointers);
  }

  #multiplyAdd(accumulator: Vector, a: Vector, b: Vector, sign: 1 | -1): void {
    this.#checks.useTemporaries('fma');
    const { lanes, fmaRounding } = this.traits;
    const [sum, left, right] = [accumulator * lanes, a * lanes, b * lanes];
    this.#steps.push(({ floats }) => {
      for (let lane = 0; lane < lanes; lane++) {
        const [x, y, z] = [sign * floats[left + lane]!, floats[right + lane]!, floats[sum + lane]!];
        floats[sum + lane] = fmaRounding === 'once' ? fusedMultiplyAdd(x, y, z) : z + Math.fround(x * y);
      }
    });
  }

  #checkAccess(operand: MemoryOperand, lanes: number): void {
    this.#checks.memory(operand);
    this.#checks.lanes(lanes);
  }

  #at(vector: Vector, lane: number): number {
    return vector * this.traits.lanes + lane;
  }

  #collect(emit: () => void): readonly Step[] {
    const outer = this.#steps;
    const inner: Step[] = [];
    this.#steps = inner;
    emit();
    this.#steps = outer;
    return inner;
  }

  /** Sets each lane, read as integer or as float32. */
  #set(view: View, destination: Vector, compute: (machine: Machine, lane: number) => number): void {
    const { lanes } = this.traits;
    this.#steps.push((machine) => {
      for (let lane = 0; lane < lanes; lane++)
        machine[view][this.#at(destination, lane)] = compute(machine, lane);
    });
  }

  #fill(view: View, destination: Vector, compute: (machine: Machine) => number): void {
    const [first, end] = [this.#at(destination, 0), this.#at(destination, this.traits.lanes)];
    this.#steps.push((machine) => {
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
    this.#steps.push((machine) => {
      const numbers = machine[view];
      for (let lane = 0; lane < lanes; lane++) {
        numbers[to + lane] = apply(numbers[left + lane]!, numbers[right + lane]!);
      }
    });
  }
}
