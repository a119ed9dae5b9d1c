import { InvalidArgumentError } from '@qedge/core';
import { RegisterBudget } from './register-budget.ts';
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
} from './target.ts';

/** A kernel to be run on `memory`: arguments are byte addresses and counts, as for compiled code. */
export type InterpretedKernel = (memory: ArrayBufferLike) => (...args: number[]) => void;

type Step = (machine: Machine) => void;

interface Machine {
  readonly memory: DataView;
  readonly registers: DataView[];
  readonly integers: number[];
}

const BINARY: Readonly<Record<BinaryOperation, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  // Not Math.min and Math.max: those give NaN when either operand is NaN.
  // biome-ignore lint/complexity/useMathMinMax: another result for NaN
  min: (a, b) => (b < a ? b : a),
  // biome-ignore lint/complexity/useMathMinMax: another result for NaN
  max: (a, b) => (a < b ? b : a),
};

/** Rounds to the nearest integer, ties to even. */
function nearestEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

function repeat(times: number, steps: readonly Step[], machine: Machine): void {
  for (let i = 0; i < times; i++) for (const step of steps) step(machine);
}

const doubleBits = new DataView(new ArrayBuffer(8));

/**
 * `a * b + c` on float32 values, rounded once. The product is exact in float64; the sum is rounded to odd there, so that the
 * final rounding to float32 is the only one that counts (Boldo and Melquiond 2008, "Emulation of a FMA").
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum)) return Math.fround(sum);
  const virtual = sum - product;
  const error = product - (sum - virtual) + (c - virtual);
  if (error === 0) return Math.fround(sum);
  doubleBits.setFloat64(0, sum);
  const bits = doubleBits.getBigInt64(0);
  if ((bits & 1n) === 0n) doubleBits.setBigInt64(0, error > 0 === sum > 0 ? bits + 1n : bits - 1n);
  return Math.fround(doubleBits.getFloat64(0));
}

/**
 * A target that runs kernels step by step on plain memory: the reference for every encoder. Registers start as NaN, so
 * that a kernel which reads one before writing it gives a wrong result; an access outside the memory throws a RangeError.
 */
export class InterpreterTarget implements Target<InterpretedKernel> {
  readonly traits: TargetTraits;
  readonly #budget: RegisterBudget;
  #steps: Step[] = [];
  #vectorCount = 0;
  #integerCount: number;

  /**
   * @param parameterCount how many arguments the kernel takes.
   * @throws InvalidArgumentError for `fmaRounding: 'host'`, which only a host can do.
   */
  constructor(traits: TargetTraits, parameterCount: number) {
    if (traits.fmaRounding === 'host') {
      throw new InvalidArgumentError('The interpreter needs a stated rounding', {
        expected: 'once, twice',
        actual: traits.fmaRounding,
      });
    }
    this.traits = traits;
    this.#budget = new RegisterBudget(traits.id, traits.vectors);
    this.#integerCount = parameterCount;
  }

  vectors(role: string, count: number): Vector[] {
    this.#budget.claim(role, count);
    return Array.from({ length: count }, () => this.#vectorCount++ as Vector);
  }

  pointerArgument(index: number): Pointer {
    return index as Pointer;
  }

  countArgument(index: number): Count {
    return index as Count;
  }

  pointer(): Pointer {
    return this.#integerCount++ as Pointer;
  }

  copyPointer(destination: Pointer, source: Pointer): void {
    this.#emit(({ integers }) => {
      integers[destination] = integers[source]!;
    });
  }

  advance(pointer: Pointer, bytes: number): void {
    this.#emit(({ integers }) => {
      integers[pointer] = integers[pointer]! + bytes;
    });
  }

  loop(times: number, body: () => void): void {
    const inner = this.#nest(body);
    this.#emit((machine) => repeat(times, inner, machine));
  }

  loopCount(count: Count, body: () => void): void {
    const inner = this.#nest(body);
    this.#emit((machine) => repeat(machine.integers[count]!, inner, machine));
  }

  load(destination: Vector, { base, offset }: MemoryOperand, lanes = this.traits.lanes): void {
    this.#eachLane((machine, lane) => {
      const address = machine.integers[base]! + offset + lane * 4;
      const bits = lane < lanes ? machine.memory.getInt32(address, true) : 0;
      machine.registers[destination]!.setInt32(lane * 4, bits, true);
    });
  }

  loadWidened(destination: Vector, { base, offset }: MemoryOperand): void {
    this.#eachLane(({ memory, registers, integers }, lane) => {
      const address = integers[base]! + offset + lane * 2;
      registers[destination]!.setInt16(lane * 4, memory.getInt8(address), true);
      registers[destination]!.setInt16(lane * 4 + 2, memory.getInt8(address + 1), true);
    });
  }

  splat(destination: Vector, { base, offset }: MemoryOperand): void {
    this.#eachLane(({ memory, registers, integers }, lane) => {
      registers[destination]!.setInt32(lane * 4, memory.getInt32(integers[base]! + offset, true), true);
    });
  }

  store(source: Vector, { base, offset }: MemoryOperand, lanes = this.traits.lanes): void {
    this.#eachLane(({ memory, registers, integers }, lane) => {
      if (lane >= lanes) return;
      memory.setInt32(integers[base]! + offset + lane * 4, registers[source]!.getInt32(lane * 4, true), true);
    });
  }

  storeNarrowed(source: Vector, { base, offset }: MemoryOperand): void {
    this.#eachLane(({ memory, registers, integers }, lane) => {
      const value = registers[source]!.getInt32(lane * 4, true);
      memory.setInt16(integers[base]! + offset + lane * 2, Math.max(-32768, Math.min(32767, value)), true);
    });
  }

  zero(destination: Vector): void {
    this.#eachLane(({ registers }, lane) => registers[destination]!.setInt32(lane * 4, 0));
  }

  binary(operation: BinaryOperation, destination: Vector, a: Vector, b: Vector): void {
    const apply = BINARY[operation];
    this.#eachLane(({ registers }, lane) => {
      const left = registers[a]!.getFloat32(lane * 4, true);
      const right = registers[b]!.getFloat32(lane * 4, true);
      registers[destination]!.setFloat32(lane * 4, apply(left, right), true);
    });
  }

  convert(conversion: Conversion, destination: Vector, source: Vector): void {
    this.#eachLane(({ registers }, lane) => {
      const from = registers[source]!;
      const to = registers[destination]!;
      if (conversion === 'int32-to-float32') {
        to.setFloat32(lane * 4, from.getInt32(lane * 4, true), true);
      } else {
        const value = nearestEven(from.getFloat32(lane * 4, true));
        const inRange = Math.max(-2147483648, Math.min(2147483647, value));
        to.setInt32(lane * 4, Number.isNaN(value) ? 0 : inRange, true);
      }
    });
  }

  shift(shift: Shift, destination: Vector, source: Vector, bits: number): void {
    this.#eachLane(({ registers }, lane) => {
      for (const at of [lane * 4, lane * 4 + 2]) {
        const value = registers[source]!.getInt16(at, true);
        registers[destination]!.setInt16(at, shift === 'left' ? value << bits : value >> bits, true);
      }
    });
  }

  fma(accumulator: Vector, a: Vector, b: Vector): void {
    const once = this.traits.fmaRounding === 'once';
    this.#eachLane(({ registers }, lane) => {
      const sum = registers[accumulator]!.getFloat32(lane * 4, true);
      const left = registers[a]!.getFloat32(lane * 4, true);
      const right = registers[b]!.getFloat32(lane * 4, true);
      const result = once ? fusedMultiplyAdd(left, right, sum) : sum + Math.fround(left * right);
      registers[accumulator]!.setFloat32(lane * 4, result, true);
    });
  }

  dot(accumulator: Vector, a: Vector, b: Vector): void {
    this.#eachLane(({ registers }, lane) => {
      let sum = registers[accumulator]!.getInt32(lane * 4, true);
      for (const at of [lane * 4, lane * 4 + 2]) {
        sum += registers[a]!.getInt16(at, true) * registers[b]!.getInt16(at, true);
      }
      registers[accumulator]!.setInt32(lane * 4, sum, true);
    });
  }

  finish(): InterpretedKernel {
    const steps = this.#steps;
    const vectorCount = this.#vectorCount;
    const lanes = this.traits.lanes;
    return (buffer) => {
      const memory = new DataView(buffer);
      return (...args) => {
        const registers = Array.from({ length: vectorCount }, () => {
          const register = new Float32Array(lanes).fill(Number.NaN);
          return new DataView(register.buffer);
        });
        const machine: Machine = { memory, registers, integers: [...args] };
        for (const step of steps) step(machine);
      };
    };
  }

  #nest(body: () => void): Step[] {
    const outer = this.#steps;
    const inner: Step[] = [];
    this.#steps = inner;
    body();
    this.#steps = outer;
    return inner;
  }

  #emit(step: Step): void {
    this.#steps.push(step);
  }

  #eachLane(apply: (machine: Machine, lane: number) => void): void {
    const { lanes } = this.traits;
    this.#emit((machine) => {
      for (let lane = 0; lane < lanes; lane++) apply(machine, lane);
    });
  }
}
