import { InvalidArgumentError } from '@qedge/core';
import { type GateName, isGateName } from '../../circuit/gate-definition.ts';

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

/** A pair of qubits. */
export type CouplingEdge = readonly [number, number];

/** What a circuit is compiled for. Plain data: `JSON.stringify` writes it, {@link targetFromJson} reads it back. */
export interface Target {
  readonly name: string;
  readonly qubitCount: number;
  /** Pairs of qubits that can share a gate, in either direction unless `directed`; null when every pair can. */
  readonly couplingEdges: readonly CouplingEdge[] | null;
  /**
   * True when a two-qubit gate whose qubits cannot be exchanged (cx, ecr) runs only from the first to the second qubit of an edge.
   * Default false.
   */
  readonly directed?: boolean;
  readonly basisGates: readonly GateName[];
  /** Durations and error rates, where known. */
  readonly instructionProperties?: readonly InstructionProperty[];
  /** Relaxation time of every qubit, where known. */
  readonly t1Seconds?: readonly number[];
  /** Dephasing time of every qubit, where known. */
  readonly t2Seconds?: readonly number[];
  /** The machine's time step: what `dt` means in delays. */
  readonly dtSeconds?: number;
  /** Instructions start at multiples of so many time steps; default 1. */
  readonly alignmentDt?: number;
  /** Qubits that do not work: nothing is placed on them, and no edge to them counts. */
  readonly faultyQubits?: readonly number[];
  /** Edges, in either direction, that do not work. */
  readonly faultyEdges?: readonly CouplingEdge[];
}

type Fail = (expected: string, actual: unknown) => never;

/**
 * Checks a target that came from outside. @returns the same value.
 * @throws InvalidArgumentError saying what is wrong.
 */
export function checkTarget(target: Target): Target {
  const fail: Fail = (expected, actual) => {
    throw new InvalidArgumentError(`The target "${target?.name}" is unusable`, { expected, actual });
  };
  if (typeof target !== 'object' || target === null) return fail('an object', String(target));
  const { name, qubitCount, couplingEdges, basisGates, instructionProperties = [], directed } = target;
  if (typeof name !== 'string') fail('a name', String(name));
  if (!Number.isInteger(qubitCount) || qubitCount < 1) fail('qubitCount an integer >= 1', String(qubitCount));
  if (couplingEdges !== null && !Array.isArray(couplingEdges)) {
    fail('couplingEdges a list of pairs, or null', String(couplingEdges));
  }
  if (directed !== undefined && typeof directed !== 'boolean') fail('directed true or false', directed);
  if (!Array.isArray(basisGates)) fail('basisGates a list of gates', String(basisGates));
  if (!Array.isArray(instructionProperties)) {
    fail('instructionProperties a list', String(instructionProperties));
  }
  const isQubit = (qubit: unknown) =>
    Number.isInteger(qubit) && Number(qubit) >= 0 && Number(qubit) < qubitCount;
  for (const edge of couplingEdges ?? []) checkEdge(edge, isQubit, fail);
  for (const gate of basisGates) if (!isGateName(gate)) fail('known basis gates', String(gate));
  for (const property of instructionProperties) checkProperty(property, isQubit, fail);
  for (const times of [target.t1Seconds, target.t2Seconds]) {
    if (times === undefined) continue;
    const complete =
      Array.isArray(times) &&
      times.length === qubitCount &&
      times.every((time) => typeof time === 'number' && time > 0);
    if (!complete) fail('a time > 0 for every qubit', times);
  }
  checkFaults(target, isQubit, fail);
  checkTiming(target, fail);
  return target;
}

function checkEdge(edge: unknown, isQubit: (qubit: unknown) => boolean, fail: Fail): void {
  const isPair = Array.isArray(edge) && edge.length === 2 && edge.every(isQubit) && edge[0] !== edge[1];
  if (!isPair) fail('edges between two different qubits', edge);
}

function checkFaults(
  { faultyQubits = [], faultyEdges = [] }: Target,
  isQubit: (qubit: unknown) => boolean,
  fail: Fail,
): void {
  if (!Array.isArray(faultyQubits) || !faultyQubits.every(isQubit)) {
    fail('faultyQubits a list of qubits', faultyQubits);
  }
  if (!Array.isArray(faultyEdges)) fail('faultyEdges a list of pairs', String(faultyEdges));
  for (const edge of faultyEdges) checkEdge(edge, isQubit, fail);
}

function checkTiming({ dtSeconds, alignmentDt }: Target, fail: Fail): void {
  if (dtSeconds !== undefined && !(dtSeconds > 0 && Number.isFinite(dtSeconds))) {
    fail('dtSeconds a time > 0', dtSeconds);
  }
  if (alignmentDt !== undefined && !(Number.isSafeInteger(alignmentDt) && alignmentDt >= 1)) {
    fail('alignmentDt an integer >= 1', alignmentDt);
  }
}

function checkProperty(
  property: InstructionProperty,
  isQubit: (qubit: unknown) => boolean,
  fail: Fail,
): void {
  const { instruction, qubits = [], durationSeconds = 0, errorRate = 0 } = property ?? {};
  const known = isGateName(instruction) || instruction === 'measure' || instruction === 'reset';
  if (!known) fail('properties of a gate, measure or reset', String(instruction));
  if (!Array.isArray(qubits) || !qubits.every(isQubit)) fail(`qubits of ${instruction} in range`, qubits);
  if (!(typeof durationSeconds === 'number' && durationSeconds >= 0 && Number.isFinite(durationSeconds))) {
    fail(`a duration of ${instruction} >= 0`, durationSeconds);
  }
  if (!(typeof errorRate === 'number' && errorRate >= 0 && errorRate <= 1))
    fail(`an error rate of ${instruction} in 0..1`, errorRate);
}

/**
 * The edges between qubits that work: those of the coupling map without faulty ones. Null when every pair works.
 */
export function workingEdges(
  target: Pick<Target, 'qubitCount' | 'couplingEdges' | 'faultyQubits' | 'faultyEdges'>,
): readonly CouplingEdge[] | null {
  const { qubitCount, couplingEdges, faultyQubits = [], faultyEdges = [] } = target;
  if (faultyQubits.length === 0 && faultyEdges.length === 0) return couplingEdges;
  const dead = new Set(faultyQubits);
  const broken = new Set(faultyEdges.flatMap(([a, b]) => [a * qubitCount + b, b * qubitCount + a]));
  return (couplingEdges ?? allPairs(qubitCount)).filter(
    ([a, b]) => !dead.has(a) && !dead.has(b) && !broken.has(a * qubitCount + b),
  );
}

function allPairs(qubitCount: number): CouplingEdge[] {
  const pairs: CouplingEdge[] = [];
  for (let a = 0; a < qubitCount; a++) for (let b = a + 1; b < qubitCount; b++) pairs.push([a, b]);
  return pairs;
}
