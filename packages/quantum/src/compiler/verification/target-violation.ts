import type { Circuit } from '../../circuit/circuit.ts';
import { isGateName } from '../../circuit/gate-definition.ts';
import {
  bodiesOf,
  type Instruction,
  instructionName,
  isControlFlow,
  isUnitaryKind,
} from '../../circuit/instruction.ts';
import { EdgeDirections } from '../passes/gate-direction.ts';
import type { Target } from '../target/target.ts';

/** The first place where a circuit is not what a target can run. */
export interface TargetViolation {
  readonly reason: string;
  readonly instruction: string;
  readonly qubits: readonly number[];
}

/**
 * Looks for a gate outside of the basis, on qubits that are not coupled, or (where couplings have a direction) the wrong way round,
 * and for anything that acts on a faulty qubit; in bodies of control flow too. Gates that are not of the basis may stand nowhere; global phases may.
 *
 * @returns null when there is none.
 */
export function findTargetViolation(circuit: Circuit, target: Target): TargetViolation | null {
  if (circuit.qubitCount > target.qubitCount) {
    const reason = `${circuit.qubitCount} qubits on a target of ${target.qubitCount}`;
    return { reason, instruction: 'circuit', qubits: [] };
  }
  const basis = new Set<string>(target.basisGates);
  const directions = new EdgeDirections(target);
  const faulty = new Set(target.faultyQubits);
  const check = (body: Circuit): TargetViolation | null => {
    for (const instruction of body.instructions) {
      const found = isControlFlow(instruction)
        ? firstOf(bodiesOf(instruction), check)
        : checkInstruction(instruction, basis, directions, faulty);
      if (found !== null) return found;
    }
    return null;
  };
  return check(circuit);
}

function firstOf<Item, Found>(items: readonly Item[], look: (item: Item) => Found | null): Found | null {
  for (const item of items) {
    const found = look(item);
    if (found !== null) return found;
  }
  return null;
}

function checkInstruction(
  instruction: Instruction,
  basis: ReadonlySet<string>,
  directions: EdgeDirections,
  faulty: ReadonlySet<number>,
): TargetViolation | null {
  const { kind, qubits } = instruction;
  const isIdle = kind === 'barrier' || kind === 'delay';
  if (!isIdle && qubits.some((qubit) => faulty.has(qubit)))
    return violation('acts on a faulty qubit', instruction);
  if (!isUnitaryKind(instruction)) {
    const isPreparation = instruction.kind === 'initialize';
    return isPreparation ? violation('is not of the basis', instruction) : null;
  }
  const name = instructionName(instruction);
  if (name === 'global_phase') return null;
  if (!isGateName(name) || !basis.has(name)) return violation('is not of the basis', instruction);
  if (directions.isAgainst(instruction)) return violation('runs against its edge', instruction);
  for (const [index, a] of qubits.entries()) {
    for (const b of qubits.slice(index + 1)) {
      if (!directions.isCoupled(a, b)) return violation('acts on qubits that are not coupled', instruction);
    }
  }
  return null;
}

function violation(reason: string, instruction: Instruction): TargetViolation {
  const name = instructionName(instruction);
  const qubits = [...instruction.qubits];
  return { reason: `${name} on ${qubits.join(', ')} ${reason}`, instruction: name, qubits };
}
