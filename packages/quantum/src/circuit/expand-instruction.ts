import { controlInstructions } from './expand-controlled.ts';
import { expandGate } from './expand-gate.ts';
import { expandPauliEvolution } from './expand-pauli-evolution.ts';
import type {
  ControlledInstruction,
  GateInstruction,
  InitializeInstruction,
  Instruction,
  PermutationInstruction,
  UnitaryInstruction,
} from './instruction.ts';
import { gateOn, prepareState, splitUnitary } from './synthesize-unitary.ts';

/**
 * Rewrites an instruction exactly, global phase included, as simpler ones. Applied again until nothing changes, unitary
 * instructions end as the gates x y z h s sdg t tdg sx sxdg p rx ry rz u cx cz cp rzz swap mcp global_phase, matrices on one or
 * two qubits, and diagonals; `initialize` as resets and those.
 *
 * Free parameters stay as they are, and which instructions come out does not depend on their values.
 *
 * @returns null where the instruction is elementary already, or neither unitary nor `initialize`.
 */
export function expandInstruction(instruction: Instruction): Instruction[] | null {
  const once = expandOnce(instruction);
  return once?.flatMap((simpler) => expandInstruction(simpler) ?? [simpler]) ?? null;
}

function expandOnce(instruction: Instruction): readonly Instruction[] | null {
  switch (instruction.kind) {
    case 'gate':
      return expandGateInstruction(instruction);
    case 'unitary':
      return expandUnitary(instruction);
    case 'permutation':
      return expandPermutation(instruction);
    case 'pauli-evolution':
      return expandPauliEvolution(instruction, []);
    case 'controlled':
      return expandControlled(instruction);
    case 'initialize':
      return expandInitialize(instruction);
    default:
      return null;
  }
}

function expandGateInstruction({ name, qubits, parameters }: GateInstruction): Instruction[] | null {
  const steps = expandGate(name, parameters, qubits.length);
  if (steps === null) return null;
  return steps.map((step) =>
    gateOn(
      step.name,
      step.positions.map((position) => qubits[position]!),
      ...step.parameters,
    ),
  );
}

function expandUnitary(instruction: UnitaryInstruction): Instruction[] | null {
  const { qubits, matrix } = instruction;
  if (qubits.length === 0) return [gateOn('global_phase', [], Math.atan2(matrix[1]!, matrix[0]!))];
  return qubits.length > 2 ? splitUnitary(instruction) : null;
}

/** Swaps, one less than each cycle is long. */
function expandPermutation({ qubits, permutation }: PermutationInstruction): Instruction[] {
  const swaps: Instruction[] = [];
  // place[i] is where the content of qubit i still has to go.
  const place = [...permutation];
  for (let i = 0; i < place.length; i++) {
    while (place[i] !== i) {
      const target = place[i]!;
      swaps.push(gateOn('swap', [qubits[i]!, qubits[target]!]));
      [place[i], place[target]] = [place[target]!, place[i]!];
    }
  }
  return swaps;
}

function expandControlled({ controls, controlState, body }: ControlledInstruction): Instruction[] {
  const flips = controls
    .filter((_, index) => controlState[index] === 0)
    .map((control) => gateOn('x', [control]));
  const inner =
    body.kind === 'pauli-evolution'
      ? expandPauliEvolution(body, controls)
      : controlInstructions(expandInstruction(body) ?? [body], body, controls);
  return [...flips, ...inner, ...flips];
}

function expandInitialize({ qubits, amplitudes }: InitializeInstruction): Instruction[] {
  return [
    ...qubits.map((qubit): Instruction => ({ kind: 'reset', qubits: [qubit] })),
    ...prepareState(qubits, amplitudes),
  ];
}
