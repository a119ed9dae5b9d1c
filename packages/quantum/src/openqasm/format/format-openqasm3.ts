import type { Circuit } from '../../circuit/circuit.ts';
import { LOCAL_ANNOTATION } from '../analysis/declare.ts';
import { PARAMETER_ANNOTATION } from '../analysis/input.ts';
import { GATE_DEFINITIONS } from '../gate-definitions.ts';
import { BitNames } from './bit-names.ts';
import { ClassicalWriter } from './classical-writer.ts';
import { NameTable } from './name-table.ts';
import { StatementWriter } from './statement-writer.ts';
import { UnitaryWriter } from './unitary-writer.ts';

/**
 * Writes a circuit as an OpenQASM 3.0 program, with everything that it holds: registers, parameters (as inputs of type float),
 * variables, control flow. Gates outside of `stdgates.inc`, matrices and diagonals come with definitions. `parseOpenQasm` reads
 * the same meaning back, angles to the last bit; matrices become gates, equal within rounding.
 *
 * Names that the language does not allow are changed; a parameter's own name then stands in an annotation `@qedge.parameter`.
 * Bits that samples leave out have the annotation `@qedge.local`.
 *
 * @throws UnsupportedError for the functions `abs` and `sign` of parameters, and diagonals on more than 12 qubits.
 */
export function formatOpenQasm3(circuit: Circuit): string {
  const names = new NameTable(3);
  const qubits = new BitNames(circuit.qubitCount, circuit.quantumRegisters, 'q', names);
  const clbits = new BitNames(circuit.clbitCount, circuit.classicalRegisters, 'c', names);
  const classical = new ClassicalWriter(clbits, names);
  const variables = circuit.variables.map(({ name, type, initial }) => ({ name, type, initial }));
  for (const { name, type } of variables) classical.declare(name, type);
  const parameters = new Map(circuit.parameterNames.map((name) => [name, names.choose(name)]));
  const unitaries = new UnitaryWriter(qubits, classical, names, parameters);
  const statements = new StatementWriter(unitaries, classical, qubits, clbits);
  const declarations = variables.map((variable) => statements.declaration(variable));
  // Writing the body finds out which definitions and aliases it needs.
  const body = statements.body(circuit, '');
  return `${[
    'OPENQASM 3.0;',
    'include "stdgates.inc";',
    ...[...parameters].flatMap(([name, word]) => inputLines(name, word)),
    ...gateDefinitions(unitaries),
    ...qubits.registers.map(({ name, size }) => `qubit[${size}] ${name};`),
    ...clbits.registers.flatMap(({ name, size, isLocal }) => [
      ...(isLocal ? [LOCAL_ANNOTATION] : []),
      `bit[${size}] ${name};`,
    ]),
    ...classical.aliases,
    ...declarations,
    ...body,
  ].join('\n')}\n`;
}

function inputLines(name: string, word: string): string[] {
  const annotation = name === word ? [] : [`${PARAMETER_ANNOTATION} ${name}`];
  return [...annotation, `input float[64] ${word};`];
}

function gateDefinitions(unitaries: UnitaryWriter): string[] {
  const used = [...unitaries.usedGates].sort();
  return [...used.map((name) => GATE_DEFINITIONS[3][name]!), ...unitaries.definitions];
}
