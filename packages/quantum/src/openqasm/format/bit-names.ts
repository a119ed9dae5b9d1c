import type { Register } from '../../circuit/classical-expression.ts';
import type { NameTable } from './name-table.ts';

/** A register of the program that is being written. */
export interface WrittenRegister {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  readonly isLocal: boolean;
}

/** How a program calls qubits or classical bits: the circuit's registers, and further ones for bits that have none. */
export class BitNames {
  readonly registers: readonly WrittenRegister[];
  /** By bit. */
  readonly #owners: WrittenRegister[] = [];

  /**
   * @param registers of the circuit; one that shares bits with an earlier one is left out.
   * @param fallback the name of registers for the other bits.
   */
  constructor(count: number, registers: readonly Register[], fallback: string, names: NameTable) {
    const written: WrittenRegister[] = [];
    const add = ({ name, start, size, isLocal = false }: Register) => {
      const register = { name: names.choose(name), start, size, isLocal };
      written.push(register);
      for (let bit = start; bit < start + size; bit++) this.#owners[bit] = register;
    };
    for (const register of registers) if (this.#isFree(register)) add(register);
    for (let start = 0; start < count; start++) {
      if (this.#owners[start] !== undefined) continue;
      let end = start;
      while (end < count && this.#owners[end] === undefined) end++;
      add({ name: fallback, start, size: end - start });
    }
    this.registers = written.sort((a, b) => a.start - b.start);
  }

  #isFree({ start, size }: Register): boolean {
    for (let bit = start; bit < start + size; bit++) if (this.#owners[bit] !== undefined) return false;
    return true;
  }

  /** `q[3]` */
  nameOf(bit: number): string {
    const { name, start } = this.#owners[bit]!;
    return `${name}[${bit - start}]`;
  }

  /** The register that is exactly these bits in order, or null. */
  registerOf(bits: readonly number[]): WrittenRegister | null {
    const register = this.#owners[bits[0]!];
    if (register === undefined || register.size !== bits.length) return null;
    return bits.every((bit, index) => bit === register.start + index) ? register : null;
  }

  /** One bit, a register or a slice of one; null for bits that lie apart. */
  sliceOf(bits: readonly number[]): string | null {
    if (bits.length === 1) return this.nameOf(bits[0]!);
    const whole = this.registerOf(bits);
    if (whole !== null) return whole.name;
    const register = this.#owners[bits[0]!]!;
    const first = bits[0]! - register.start;
    const isRun = bits.every((bit, index) => bit === bits[0]! + index && this.#owners[bit] === register);
    return isRun ? `${register.name}[${first}:${first + bits.length - 1}]` : null;
  }
}
