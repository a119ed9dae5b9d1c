import { MEMORY_ALIGNMENT } from '@qedge/codegen';
import { type OperandField, SCRATCH } from './program.ts';

/** Divides the scratch memory of a program. */
export class ScratchLayout {
  #bytes = 0;

  get byteLength(): number {
    return this.#bytes;
  }

  take(byteLength: number): OperandField {
    const field = { operand: SCRATCH, bytes: this.#bytes };
    this.#bytes += Math.ceil(byteLength / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    return field;
  }
}

/** The place `bytes` behind another. */
export function offsetBy({ operand, bytes }: OperandField, more: number): OperandField {
  return { operand, bytes: bytes + more };
}

/** The start of an operand. */
export function operandAt(operand: number, bytes = 0): OperandField {
  return { operand, bytes };
}
