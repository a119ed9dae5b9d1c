import type { UnitaryKind } from '../../circuit/instruction.ts';

/** Texts that are equal for instructions that are the same but for their angles. */
export class StructureKeys {
  /** Numbers given to constants, which are never changed, so that they can be part of a text. */
  readonly #arrayNumbers = new WeakMap<Float64Array, number>();
  #nextArrayNumber = 0;

  keyOf(instructions: readonly UnitaryKind[]): string {
    return instructions.map((instruction) => this.#describe(instruction)).join(';');
  }

  #describe(instruction: UnitaryKind): string {
    const { kind, qubits } = instruction;
    switch (instruction.kind) {
      case 'gate':
        return `${instruction.name} ${qubits.join()} ${instruction.parameters.join()}`;
      case 'unitary':
        return `${kind} ${qubits.join()} ${this.#numberOf(instruction.matrix)}`;
      case 'diagonal':
        return `${kind} ${qubits.join()} ${this.#numberOf(instruction.phases)}`;
      case 'permutation':
        return `${kind} ${qubits.join()} ${instruction.permutation.join()}`;
      case 'pauli-evolution':
        return `${kind} ${qubits.join()} ${instruction.time} ${instruction.terms.map((term) => term.join(' ')).join()}`;
      case 'controlled':
        return `${kind} ${qubits.join()} ${instruction.controlState.join('')} ${this.#describe(instruction.body)}`;
    }
  }

  #numberOf(array: Float64Array): number {
    let number = this.#arrayNumbers.get(array);
    if (number === undefined) {
      number = this.#nextArrayNumber++;
      this.#arrayNumbers.set(array, number);
    }
    return number;
  }
}
