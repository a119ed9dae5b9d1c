import { InvalidArgumentError } from '@qedge/core';
import { applyToColumns, identityMatrix } from './complex-matrix.ts';
import { expandInstruction } from './expand-instruction.ts';
import { checkMatrixSize, gateMatrix } from './gate-matrix.ts';
import { type Instruction, instructionName, type UnitaryKind } from './instruction.ts';
import type { ParameterValue } from './parameter.ts';

/**
 * The matrix of a unitary instruction on its own qubits: `[2^k, 2^k, 2]` row-major, interleaved; bit `i` of an index belongs to
 * `qubits[i]`.
 *
 * @throws InvalidArgumentError for free parameters or more than 12 qubits.
 */
export function instructionMatrix(instruction: UnitaryKind): Float64Array {
  const { qubits } = instruction;
  if (instruction.kind === 'gate') {
    return gateMatrix(instruction.name, boundAngles(instruction.name, instruction.parameters), qubits.length);
  }
  if (instruction.kind === 'unitary') return instruction.matrix.slice();
  return matrixOf([instruction], qubits);
}

/**
 * The matrix of unitary instructions (barriers and delays are nothing) on the given qubits, the first one bit 0.
 *
 * @throws InvalidArgumentError for other instructions, free parameters or more than 12 qubits.
 */
export function matrixOf(instructions: Iterable<Instruction>, qubits: readonly number[]): Float64Array {
  checkMatrixSize(qubits.length);
  const places = new Map(qubits.map((qubit, index) => [qubit, index]));
  const matrix = identityMatrix(2 ** qubits.length);
  for (const instruction of instructions) applyInstruction(matrix, instruction, places);
  return matrix;
}

function applyInstruction(
  matrix: Float64Array,
  instruction: Instruction,
  places: ReadonlyMap<number, number>,
): void {
  const own = instruction.qubits.map((qubit) => places.get(qubit)!);
  switch (instruction.kind) {
    case 'barrier':
    case 'delay':
      return;
    case 'unitary':
      applyToColumns(matrix, instruction.matrix, own);
      return;
    case 'diagonal':
      multiplyRows(matrix, instruction.phases, own);
      return;
    case 'gate':
      applyToColumns(matrix, instructionMatrix(instruction), own);
      return;
    case 'permutation':
    case 'pauli-evolution':
    case 'controlled':
      for (const simpler of expandInstruction(instruction)!) applyInstruction(matrix, simpler, places);
      return;
    default:
      throw new InvalidArgumentError(`${instructionName(instruction)} has no matrix`, {
        expected: 'unitary instructions only',
        actual: instructionName(instruction),
      });
  }
}

/** Multiplies each row by the phase that the qubits' bits of its index select. */
function multiplyRows(matrix: Float64Array, phases: Float64Array, qubits: readonly number[]): void {
  const size = Math.sqrt(matrix.length / 2);
  for (let row = 0; row < size; row++) {
    const index = qubits.reduce((bits, qubit, i) => bits | (((row >> qubit) & 1) << i), 0);
    const [c, s] = [Math.cos(phases[index]!), Math.sin(phases[index]!)];
    for (let at = 2 * row * size; at < 2 * (row + 1) * size; at += 2) {
      const [re, im] = [matrix[at]!, matrix[at + 1]!];
      matrix[at] = c * re - s * im;
      matrix[at + 1] = c * im + s * re;
    }
  }
}

function boundAngles(name: string, parameters: readonly ParameterValue[]): number[] {
  return parameters.map((angle) => {
    if (typeof angle === 'number') return angle;
    throw new InvalidArgumentError(`${name} has a free parameter`, {
      expected: 'numbers',
      actual: angle.toString(),
      remedy: 'Bind the circuit first',
    });
  });
}
