import type { Instruction, UnitaryKind } from './instruction.ts';

/** The same unitary instruction on other qubits. */
export function placeUnitary(instruction: UnitaryKind, placeQubit: (qubit: number) => number): UnitaryKind {
  const qubits = instruction.qubits.map(placeQubit);
  if (instruction.kind !== 'controlled') return { ...instruction, qubits };
  return {
    ...instruction,
    qubits,
    controls: instruction.controls.map(placeQubit),
    body: placeUnitary(instruction.body, placeQubit),
  };
}

/** The same instruction on other qubits and classical bits. */
export function placeInstruction<Kind extends Instruction>(
  instruction: Kind,
  placeQubit: (qubit: number) => number,
  placeClbit: (clbit: number) => number = (clbit) => clbit,
): Instruction {
  if (instruction.kind === 'controlled') return placeUnitary(instruction, placeQubit);
  const placed = { ...instruction, qubits: instruction.qubits.map(placeQubit) } as Instruction;
  return placed.kind === 'measure' ? { ...placed, clbit: placeClbit(placed.clbit) } : placed;
}
