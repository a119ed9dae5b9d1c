import { InvalidArgumentError } from '@qedge/core';
import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import type { KernelMemory } from '../host/kernel-host.ts';
import { ContractChecks } from './contract-checks.ts';
import {
  addAddresses,
  nextSubset,
  offsetAddress,
  parity,
  selectBits,
  writeField,
} from './interpreter-addresses.ts';
import {
  BLOCK,
  bindSteps,
  callSteps,
  countArgument,
  locate,
  readWord,
  repeat,
  type Step,
} from './interpreter-machine.ts';
import type { MemoryOperand, Pointer, Routine, TargetTraits, Vector } from './target.ts';

/** Steps by key, kept by a host for all its targets; see `Target.fragment`. */
export type InterpretedFragments = Map<string, readonly Step[]>;

/** A kernel to be run on a memory: bound once, then called with the address of an argument block in it. */
export type InterpretedKernel = (memory: KernelMemory) => (block: number) => void;

/** The steps around a kernel: its registers, addresses, loops and routines. */
export abstract class InterpreterFrame {
  readonly traits: TargetTraits;
  readonly block = BLOCK;
  protected readonly checks: ContractChecks;
  readonly #routines: { readonly pointers: readonly Pointer[]; readonly steps: readonly Step[] }[] = [];
  readonly #fragments: InterpretedFragments;
  protected readonly wordsPerLane: 1 | 2;
  protected steps: Step[] = [];
  #vectorCount = 0;
  #pointerCount = 1;

  /**
   * @param fragments of other targets with the same traits.
   * @throws InvalidArgumentError for `fmaRounding: 'host'`, which only a host can do, and for `once` on float64.
   */
  constructor(traits: TargetTraits, fragments: InterpretedFragments = new Map()) {
    if (traits.fmaRounding === 'host' || (traits.fmaRounding === 'once' && traits.element === 'float64')) {
      throw new InvalidArgumentError('The interpreter needs a stated rounding', {
        expected: 'once, twice',
        actual: traits.fmaRounding,
      });
    }
    this.traits = traits;
    this.#fragments = fragments;
    this.wordsPerLane = traits.element === 'float64' ? 2 : 1;
    this.checks = new ContractChecks(traits);
  }

  vectors(role: string, count: number): Vector[] {
    this.checks.claimVectors(role, count);
    return Array.from({ length: count }, () => this.#vectorCount++ as Vector);
  }

  pointer(role: string): Pointer {
    this.checks.claimPointer(role);
    return this.#pointerCount++ as Pointer;
  }

  argument(destination: Pointer, index: number): void {
    this.checks.field(index);
    this.steps.push((machine) => {
      const at = locate(machine, BLOCK, index * ARGUMENT_BYTES, ARGUMENT_BYTES);
      machine.pointers[destination] =
        machine.memory.getUint32(at, true) + machine.memory.getUint32(at + 4, true) * 2 ** 32;
    });
  }

  copyPointer(destination: Pointer, source: Pointer): void {
    this.steps.push(({ pointers }) => {
      pointers[destination] = pointers[source]!;
    });
  }

  advance(pointer: Pointer, bytes: number): void {
    this.checks.bytes(bytes);
    this.steps.push(({ pointers }) => {
      pointers[pointer] = pointers[pointer]! + bytes;
    });
  }

  advanceByArgument(pointer: Pointer, index: number, scale: number): void {
    this.checks.field(index);
    this.checks.scale(scale);
    this.steps.push((machine) => {
      machine.pointers[pointer] = machine.pointers[pointer]! + countArgument(machine, index) * scale;
    });
  }

  advanceByWord(pointer: Pointer, operand: MemoryOperand, scale: number): void {
    this.checks.memory(operand);
    this.checks.scale(scale);
    this.steps.push((machine) => {
      const word = readWord(machine, operand) >>> 0;
      machine.pointers[pointer] = machine.pointers[pointer]! + word * scale;
    });
  }

  addPointers(destination: Pointer, a: Pointer, b: Pointer): void {
    this.steps.push(addAddresses(destination, a, b));
  }

  offsetPointer(destination: Pointer, source: Pointer, bytes: number): void {
    this.checks.wide('an offset', bytes);
    this.steps.push(offsetAddress(destination, source, bytes));
  }

  setArgument(index: number, source: Pointer): void {
    this.checks.field(index);
    this.steps.push(writeField(index, source));
  }

  gatherBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void {
    this.checks.bits(positions, shift);
    this.checks.distinct(destination, source);
    this.steps.push(selectBits(destination, source, positions, shift));
  }

  parityOfBits(destination: Pointer, source: Pointer, positions: readonly number[], shift: number): void {
    this.checks.bits(positions, shift);
    this.checks.distinct(destination, source);
    this.steps.push(parity(destination, source, positions, shift));
  }

  nextSubset(pointer: Pointer, mask: number): void {
    this.checks.wide('a mask', mask);
    this.steps.push(({ pointers }) => {
      pointers[pointer] = nextSubset(pointers[pointer]!, mask);
    });
  }

  loopSubsets(pointer: Pointer, mask: number, body: () => void): void {
    this.checks.wide('a mask', mask);
    const steps = this.#collect(() => this.checks.loopWithoutCounter(body));
    this.steps.push((machine) => {
      const { pointers } = machine;
      pointers[pointer] = 0;
      do {
        repeat(1, steps, machine);
        pointers[pointer] = nextSubset(pointers[pointer]!, mask);
      } while (pointers[pointer] !== 0);
    });
  }

  fragment(key: string, emit: () => void): void {
    this.checks.fragment();
    let steps = this.#fragments.get(key);
    if (steps === undefined) {
      steps = this.#collect(emit);
      this.#fragments.set(key, steps);
    }
    this.steps.push(...steps);
  }

  loop(times: number, body: () => void): void {
    this.checks.times(times);
    if (times === 0) return;
    const steps = this.#collect(() => this.checks.loop(body));
    this.steps.push((machine) => repeat(times, steps, machine));
  }

  loopArgument(index: number, body: () => void): void {
    this.checks.field(index);
    const steps = this.#collect(() => this.checks.loop(body));
    this.steps.push((machine) => repeat(countArgument(machine, index), steps, machine));
  }

  routine(pointers: readonly Pointer[], body: () => void): Routine {
    let routine: Routine | undefined;
    const steps = this.#collect(() => {
      routine = this.checks.routine(body);
    });
    this.#routines.push({ pointers: [...pointers], steps });
    return routine!;
  }

  call(routine: Routine): void {
    this.checks.call(routine);
    const { pointers, steps } = this.#routines[routine]!;
    this.steps.push((machine) => callSteps(machine, pointers, steps));
  }

  finish(): InterpretedKernel {
    this.checks.finish();
    const [steps, pointers] = [this.steps, this.#pointerCount];
    const words = this.word(this.#vectorCount as Vector);
    return (memory) => bindSteps(steps, memory, words, pointers, this.traits.element);
  }

  /** The first word of a vector. */
  protected word(vector: Vector): number {
    return vector * this.traits.lanes * this.wordsPerLane;
  }

  #collect(emit: () => void): readonly Step[] {
    const outer = this.steps;
    const inner: Step[] = [];
    this.steps = inner;
    emit();
    this.steps = outer;
    return inner;
  }
}
