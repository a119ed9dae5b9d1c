import type { Circuit } from '../../circuit/circuit.ts';
import { gateDefinition } from '../../circuit/gate-definition.ts';
import type { GateInstruction, Instruction } from '../../circuit/instruction.ts';
import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { knownToCommute } from '../commutation.ts';
import { wrapAngle } from '../one-qubit-synthesis.ts';
import type { Pass } from '../pass.ts';

/**
 * Cancels pairs of inverse gates and adds up rotations about the same axis, also across gates in between that commute with them
 * (CXCancellation and CommutativeCancellation in one). Repeats until nothing changes. Works with free parameters.
 */
export const cancelInverseGates: Pass = {
  name: 'cancel inverse gates',
  run(state) {
    let { circuit } = state;
    for (;;) {
      const next = cancelOnce(circuit);
      if (next.instructions.length === circuit.instructions.length) return { ...state, circuit: next };
      circuit = next;
    }
  },
};

/** How many gates on its own qubits a gate looks back over at most. */
const LOOK_BACK = 64;

function cancelOnce(circuit: Circuit): Circuit {
  const kept: (Instruction | null)[] = [];
  // For each qubit, the positions in `kept` of the instructions that are still on it.
  const wires: number[][] = Array.from({ length: circuit.qubitCount }, () => []);
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'gate' && absorb(instruction, kept, wires)) continue;
    for (const qubit of instruction.qubits) wires[qubit]!.push(kept.length);
    kept.push(instruction);
  }
  const cancelled = circuit.emptyCopy();
  for (const instruction of kept) if (instruction !== null) cancelled.append(instruction);
  return cancelled;
}

/** Tries to merge a gate into an earlier one. @returns whether it did. */
function absorb(gate: GateInstruction, kept: (Instruction | null)[], wires: readonly number[][]): boolean {
  for (const position of positionsBackwards(gate.qubits, wires)) {
    const earlier = kept[position]!;
    const merged = earlier.kind === 'gate' ? mergeGates(earlier, gate) : undefined;
    if (merged !== undefined) {
      kept[position] = merged;
      // What is gone must not hide what comes before it from later gates: a circuit and its inverse vanish in one pass.
      if (merged === null) for (const qubit of gate.qubits) removeNearEnd(wires[qubit]!, position);
      return true;
    }
    if (!knownToCommute(earlier, gate)) return false;
  }
  return false;
}

function removeNearEnd(wire: number[], position: number): void {
  wire.splice(wire.lastIndexOf(position), 1);
}

/** Positions of earlier instructions on any of the qubits, latest first, each once. */
function* positionsBackwards(qubits: readonly number[], wires: readonly number[][]): Generator<number> {
  const pointers = qubits.map((qubit) => wires[qubit]!.length - 1);
  for (let seen = 0; seen < LOOK_BACK; seen++) {
    let latest = -1;
    qubits.forEach((qubit, i) => {
      latest = Math.max(latest, wires[qubit]![pointers[i]!] ?? -1);
    });
    if (latest < 0) return;
    qubits.forEach((qubit, i) => {
      if (wires[qubit]![pointers[i]!] === latest) pointers[i]!--;
    });
    yield latest;
  }
}

/** One gate for two that follow each other; null when they cancel; undefined when there is none. */
function mergeGates(first: GateInstruction, second: GateInstruction): GateInstruction | null | undefined {
  const definition = gateDefinition(second.name);
  if (first.qubits.length !== second.qubits.length) return undefined;
  const [inverse, ...rest] = definition.inverse(second.parameters, second.qubits.length);
  if (
    rest.length === 0 &&
    inverse!.name === first.name &&
    sameQubits(
      first,
      inverse!.positions.map((position) => second.qubits[position]!),
      definition.symmetric,
    ) &&
    equalAngles(first.parameters, inverse!.parameters, definition.frequencies)
  ) {
    return null;
  }
  if (first.name !== second.name || definition.parameterCount !== 1) return undefined;
  if (!sameQubits(first, second.qubits, definition.symmetric)) return undefined;
  const angle = addAngles(first.parameters[0]!, second.parameters[0]!);
  // After a full turn a rotation of the whole space is a global phase, one of a part of it is not: half a turn is its frequency.
  const period = definition.frequencies[0]![0] === 0.5 ? 2 : 1;
  if (typeof angle === 'number' && Math.abs(wrapAngle(angle / period)) < 1e-12) return null;
  return { ...first, parameters: [angle] };
}

/** Equal up to full turns, which at most change the global phase; of a rotation of a part of the space up to two of them. */
function equalAngles(
  a: readonly ParameterValue[],
  b: readonly ParameterValue[],
  frequencies: readonly (readonly number[])[],
): boolean {
  return a.every((angle, i) => {
    const difference = addAngles(angle, scaleAngle(b[i]!, -1));
    const turns = frequencies[i]![0] === 0.5 ? 2 : 1;
    return typeof difference === 'number' && Math.abs(wrapAngle(difference / turns)) < 1e-12;
  });
}

function sameQubits({ qubits }: GateInstruction, others: readonly number[], symmetric: boolean): boolean {
  return symmetric
    ? qubits.every((qubit) => others.includes(qubit))
    : qubits.every((qubit, i) => qubit === others[i]);
}
