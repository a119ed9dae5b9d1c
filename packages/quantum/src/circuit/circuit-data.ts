/** @file Circuits as plain data, the form that goes through JSON. */
import type { Circuit } from './circuit.ts';
import type { Register } from './classical-expression.ts';
import { ParameterExpression } from './parameter.ts';

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

/** The inverse of `encodeRecord`, but for expressions and lists of numbers, which circuits convert themselves. */
export function decodeRecord(
  record: Readonly<Record<string, unknown>>,
  toCircuit: (data: CircuitData) => Circuit,
): unknown {
  const decode = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(decode);
    if ((value as CircuitData).format === 'qedge-circuit') return toCircuit(value as CircuitData);
    const { bigint } = value as { bigint?: unknown };
    if (typeof bigint === 'string' && /^-?\d+$/.test(bigint)) return BigInt(bigint);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decode(inner)]));
  };
  return decode(record);
}
