import { bodiesOf, type Instruction, isUnitaryKind, type UnitaryKind } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';

/**
 * Moves gates in front of measurements, resets and control flow that have nothing to do with their qubits: there they run once for all
 * outcomes, and merge with the gates before. Everything else keeps its order; barriers and delays are left out.
 *
 * @param variables names that change while the circuit runs; gates whose angles use one stay where they are.
 */
export function hoistGates(
  instructions: readonly Instruction[],
  variables: ReadonlySet<string>,
): readonly Instruction[] {
  /** The gates before, between and behind all other instructions. */
  const segments: UnitaryKind[][] = [[]];
  const others: Instruction[] = [];
  /** For each qubit the first segment that its next gate may be in; `least` for those that are not in the map. */
  const first = new Map<number, number>();
  let least = 0;
  for (const instruction of instructions) {
    if (instruction.kind === 'barrier' || instruction.kind === 'delay') continue;
    const { qubits } = instruction;
    if (!isUnitaryKind(instruction)) {
      others.push(instruction);
      segments.push([]);
      for (const qubit of qubits) first.set(qubit, others.length);
      // What follows may not run.
      if (mayLeave(instruction)) least = others.length;
      continue;
    }
    let segment = usesAny(instruction, variables) ? others.length : least;
    for (const qubit of qubits) segment = Math.max(segment, first.get(qubit) ?? 0);
    for (const qubit of qubits) first.set(qubit, segment);
    segments[segment]!.push(instruction);
  }
  return segments.flatMap((gates, index) => [...gates, ...others.slice(index, index + 1)]);
}

/** True where an instruction may end a round of a loop around it. */
function mayLeave(instruction: Instruction): boolean {
  switch (instruction.kind) {
    case 'break':
    case 'continue':
      return true;
    case 'if':
    case 'switch':
      return bodiesOf(instruction).some((body) => body.instructions.some(mayLeave));
    default:
      return false;
  }
}

/** True for a gate with an angle that uses one of these names. */
function usesAny(instruction: UnitaryKind, names: ReadonlySet<string>): boolean {
  if (names.size === 0) return false;
  const isVariable = (angle: ParameterValue) =>
    typeof angle !== 'number' && angle.names.some((name) => names.has(name));
  switch (instruction.kind) {
    case 'gate':
      return instruction.parameters.some(isVariable);
    case 'pauli-evolution':
      return isVariable(instruction.time);
    case 'controlled':
      return usesAny(instruction.body, names);
    default:
      return false;
  }
}
