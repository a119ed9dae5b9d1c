import { UnsupportedError } from '@qedge/core';
import { expandInstruction } from '../circuit/expand-instruction.ts';
import { type Instruction, instructionName } from '../circuit/instruction.ts';
import { type ParameterValue, scaleAngle } from '../circuit/parameter.ts';
import { gateOn, oneQubitSteps, splitUnitary } from '../circuit/synthesize-unitary.ts';
import { decomposeMultiQubitGate } from './decomposition.ts';

/** A phase that depends on this many qubits takes 2^12 rotations. */
const MAX_PHASE_QUBITS = 12;

/**
 * An instruction as gates on one and two qubits, up to a global phase; measurements, resets, barriers and delays stay.
 *
 * @throws UnsupportedError for control flow, assignments, and phases that depend on more than 12 qubits at once.
 */
export function unrollInstruction(instruction: Instruction): Instruction[] {
  switch (instruction.kind) {
    case 'measure':
    case 'reset':
    case 'barrier':
    case 'delay':
      return [instruction];
    case 'gate': {
      const { name, qubits, parameters } = instruction;
      if (qubits.length === 0) return [];
      if (name === 'mcp') return unrollPhase(qubits, parameters[0]!);
      const steps = qubits.length > 2 ? decomposeMultiQubitGate(name, parameters, qubits.length) : null;
      if (steps === null) return [instruction];
      return steps.flatMap((step) =>
        unrollInstruction(
          gateOn(
            step.name,
            step.positions.map((position) => qubits[position]!),
            ...step.parameters,
          ),
        ),
      );
    }
    case 'diagonal':
      return unrollDiagonal(instruction.qubits, instruction.phases);
    case 'unitary':
      if (instruction.qubits.length === 1) {
        const [rotation] = oneQubitSteps(instruction.matrix);
        return [gateOn('u', instruction.qubits, ...rotation!.parameters)];
      }
      if (instruction.qubits.length === 2) return splitUnitary(instruction).flatMap(unrollInstruction);
  }
  const expanded = expandInstruction(instruction);
  if (expanded === null) {
    throw new UnsupportedError('The compiler does not compile an instruction', {
      expected: 'unitary instructions, initialize, measure, reset, barrier and delay',
      actual: instructionName(instruction),
    });
  }
  return expanded.flatMap(unrollInstruction);
}

function checkSize(qubits: readonly number[]): void {
  if (qubits.length <= MAX_PHASE_QUBITS) return;
  throw new UnsupportedError('A phase depends on too many qubits to be compiled', {
    expected: `at most ${MAX_PHASE_QUBITS}`,
    actual: qubits.length,
  });
}

/** `e^(i angle)` where all qubits are 1: the angle is spread over the parities of all subsets, with signs. */
function unrollPhase(qubits: readonly number[], angle: ParameterValue): Instruction[] {
  if (qubits.length === 2) return [gateOn('cp', qubits, angle)];
  checkSize(qubits);
  const share = 2 ** (1 - qubits.length);
  return rotateParities(qubits, (subset) => scaleAngle(angle, isOdd(subset) ? share : -share));
}

/** A table of phases, by its Walsh-Hadamard transform. */
function unrollDiagonal(qubits: readonly number[], phases: Float64Array): Instruction[] {
  checkSize(qubits);
  const weights = phases.map((phase) => phase / phases.length);
  for (let bit = 1; bit < weights.length; bit *= 2) {
    for (let i = 0; i < weights.length; i++) {
      if (i & bit) continue;
      const [a, b] = [weights[i]!, weights[i | bit]!];
      weights[i] = a + b;
      weights[i | bit] = a - b;
    }
  }
  return rotateParities(qubits, (subset) => -2 * weights[subset]!);
}

function isOdd(bits: number): boolean {
  let odd = false;
  for (let rest = bits; rest > 0; rest &= rest - 1) odd = !odd;
  return odd;
}

/**
 * `rz(angle(s))` of the parity of every subset `s` of the qubits. For each qubit, the subsets in which it is the last one, in
 * the order of a Gray code: one CX between two rotations.
 */
function rotateParities(qubits: readonly number[], angle: (subset: number) => ParameterValue): Instruction[] {
  const steps: Instruction[] = [];
  qubits.forEach((target, last) => {
    const count = 2 ** last;
    for (let i = 0; i < count; i++) {
      const value = angle((i ^ (i >> 1)) | (1 << last));
      if (value !== 0) steps.push(gateOn('rz', [target], value));
      // The bit in which this code and the next one differ; after the last code, its only bit.
      const changed = i + 1 < count ? 31 - Math.clz32((i + 1) & -(i + 1)) : last - 1;
      if (changed >= 0) steps.push(gateOn('cx', [qubits[changed]!, target]));
    }
  });
  return steps;
}
