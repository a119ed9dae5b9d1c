/** @file Circuits as plain data, the form that goes through JSON. */
import { InvalidArgumentError } from '@qedge/core';
import { listOf, recordOf } from './check-instruction.ts';
import type { Circuit } from './circuit.ts';
import type { ClassicalVariable, Register } from './classical-expression.ts';
import type { Instruction } from './instruction.ts';
import { ParameterExpression } from './parameter.ts';

/** Lists and records inside one another: 250 bodies of control flow with the longest expressions take less. */
const DEEPEST_NESTING = 1500;
/** Integers of 1,000,000 bits have as many digits. */
const BIGINT_TEXT = /^-?\d{1,301030}$/;

/** A circuit as plain data. Expressions are texts, matrices lists of numbers, integers of classical expressions `{ bigint: text }`. */
export interface CircuitData {
  readonly format: 'qedge-circuit';
  readonly version: 2;
  readonly qubitCount: number;
  readonly clbitCount: number;
  readonly quantumRegisters?: readonly Register[];
  readonly classicalRegisters?: readonly Register[];
  readonly variables?: readonly Readonly<Record<string, unknown>>[];
  readonly instructions: readonly Readonly<Record<string, unknown>>[];
}

/** A circuit as plain data. */
export function encodeCircuit(circuit: Circuit): CircuitData {
  const { qubitCount, clbitCount, quantumRegisters, classicalRegisters, variables } = circuit;
  const instructions: Record<string, unknown>[] = [];
  circuit.forEach((instruction) => {
    instructions.push(encodeRecord(instruction));
  });
  return {
    format: 'qedge-circuit',
    version: 2,
    qubitCount,
    clbitCount,
    ...(quantumRegisters.length > 0 ? { quantumRegisters: [...quantumRegisters] } : {}),
    ...(classicalRegisters.length > 0 ? { classicalRegisters: [...classicalRegisters] } : {}),
    ...(variables.length > 0 ? { variables: variables.map(encodeRecord) } : {}),
    instructions,
  };
}

/** An instruction or a variable as plain data. */
export function encodeRecord(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, encode(value)]));
}

function encode(value: unknown): unknown {
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Float64Array) return Array.from(value);
  if (value instanceof ParameterExpression) return value.text;
  if (Array.isArray(value)) return value.map(encode);
  if (isCircuit(value)) return value.toJSON();
  return encodeRecord(value);
}

function isCircuit(value: object): value is Circuit {
  return typeof (value as Circuit).toJSON === 'function';
}

/** Makes an empty circuit of so many qubits and classical bits. */
type MakeCircuit = (qubitCount: number, clbitCount: number) => Circuit;

/** The inverse of `encodeCircuit`. @throws InvalidArgumentError naming what does not fit. */
export function decodeCircuit(data: CircuitData, make: MakeCircuit, depth = 0): Circuit {
  if (data?.format !== 'qedge-circuit' || data.version !== 2 || !Array.isArray(data.instructions)) {
    throw new InvalidArgumentError('Not a circuit', {
      expected: 'format "qedge-circuit", version 2, and a list of instructions',
      actual: [data?.format, data?.version].map((part) => (typeof part === 'object' ? typeof part : part)),
    });
  }
  const circuit = make(data.qubitCount, data.clbitCount);
  for (const register of listOf(data.quantumRegisters ?? [], 'The registers')) {
    const { name, start, size } = recordOf(register, 'A register');
    circuit.nameQubits(name, start, size);
  }
  for (const register of listOf(data.classicalRegisters ?? [], 'The registers')) {
    const { name, start, size, isLocal } = recordOf(register, 'A register');
    circuit.nameClbits(name, start, size, isLocal === true);
  }
  for (const variable of listOf(data.variables ?? [], 'The variables')) {
    circuit.declare(decodeValue(variable, make, depth + 1) as ClassicalVariable);
  }
  for (const instruction of data.instructions) {
    circuit.append(decodeValue(instruction, make, depth + 1) as Instruction);
  }
  return circuit;
}

/** The inverse of `encode`, but for expressions and lists of numbers, which circuits convert themselves. */
function decodeValue(value: unknown, make: MakeCircuit, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEEPEST_NESTING) {
    throw new InvalidArgumentError('The data of a circuit are nested too deeply', {
      expected: `at most ${DEEPEST_NESTING} lists and records inside one another`,
    });
  }
  if (Array.isArray(value)) return value.map((item) => decodeValue(item, make, depth + 1));
  if ((value as CircuitData).format === 'qedge-circuit') {
    return decodeCircuit(value as CircuitData, make, depth + 1);
  }
  const { bigint } = value as { bigint?: unknown };
  if (typeof bigint === 'string' && BIGINT_TEXT.test(bigint)) return BigInt(bigint);
  const entries = Object.entries(value).map(([key, inner]) => [key, decodeValue(inner, make, depth + 1)]);
  return Object.fromEntries(entries);
}
