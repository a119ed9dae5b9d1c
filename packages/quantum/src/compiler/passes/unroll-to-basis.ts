import { UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { type GateStep, gateDefinition } from '../../circuit/gate-definition.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { CX_RULES, decomposeMultiQubitGate, decomposeRotation } from '../decomposition.ts';
import { synthesizeOneQubit } from '../one-qubit-synthesis.ts';
import type { Pass } from '../pass.ts';
import type { Target } from '../target/target.ts';
import { unrollInstruction } from '../unroll-instruction.ts';

/**
 * Rewrites every gate in terms of the target's basis. One-qubit gates need rz and sx in the basis, two-qubit gates one of cx, cz
 * and ecr, unless they are in it themselves. Free parameters stay linear.
 */
export const unrollToBasis: Pass = {
  name: 'unroll to basis',
  run(state) {
    const { circuit, target } = state;
    const unrolled = circuit.emptyCopy();
    for (const instruction of circuit.instructions) {
      const isKept = instruction.kind === 'gate' && isBasisGate(target, instruction.name);
      for (const simpler of isKept ? [instruction] : unrollInstruction(instruction)) {
        if (simpler.kind !== 'gate') unrolled.append(simpler);
        else appendInBasis(unrolled, target, simpler.name, simpler.qubits, simpler.parameters);
      }
    }
    return { ...state, circuit: unrolled };
  },
};

function isBasisGate({ basisGates }: Target, name: string): boolean {
  return (basisGates as readonly string[]).includes(name);
}

function appendInBasis(
  circuit: Circuit,
  target: Target,
  name: string,
  qubits: readonly number[],
  parameters: readonly ParameterValue[],
): void {
  if (isBasisGate(target, name)) {
    circuit.gate(name, qubits, parameters);
    return;
  }
  // The result is the same up to a global phase.
  if (qubits.length === 0) return;
  const steps =
    qubits.length === 1 ? rewriteOneQubit(target, name, parameters) : rewriteMulti(target, name, parameters);
  for (const step of steps) {
    const placed = step.positions.map((position) => qubits[position]!);
    appendInBasis(circuit, target, step.name, placed, step.parameters);
  }
}

function rewriteOneQubit(
  { basisGates, name: targetName }: Target,
  name: string,
  parameters: readonly ParameterValue[],
): readonly GateStep[] {
  if (name === 'id') return [];
  if (!basisGates.includes('rz') || !basisGates.includes('sx')) {
    throw new UnsupportedError(`The gate ${name} cannot be made on "${targetName}"`, {
      expected: `rz and sx, or ${name}, in the basis`,
      actual: basisGates.join(', '),
    });
  }
  const numbers = parameters.filter((angle) => typeof angle === 'number');
  if (numbers.length < parameters.length) return decomposeRotation(name, parameters)!;
  return synthesizeOneQubit(gateDefinition(name).matrix(numbers), basisGates.includes('x'));
}

function rewriteMulti(
  { basisGates, name: targetName }: Target,
  name: string,
  parameters: readonly ParameterValue[],
): readonly GateStep[] {
  if (name !== 'cx') return decomposeMultiQubitGate(name, parameters, 2)!;
  if (basisGates.includes('cz')) return CX_RULES.cz;
  if (basisGates.includes('ecr')) return CX_RULES.ecr;
  throw new UnsupportedError(`No entangling gate can be made on "${targetName}"`, {
    expected: 'cx, cz or ecr in the basis',
    actual: basisGates.join(', '),
  });
}
