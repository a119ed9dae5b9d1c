import { InvalidArgumentError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { Instruction } from '../circuit/instruction.ts';
import type { ParameterValue } from '../circuit/parameter.ts';
import { GATE_DEFINITIONS } from './gate-definitions.ts';

/**
 * Writes a circuit as an OpenQASM 2.0 program with one quantum register `q` and, where needed, one classical register `c`. Gates
 * outside `qelib1.inc` come with a definition. `parseOpenQasm2` reads the same circuit back, angles to the last bit.
 *
 * @throws InvalidArgumentError for a circuit with free parameters, which the language does not have, or without qubits.
 */
export function formatOpenQasm2(circuit: Circuit): string {
  if (circuit.qubitCount === 0) {
    throw new InvalidArgumentError('OpenQASM 2 has no empty registers', {
      expected: 'at least one qubit',
      actual: 0,
    });
  }
  const used = Object.keys(circuit.gateCounts()).filter((name) => Object.hasOwn(GATE_DEFINITIONS[2], name));
  const lines = ['OPENQASM 2.0;', 'include "qelib1.inc";'];
  for (const name of used.sort()) lines.push(GATE_DEFINITIONS[2][name]!);
  lines.push(`qreg q[${circuit.qubitCount}];`);
  if (circuit.clbitCount > 0) lines.push(`creg c[${circuit.clbitCount}];`);
  for (const instruction of circuit.instructions) {
    if (instruction.qubits.length > 0) lines.push(formatInstruction(instruction));
  }
  return `${lines.join('\n')}\n`;
}

function formatInstruction(instruction: Instruction): string {
  const qubits = instruction.qubits.map((qubit) => `q[${qubit}]`).join(',');
  if (instruction.kind === 'measure') return `measure ${qubits} -> c[${instruction.clbit}];`;
  if (instruction.kind !== 'gate') return `${instruction.kind} ${qubits};`;
  const angles = instruction.parameters.map(formatAngle).join(',');
  return `${instruction.name}${angles === '' ? '' : `(${angles})`} ${qubits};`;
}

/** A multiple of pi where that is exactly the number, else all digits. */
function formatAngle(angle: ParameterValue): string {
  if (typeof angle !== 'number') {
    throw new InvalidArgumentError('OpenQASM 2 has no free parameters', {
      expected: 'a bound circuit',
      actual: angle.toString(),
      remedy: 'Bind the circuit first',
    });
  }
  for (const divisor of [1, 2, 4, 8]) {
    if (angle === Math.PI / divisor) return divisor === 1 ? 'pi' : `pi/${divisor}`;
    if (angle === -Math.PI / divisor) return divisor === 1 ? '-pi' : `-pi/${divisor}`;
  }
  return Object.is(angle, -0) ? '-0' : String(angle);
}
