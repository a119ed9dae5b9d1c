import type { Circuit } from '../../circuit/circuit.ts';
import { type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import { placeInstruction } from '../../circuit/place-instruction.ts';

/** An instruction with its qubits, those of bodies included, renamed: qubit `q` becomes `wireOfQubit[q]`. */
export function placeOnWires(instruction: Instruction, wireOfQubit: ArrayLike<number>): Instruction {
  let moved = false;
  for (let qubit = 0; qubit < wireOfQubit.length && !moved; qubit++) moved = wireOfQubit[qubit] !== qubit;
  if (!moved) return instruction;
  const placeQubit = (qubit: number) => wireOfQubit[qubit]!;
  const placeBody = (body: Circuit): Circuit => {
    const placed = body.emptyCopy();
    body.forEach((inner) => {
      placed.append(placeInstruction(inner, placeQubit, undefined, placeBody));
    });
    return placed;
  };
  const placed = placeInstruction(instruction, placeQubit, undefined, placeBody);
  if (!isControlFlow(placed)) return placed;
  return { ...placed, qubits: instruction.qubits.map(placeQubit).sort((a, b) => a - b) } as Instruction;
}
