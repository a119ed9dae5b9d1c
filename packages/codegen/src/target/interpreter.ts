import { InvalidArgumentError } from '@qedge/core';
import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import type { KernelMemory } from '../host/kernel-host.ts';
import { ContractChecks } from './contract-checks.ts';
import { fusedMultiplyAdd } from './fused-multiply-add.ts';
import {
  BLOCK,
  callSteps,
  countArgument,
  locate,
  type Machine,
  NARROWING,
  readNarrow,
  readWord,
  repeat,
  type Step,
  UNDEFINED_LANE,
} from './interpreter-machine.ts';
import {
  addWords,
  FLOAT_OPERATIONS,
  INTEGER_OPERATIONS,
  multiplyBytes,
  shiftLane,
  sumOfProducts,
} from './lane-arithmetic.ts';
import { bfloat16Value, float16Value, NARROW_BYTES, roundTiesToEven } from './narrow-numbers.ts';
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
} from './target.ts';

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
    this.#setBits(destination, (machine, lane) => (lane < lanes ? readWord(machine, operand, lane * 4) : 0));
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
      this.#setFloats(destination, (machine, lane) => {
        return lane < lanes ? value(readNarrow(machine, 'uint16', operand, lane * bytes)) : 0;
      });
      return;
    }
    this.#setBits(destination, (machine, lane) => {
      return lane < lanes ? readNarrow(machine, format, operand, lane * bytes) : 0;
    });
  }

  loadPairs(format: 'int8' | 'uint8', destination: Vector, operand: MemoryOperand): void {
    this.#checks.memory(operand);
    this.#setBits(destination, (machine, lane) => {
      const low = readNarrow(machine, format, operand, lane * 2);
      const high = readNarrow(machine, format, operand, lane * 2 + 1);
      return (low & 0xffff) | (high << 16);
    });
  }

  splat(destination: Vector, operand: MemoryOperand): void {
    this.#checks.memory(operand);
    this.#setBits(destination, (machine) => readWord(machine, operand, 0));
  }

  splatNarrow(format: 'float16' | 'bfloat16', destination: Vector, operand: MemoryOperand): void {
    this.#checks.memory(operand);
    this.#checks.useTemporaries('half');
    const value = format === 'float16' ? float16Value : bfloat16Value;
    this.#setFloats(destination, (machine) => value(readNarrow(machine, 'uint16', operand, 0)));
  }

  store(source: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    this.#eachLane((machine, lane) => {
      if (lane >= lanes) return;
      const at = locate(machine, operand.base, operand.offset + lane * 4, 4);
      machine.memory.setInt32(at, machine.bits[this.#at(source, lane)]!, true);
    });
  }

  storeNarrow(format: NarrowFormat, source: Vector, operand: MemoryOperand, lanes = this.traits.lanes): void {
    this.#checkAccess(operand, lanes);
    if (format === 'float16' || format === 'bfloat16') this.#checks.useTemporaries('half');
    const bytes = NARROW_BYTES[format];
    const narrow = NARROWING[format];
    this.#eachLane((machine, lane) => {
      if (lane >= lanes) return;
      const at = locate(machine, operand.base, operand.offset + lane * bytes, bytes);
      const index = this.#at(source, lane);
      const value = narrow(machine.bits[index]!, machine.floats[index]!);
      if (bytes === 1) machine.memory.setUint8(at, value);
      else machine.memory.setUint16(at, value, true);
    });
  }

  moveWord(destination: MemoryOperand, source: MemoryOperand): void {
    this.#checks.memory(destination);
    this.#checks.memory(source);
    this.#steps.push((machine) => {
      const word = readWord(machine, source, 0);
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
    this.#setFloats(destination, () => value);
  }

  integerConstant(destination: Vector, bits: number): void {
    this.#setBits(destination, () => bits);
  }

  copy(destination: Vector, source: Vector): void {
    this.#combineBits(destination, source, source, (bits) => bits);
  }

  float(operation: FloatOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#combineFloats(destination, a, b, FLOAT_OPERATIONS[operation]);
  }

  squareRoot(destination: Vector, source: Vector): void {
    this.#combineFloats(destination, source, source, Math.sqrt);
  }

  zeroNaN(destination: Vector, source: Vector): void {
    this.#combineFloats(destination, source, source, (value) => (Number.isNaN(value) ? 0 : value));
  }

  integer(operation: IntegerOperation, destination: Vector, a: Vector, b: Vector): void {
    this.#combineBits(destination, a, b, INTEGER_OPERATIONS[operation]);
  }

  addWords(destination: Vector, a: Vector, b: Vector): void {
    this.#combineBits(destination, a, b, addWords);
  }

  shift(shift: Shift, width: 16 | 32, destination: Vector, source: Vector, bits: number): void {
    this.#checks.shift(width, bits);
    this.#combineBits(destination, source, source, (value) => shiftLane(shift, width, value, bits));
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    if (conversion === 'int32-to-float32') {
      this.#setFloats(destination, ({ bits }, lane) => bits[this.#at(source, lane)]!);
      return;
    }
    this.#setBits(destination, ({ floats }, lane) => {
      const value = roundTiesToEven(floats[this.#at(source, lane)]!);
      if (value >= -(2 ** 31) && value < 2 ** 31) return value;
      throw new RangeError(`A kernel converts ${value} to int32; kernels clamp first.`);
    });
  }

  fma(accumulator: Vector, a: Vector, b: Vector): void {
    this.#multiplyAdd(accumulator, a, b, 1);
  }

  fnma(accumulator: Vector, a: Vector, b: Vector): void {
    this.#multiplyAdd(accumulator, a, b, -1);
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.#checks.useTemporaries('dot');
    const sum = sumOfProducts[this.traits.dot];
    this.#setBits(accumulator, ({ bits }, lane) => {
      return bits[this.#at(accumulator, lane)]! + sum(bits[this.#at(a, lane)]!, bits[this.#at(b, lane)]!);
    });
  }

  multiplyWords(destination: Vector, a: Vector, b: Vector): void {
    this.#combineBits(destination, a, b, sumOfProducts.words);
  }

  multiplyBytes(destination: Vector, a: Vector, b: Vector): void {
    this.#checks.optional('multiplyBytes');
    this.#combineBits(destination, a, b, multiplyBytes);
  }

  dotBfloat16(accumulator: Vector, a: Vector, b: Vector): void {
    this.#checks.optional('dotBfloat16');
    this.#setFloats(accumulator, ({ bits, floats }, lane) => {
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
    const steps = this.#steps;
    const lanes = this.#vectorCount * this.traits.lanes;
    const pointerCount = this.#pointerCount;
    return ({ buffer, byteOffset, byteLength, address }) => {
      const memory = new DataView(buffer, byteOffset, byteLength);
      const bits = new Int32Array(lanes);
      const floats = new Float32Array(bits.buffer);
      const pointers = new Float64Array(pointerCount);
      const machine: Machine = { memory, address, bits, floats, pointers };
      return (block) => {
        bits.fill(UNDEFINED_LANE);
        pointers.fill(Number.NaN);
        pointers[BLOCK] = block;
        repeat(1, steps, machine);
      };
    };
  }

  #multiplyAdd(accumulator: Vector, a: Vector, b: Vector, sign: 1 | -1): void {
    this.#checks.useTemporaries('fma');
    const once = this.traits.fmaRounding === 'once';
    this.#setFloats(accumulator, ({ floats }, lane) => {
      const sum = floats[this.#at(accumulator, lane)]!;
      const [left, right] = [sign * floats[this.#at(a, lane)]!, floats[this.#at(b, lane)]!];
      return once ? fusedMultiplyAdd(left, right, sum) : sum + Math.fround(left * right);
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

  #setBits(destination: Vector, compute: (machine: Machine, lane: number) => number): void {
    this.#eachLane((machine, lane) => {
      machine.bits[this.#at(destination, lane)] = compute(machine, lane);
    });
  }

  #setFloats(destination: Vector, compute: (machine: Machine, lane: number) => number): void {
    this.#eachLane((machine, lane) => {
      machine.floats[this.#at(destination, lane)] = compute(machine, lane);
    });
  }

  #combineBits(destination: Vector, a: Vector, b: Vector, apply: (a: number, b: number) => number): void {
    this.#setBits(destination, ({ bits }, lane) => apply(bits[this.#at(a, lane)]!, bits[this.#at(b, lane)]!));
  }

  #combineFloats(destination: Vector, a: Vector, b: Vector, apply: (a: number, b: number) => number): void {
    this.#setFloats(destination, ({ floats }, lane) => {
      return apply(floats[this.#at(a, lane)]!, floats[this.#at(b, lane)]!);
    });
  }

  #eachLane(apply: (machine: Machine, lane: number) => void): void {
    const { lanes } = this.traits;
    this.#steps.push((machine) => {
      for (let lane = 0; lane < lanes; lane++) apply(machine, lane);
    });
  }
}
