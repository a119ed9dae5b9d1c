import { InvalidArgumentError } from '@qedge/core';
import { ARGUMENT_BYTES } from '../host/argument-block.ts';
import { RegisterBudget } from './register-budget.ts';
import type { MemoryOperand, Pointer, Routine, TargetTraits } from './target.ts';

/** Offsets, distances and counts are signed 32-bit integers in code. */
const LARGEST = 2 ** 31 - 1;
/** Bits of an address in user space. */
const ADDRESS_BITS = 47;
const LARGEST_ADDRESS = 2 ** ADDRESS_BITS - 1;

function refuse(what: string, expected: string, actual: unknown): never {
  throw new InvalidArgumentError(`A kernel emits ${what}`, { expected, actual });
}

function checkInteger(what: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  refuse(what, `an integer ${lowest}..${highest}`, value);
}

/**
 * What a target refuses while code is emitted: registers beyond its budgets, operands out of range, and structure that the
 * contract of `Target` excludes. Shared, so that a kernel that one target accepts is not refused by another of the same traits.
 */
export class ContractChecks {
  readonly #traits: TargetTraits;
  readonly #vectors: RegisterBudget;
  readonly #pointers: RegisterBudget;
  readonly #temporaries = new Set<string>();
  #openLoops = 0;
  #inRoutine = false;
  #routines = 0;
  #finished = false;

  constructor(traits: TargetTraits) {
    this.#traits = traits;
    this.#vectors = new RegisterBudget(traits.id, traits.vectors);
    this.#pointers = new RegisterBudget(
      traits.id,
      traits.pointers,
      'address registers',
      'Open fewer loops inside each other, or use one pointer with several offsets.',
    );
  }

  /** @throws RegisterBudgetError when the target has no more. */
  claimVectors(role: string, count: number): void {
    this.#vectors.claim(role, count);
  }

  /** @throws RegisterBudgetError when the target has no more. */
  claimPointer(role: string): void {
    this.#pointers.claim(role, 1);
  }

  /** Takes the temporaries of an operation from the budget when it is used for the first time. */
  useTemporaries(operation: keyof TargetTraits['temporaries']): void {
    if (this.#temporaries.has(operation)) return;
    this.#temporaries.add(operation);
    this.#vectors.claim(`temporaries of ${operation}`, this.#traits.temporaries[operation]);
  }

  loop(body: () => void): void {
    this.#openLoops++;
    this.#pointers.lend('loop counter', body);
    this.#openLoops--;
  }

  /** A loop that keeps its state in a pointer of the kernel. */
  loopWithoutCounter(body: () => void): void {
    this.#openLoops++;
    body();
    this.#openLoops--;
  }

  routine(body: () => void): Routine {
    if (this.#openLoops > 0 || this.#inRoutine) {
      refuse(
        'a routine in the wrong place',
        'outside of loops and routines',
        this.#inRoutine ? 'in a routine' : 'in a loop',
      );
    }
    this.#inRoutine = true;
    body();
    this.#inRoutine = false;
    return this.#routines++ as Routine;
  }

  call(routine: Routine): void {
    if (this.#inRoutine) refuse('a call in a routine', 'routines that call no other', `routine ${routine}`);
    if (!(routine >= 0 && routine < this.#routines)) {
      refuse('a call of an unknown routine', `one of ${this.#routines}`, routine);
    }
  }

  times(times: number): void {
    checkInteger('a loop with an impossible count', times, 0, LARGEST);
  }

  field(index: number): void {
    checkInteger('an argument with an impossible index', index, 0, Math.floor(LARGEST / ARGUMENT_BYTES));
  }

  scale(scale: number): void {
    checkInteger('an advance with an impossible scale', scale, 1, LARGEST);
  }

  bytes(bytes: number): void {
    checkInteger('an advance that does not fit 32 bits', bytes, -LARGEST - 1, LARGEST);
  }

  /** A distance or a mask of addresses that may lie beyond 4 GiB. */
  wide(what: string, value: number): void {
    checkInteger(what, value, 0, LARGEST_ADDRESS);
  }

  /** Positions of bits, each once, and the shift of what they become. */
  bits(positions: readonly number[], shift: number): void {
    let isRight = positions.length > 0;
    for (let i = 0; i < positions.length; i++) {
      const bit = positions[i]!;
      const inRange = Number.isInteger(bit) && bit >= 0 && bit < ADDRESS_BITS;
      if (!inRange || positions.indexOf(bit) !== i) isRight = false;
    }
    if (!isRight) {
      refuse('a selection of impossible bits', `different ones from 0 to ${ADDRESS_BITS - 1}`, positions);
    }
    checkInteger('a selection of bits with an impossible shift', shift, 0, 31 - positions.length);
  }

  distinct(destination: Pointer, source: Pointer): void {
    if (destination === source) refuse('a selection of bits in place', 'another pointer', source);
  }

  fragment(): void {
    if (!this.#inRoutine) refuse('a fragment in the wrong place', 'in a routine', 'outside');
  }

  /** Refuses what exists on float32 only. */
  words(operation: string): void {
    if (this.#traits.element === 'float32') return;
    refuse(`${operation} on lanes of 64 bits`, 'a target whose element is float32', this.#traits.id);
  }

  memory(memory: MemoryOperand): void {
    checkInteger('an access with an impossible offset', memory.offset, 0, LARGEST);
  }

  lanes(lanes: number): void {
    checkInteger('an access to an impossible number of lanes', lanes, 1, this.#traits.lanes);
  }

  shift(width: 16 | 32, bits: number): void {
    checkInteger('a shift by an impossible number of bits', bits, 0, width - 1);
  }

  mask(mask: number): void {
    checkInteger('an exchange with an impossible mask', mask, 1, this.#traits.lanes - 1);
  }

  optional(operation: 'multiplyBytes' | 'dotBfloat16'): void {
    if (!this.#traits[operation]) {
      refuse('an operation that the target lacks', `traits with ${operation}`, this.#traits.id);
    }
  }

  finish(): void {
    if (this.#openLoops > 0 || this.#inRoutine)
      refuse('an end in a loop or routine', 'an end outside', 'one inside');
    if (this.#finished) refuse('a second end', 'one', 'two');
    this.#finished = true;
  }
}
