import { UnsupportedError } from '@qedge/core';
import { expandInstruction } from '../../circuit/expand-instruction.ts';
import type {
  DiagonalInstruction,
  GateInstruction,
  Instruction,
  UnitaryInstruction,
} from '../../circuit/instruction.ts';
import { eulerAngles, splitUnitary } from '../../circuit/synthesize-unitary.ts';

/** A diagonal on `k` qubits takes `2^k` statements. */
const MAX_DIAGONAL_QUBITS = 12;

const gate = (
  name: GateInstruction['name'],
  qubits: readonly number[],
  ...parameters: number[]
): GateInstruction => ({
  kind: 'gate',
  name,
  qubits,
  parameters,
});

/** A matrix as gates, global phase included, and diagonals. */
export function simplifyUnitary(instruction: UnitaryInstruction): readonly Instruction[] {
  if (instruction.qubits.length > 1) return splitUnitary(instruction).flatMap(simplifyOnce);
  if (instruction.qubits.length === 0) return expandInstruction(instruction) ?? [];
  const { theta, phi, lambda, gamma } = eulerAngles(instruction.matrix);
  return [gate('global_phase', [], gamma), gate('u', instruction.qubits, theta, phi, lambda)];
}

function simplifyOnce(instruction: Instruction): readonly Instruction[] {
  return instruction.kind === 'unitary' ? simplifyUnitary(instruction) : [instruction];
}

/** @throws UnsupportedError for more qubits than a program should spell out. */
export function checkDiagonal(qubits: readonly number[]): void {
  if (qubits.length <= MAX_DIAGONAL_QUBITS) return;
  throw new UnsupportedError('A diagonal has too many qubits for a program', {
    expected: `at most ${MAX_DIAGONAL_QUBITS}`,
    actual: qubits.length,
  });
}

/**
 * A diagonal as a global phase, CX and P: the phase of a basis state is a sum, over sets of qubits, of a weight times the parity
 * of its bits in the set.
 */
export function simplifyDiagonal(instruction: DiagonalInstruction): readonly GateInstruction[] {
  const { qubits, phases } = instruction;
  checkDiagonal(qubits);
  const weights = parityWeights(phases);
  const steps = [gate('global_phase', [], phases[0]!)];
  for (let set = 1; set < weights.length; set++) {
    const members = qubits.filter((_, bit) => (set >> bit) & 1);
    const target = members.at(-1)!;
    if (weights[set] === 0) continue;
    const ladder = members.slice(0, -1).map((control) => gate('cx', [control, target]));
    steps.push(...ladder, gate('p', [target], weights[set]!), ...ladder.toReversed());
  }
  return steps;
}

/** Weights `w` with `phases[i] - phases[0] = sum over sets S of w[S] * (parity of i in S)`: a Walsh-Hadamard transform. */
function parityWeights(phases: Float64Array): Float64Array {
  const sums = phases.slice();
  for (let step = 1; step < sums.length; step *= 2) {
    for (let i = 0; i < sums.length; i++) {
      if (i & step) continue;
      const [a, b] = [sums[i]!, sums[i + step]!];
      sums[i] = a + b;
      sums[i + step] = a - b;
    }
  }
  // (-1)^parity is 1 - 2 parity.
  return sums.map((sum) => (-2 * sum) / sums.length);
}

/** Instructions of other kinds as gates, matrices and diagonals. */
export function expandOther(instruction: Instruction): readonly Instruction[] {
  const steps = expandInstruction(instruction);
  if (steps !== null) return steps;
  throw new UnsupportedError(`OpenQASM cannot express ${instruction.kind}`);
}
