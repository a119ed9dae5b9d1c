import type { ClassicalType, ClassicalVariable, Register } from '../../circuit/classical-expression.ts';
import { EXPRESSION_FUNCTIONS } from '../../circuit/expression-node.ts';
import { type Analysis, MAX_BITS } from './analysis.ts';
import type { Slot, SlotBit, Storage } from './slot.ts';
import { describeValue, type KnownValue, toClassical } from './value.ts';

/** Registers and variables of one program. */
const MAX_NAMES = 10_000;

/** The memory of the running program, and when values have to be there. */
export class Storages {
  readonly classicalRegisters: Register[] = [];
  readonly variables: ClassicalVariable[] = [];
  clbitCount = 0;
  readonly #analysis: Analysis;
  /** By declaration: a subroutine that is called again uses the same memory, since no two of its lives overlap. */
  readonly #storages = new Map<object, Storage>();
  readonly #names = new Set<string>();
  readonly #parameters = new Set<string>();

  constructor(analysis: Analysis) {
    this.#analysis = analysis;
  }

  /** A name that no other register, variable or parameter of the circuit has. */
  uniqueName(name: string): string {
    let unique = name;
    const isTaken = (candidate: string) =>
      this.#names.has(candidate) || candidate === 'pi' || Object.hasOwn(EXPRESSION_FUNCTIONS, candidate);
    for (let count = 1; isTaken(unique); count++) unique = `${name}_${count}`;
    this.#names.add(unique);
    if (this.#names.size > MAX_NAMES) {
      this.#analysis.fail(0, `at most ${MAX_NAMES} registers and variables`, 'more');
    }
    return unique;
  }

  /** True for the name, in the circuit, of a variable of the running program. */
  isVariable(name: string): boolean {
    return this.#names.has(name) && !this.#parameters.has(name);
  }

  /** Keeps a name for a parameter. */
  reserve(name: string): void {
    this.#names.add(name);
    this.#parameters.add(name);
  }

  /** A new life of a declared variable. */
  createSlot(declaration: object, name: string, type: ClassicalType | null, known: KnownValue | null): Slot {
    let storage = this.#storages.get(declaration);
    if (storage === undefined || storage.type !== type) {
      const same = storage?.type && type && JSON.stringify(storage.type) === JSON.stringify(type);
      if (!same) storage = { name, type, place: null };
      this.#storages.set(declaration, storage!);
    }
    const slot = { name, type, known, synced: false, isGlobal: false, storage: storage! };
    this.#analysis.slots.push(slot);
    return slot;
  }

  /** The place of a slot, made now if there is none. */
  place(slot: Slot): NonNullable<Storage['place']> {
    const { storage } = slot;
    if (storage.place !== null) return storage.place;
    const { type } = storage;
    if (type === null) throw new TypeError('arrays and durations are refused before');
    const name = this.uniqueName(storage.name);
    if (type.kind === 'bit') storage.place = this.#allocateBits(name, type.size, !slot.isGlobal);
    else {
      storage.place = { kind: 'variable', name, type };
      this.#initialise(slot, name, type);
    }
    return storage.place;
  }

  /** Makes sure that the running program's memory holds the known value. */
  sync(slot: Slot, start: number): void {
    if (slot.synced) return;
    if (slot.type === null) {
      this.#analysis.refuse(
        start,
        `"${slot.name}" is an array or a duration, which must not depend on what only the running program knows`,
      );
    }
    const place = this.place(slot);
    if (slot.synced || slot.known === null) return;
    const value = toClassical(slot.known);
    if (value === null) {
      this.#analysis.refuse(
        start,
        `"${slot.name}" would have to hold ${describeValue(slot.known)} while the program runs`,
      );
    }
    this.#analysis.emit({ kind: 'assign', target: place, value });
    slot.synced = true;
  }

  /** Makes a slot one whose value only the running program knows. */
  forget(slot: Slot, start: number): void {
    this.sync(slot, start);
    this.place(slot);
    slot.known = null;
    slot.synced = true;
  }

  /** The classical bits of the running program behind some bits. */
  clbits(bits: readonly SlotBit[]): number[] {
    return bits.map(({ slot, bit }) => {
      const place = this.place(slot);
      if (place.kind === 'bit') return place.clbit;
      if (place.kind === 'bits') return place.clbits[bit]!;
      throw new TypeError('a bit register lies in classical bits');
    });
  }

  #allocateBits(name: string, size: number, isLocal: boolean): NonNullable<Storage['place']> {
    const start = this.clbitCount;
    if (start + size > MAX_BITS) {
      this.#analysis.fail(0, `at most ${MAX_BITS} classical bits in all`, String(start + size));
    }
    this.classicalRegisters.push(isLocal ? { name, start, size, isLocal } : { name, start, size });
    this.clbitCount += size;
    if (size === 1) return { kind: 'bit', clbit: start };
    return { kind: 'bits', clbits: Array.from({ length: size }, (_, bit) => start + bit) };
  }

  /** A variable that is made before anything runs begins with its value; later ones are assigned. */
  #initialise(slot: Slot, name: string, type: ClassicalType): void {
    const initial = slot.known === null ? null : toClassical(slot.known);
    if (initial === null || this.#analysis.runtimeDepth > 0) {
      this.variables.push({ name, type });
      return;
    }
    const isZero = initial.kind === 'literal' && !initial.value && !Object.is(initial.value, -0);
    this.variables.push(isZero ? { name, type } : { name, type, initial });
    slot.synced = true;
  }
}
