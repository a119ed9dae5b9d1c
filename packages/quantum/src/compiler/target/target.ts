import { InvalidArgumentError } from '@qedge/core';
import { type GateName, gateDefinition, isGateName } from '../../circuit/gate-definition.ts';

/** A figure for one instruction of a machine, for all qubits or for certain ones. */
export interface InstructionProperty {
  /** A gate's name, `measure` or `reset`. */
  readonly instruction: string;
  /**
   * The qubits it holds for, in the gate's order (any order for gates like cz, whose qubits can be exchanged); without them it
   * holds wherever no better entry does.
   */
  readonly qubits?: readonly number[];
  readonly durationSeconds?: number;
  /** The probability that the instruction goes wrong, 0..1. */
  readonly errorRate?: number;
}

/** What a circuit is compiled for. Plain data. */
export interface Target {
  readonly name: string;
  readonly qubitCount: number;
  /** Pairs of qubits that can share a gate, in either direction; null when every pair can. */
  readonly couplingEdges: readonly (readonly [number, number])[] | null;
  readonly basisGates: readonly GateName[];
  /** Durations and error rates, where known. */
  readonly instructionProperties?: readonly InstructionProperty[];
  /** Relaxation time of every qubit, where known. */
  readonly t1Seconds?: readonly number[];
  /** Dephasing time of every qubit, where known. */
  readonly t2Seconds?: readonly number[];
}

/**
 * Checks a target that came from outside. @returns the same value.
 * @throws InvalidArgumentError saying what is wrong.
 */
export function checkTarget(target: Target): Target {
  const fail = (expected: string, actual: unknown): never => {
    throw new InvalidArgumentError(`The target "${target?.name}" is unusable`, { expected, actual });
  };
  if (typeof target !== 'object' || target === null) return fail('an object', String(target));
  const { name, qubitCount, couplingEdges, basisGates, instructionProperties = [] } = target;
  if (typeof name !== 'string') fail('a name', String(name));
  if (!Number.isInteger(qubitCount) || qubitCount < 1) fail('qubitCount an integer >= 1', String(qubitCount));
  if (couplingEdges !== null && !Array.isArray(couplingEdges)) {
    fail('couplingEdges a list of pairs, or null', String(couplingEdges));
  }
  if (!Array.isArray(basisGates)) fail('basisGates a list of gates', String(basisGates));
  if (!Array.isArray(instructionProperties)) {
    fail('instructionProperties a list', String(instructionProperties));
  }
  const isQubit = (qubit: unknown) =>
    Number.isInteger(qubit) && Number(qubit) >= 0 && Number(qubit) < qubitCount;
  for (const edge of couplingEdges ?? []) {
    const isPair = Array.isArray(edge) && edge.length === 2 && edge.every(isQubit) && edge[0] !== edge[1];
    if (!isPair) fail('edges between two different qubits', edge);
  }
  for (const gate of basisGates) if (!isGateName(gate)) fail('known basis gates', String(gate));
  for (const property of instructionProperties) checkProperty(property, isQubit, fail);
  for (const times of [target.t1Seconds, target.t2Seconds]) {
    if (times === undefined) continue;
    const complete = Array.isArray(times) && times.length === qubitCount && times.every((time) => time > 0);
    if (!complete) fail('a time > 0 for every qubit', times);
  }
  return target;
}

function checkProperty(
  property: InstructionProperty,
  isQubit: (qubit: unknown) => boolean,
  fail: (expected: string, actual: unknown) => never,
): void {
  const { instruction, qubits = [], durationSeconds = 0, errorRate = 0 } = property ?? {};
  const known = isGateName(instruction) || instruction === 'measure' || instruction === 'reset';
  if (!known) fail('properties of a gate, measure or reset', String(instruction));
  if (!Array.isArray(qubits) || !qubits.every(isQubit)) fail(`qubits of ${instruction} in range`, qubits);
  if (!(durationSeconds >= 0 && Number.isFinite(durationSeconds))) {
    fail(`a duration of ${instruction} >= 0`, durationSeconds);
  }
  if (!(errorRate >= 0 && errorRate <= 1)) fail(`an error rate of ${instruction} in 0..1`, errorRate);
}

/** The figures of an instruction on certain qubits: an entry for exactly them, else the general one, else undefined. */
export function instructionProperty<Key extends 'durationSeconds' | 'errorRate'>(
  target: Target,
  instruction: string,
  qubits: readonly number[],
  key: Key,
): number | undefined {
  const anyOrder = isGateName(instruction) && gateDefinition(instruction).symmetric;
  const fits = (own: readonly number[]) =>
    own.length === qubits.length &&
    own.every((qubit, i) => (anyOrder ? qubits.includes(qubit) : qubit === qubits[i]));
  let general: number | undefined;
  for (const property of target.instructionProperties ?? []) {
    if (property.instruction !== instruction || property[key] === undefined) continue;
    if (property.qubits === undefined) general = property[key];
    else if (fits(property.qubits)) return property[key];
  }
  return general;
}
