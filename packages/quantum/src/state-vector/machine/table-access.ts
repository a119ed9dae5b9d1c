import type { MemoryOperand, Pointer, Target } from '@qedge/codegen';
import type { TableReference } from '../vector-program.ts';
import { type KernelRegisters, SWEEP_ARGUMENTS } from './kernel-registers.ts';
import { elementBytes, type SweepAddressing } from './state-addressing.ts';

/** Index bits that one instruction sequence takes from one address: `positions` go to the index from bit `to` on. */
interface BitGroup {
  readonly positions: number[];
  readonly to: number;
}

/**
 * Finds entries of tables. What depends on the tile alone is computed before a kernel's loop and kept in the argument block; the rest is
 * taken from the loop's offset.
 */
export class TableAccess {
  readonly #target: Target<unknown>;
  readonly #registers: KernelRegisters;
  readonly #addressing: SweepAddressing;
  readonly #bytes: 4 | 8;
  readonly #fields = new Map<TableReference, number>();

  constructor(target: Target<unknown>, registers: KernelRegisters, addressing: SweepAddressing) {
    this.#target = target;
    this.#registers = registers;
    this.#addressing = addressing;
    this.#bytes = elementBytes(addressing.layout.element);
  }

  /** Emits, before the loop of a kernel, what a reference needs of the tile. */
  prepare(reference: TableReference): void {
    let isInner = true;
    for (const qubit of reference.indexQubits) if (!this.#addressing.isInner(qubit)) isInner = false;
    if (isInner) return;
    const field = SWEEP_ARGUMENTS.entries + this.#fields.size;
    this.#fields.set(reference, field);
    if (reference.parity) this.#prepareParity(reference, field);
    else this.#prepareEntry(reference, field);
  }

  /** Emits, in the loop, the address of the entry. */
  entry(reference: TableReference): MemoryOperand {
    const { indexQubits, parity } = reference;
    if (indexQubits.length === 0)
      return { base: this.#registers.tables, offset: reference.start * this.#bytes };
    return parity ? this.#parityEntry(reference) : this.#binaryEntry(reference);
  }

  /** The same with an address that needs no offset, for code that is the same for all tables. */
  entryAddress(reference: TableReference): Pointer {
    const { base, offset } = this.entry(reference);
    const { entry } = this.#registers;
    if (base !== entry || offset !== 0) this.#target.offsetPointer(entry, base, offset);
    return entry;
  }

  /** Where each group of bits of the index comes from: bits of one address that follow each other in the index. */
  #groups({ indexQubits }: TableReference, inner: boolean): BitGroup[] {
    const groups: BitGroup[] = [];
    let last: BitGroup | undefined;
    for (let index = 0; index < indexQubits.length; index++) {
      const qubit = indexQubits[index]!;
      if (this.#addressing.isInner(qubit) !== inner) continue;
      const position = inner ? this.#addressing.localBits[qubit]! : this.#addressing.stateBit(qubit);
      if (last !== undefined && last.to + last.positions.length === index) last.positions.push(position);
      else {
        last = { positions: [position], to: index };
        groups.push(last);
      }
    }
    return groups;
  }

  #entryShift({ entryLength }: TableReference): number {
    return Math.log2(entryLength * this.#bytes);
  }

  #prepareEntry(reference: TableReference, field: number): void {
    const { entry, part, tables, tileOffset } = this.#registers;
    this.#target.offsetPointer(entry, tables, reference.start * this.#bytes);
    for (const { positions, to } of this.#groups(reference, false)) {
      this.#target.gatherBits(part, tileOffset, positions, this.#entryShift(reference) + to);
      this.#target.addPointers(entry, entry, part);
    }
    this.#target.setArgument(field, entry);
  }

  #binaryEntry(reference: TableReference): MemoryOperand {
    const { entry, part, tables, local } = this.#registers;
    const field = this.#fields.get(reference);
    const groups = this.#groups(reference, true);
    if (field !== undefined) this.#target.argument(entry, field);
    groups.forEach(({ positions, to }, index) => {
      const isFirst = field === undefined && index === 0;
      const shift = this.#entryShift(reference) + to;
      this.#target.gatherBits(isFirst ? entry : part, local, positions, shift);
      this.#target.addPointers(entry, entry, isFirst ? tables : part);
    });
    return { base: entry, offset: field === undefined ? reference.start * this.#bytes : 0 };
  }

  /** Bit 0 of an offset is never set: there the parity of the tile's bits meets those of the loop. */
  #prepareParity(reference: TableReference, field: number): void {
    const { part, tileOffset } = this.#registers;
    const outer = this.#groups(reference, false).flatMap(({ positions }) => positions);
    const inner = this.#groups(reference, true);
    this.#target.parityOfBits(part, tileOffset, outer, inner.length === 0 ? this.#entryShift(reference) : 0);
    if (inner.length === 0) this.#target.addPointers(part, part, this.#registers.tables);
    this.#target.setArgument(field, part);
  }

  #parityEntry(reference: TableReference): MemoryOperand {
    const { entry, part, tables, local } = this.#registers;
    const place = { base: entry, offset: reference.start * this.#bytes };
    const field = this.#fields.get(reference);
    const inner = this.#groups(reference, true).flatMap(({ positions }) => positions);
    const shift = this.#entryShift(reference);
    if (field === undefined) this.#target.parityOfBits(entry, local, inner, shift);
    else {
      this.#target.argument(part, field);
      if (inner.length === 0) return { base: part, offset: place.offset };
      this.#target.addPointers(part, part, local);
      this.#target.parityOfBits(entry, part, [0, ...inner], shift);
    }
    this.#target.addPointers(entry, entry, tables);
    return place;
  }
}
