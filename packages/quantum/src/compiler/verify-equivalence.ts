import { InvalidArgumentError, Random, UnsupportedError } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import { type Instruction, isUnitaryKind } from '../circuit/instruction.ts';
import { placeInstruction } from '../circuit/place-instruction.ts';
import { createReferenceSimulator } from '../simulation/state-simulator.ts';
import type { TranspileResult } from './transpile.ts';

/** How a compiled circuit is to be checked. */
export interface EquivalenceOptions {
  /** Random product states to try, an integer >= 1; default 3. */
  readonly trials?: number;
  readonly random?: Random;
  /** The infidelity that counts as rounding; default 1e-9. */
  readonly tolerance?: number;
}

/** What the check saw. */
export interface EquivalenceReport {
  readonly equivalent: boolean;
  /** The largest `1 - |<expected|found>|^2` over the trials. */
  readonly worstInfidelity: number;
  readonly trials: number;
  /** Qubits that were simulated: the physical ones in use, and one for each classical bit. */
  readonly simulatedQubits: number;
}

/** 2^20 amplitudes: a few seconds and 32 MB. */
const MAX_SIMULATED_QUBITS = 20;

/**
 * Checks by simulation that a compiled circuit has the effect of the original one up to a global phase: on random product states
 * of the original qubits with all spare qubits in |0>, under the layouts. Free parameters get random values. A measurement counts
 * as a controlled copy onto a fresh qubit (deferred measurement), so classical results are compared too.
 *
 * @throws UnsupportedError for resets, for a classical bit written twice, or for more than 20 simulated qubits;
 *   InvalidArgumentError when the layouts or the options do not fit.
 */
export function verifyEquivalence(
  original: Circuit,
  compiled: Pick<TranspileResult, 'circuit' | 'initialLayout' | 'finalLayout'>,
  options: EquivalenceOptions = {},
): EquivalenceReport {
  const { trials = 3, random = new Random(0), tolerance = 1e-9 } = options;
  if (!Number.isInteger(trials) || trials < 1 || !(tolerance >= 0)) {
    throw new InvalidArgumentError('The check has impossible options', {
      expected: 'trials an integer >= 1 and tolerance >= 0',
      actual: [trials, tolerance],
    });
  }
  checkLayouts(original, compiled);
  const places = compactPlaces(compiled);
  const qubitCount = places.size + original.clbitCount;
  if (qubitCount > MAX_SIMULATED_QUBITS) {
    throw new UnsupportedError('The circuits are too large to be compared by simulation', {
      expected: `at most ${MAX_SIMULATED_QUBITS} qubits in use`,
      actual: qubitCount,
    });
  }
  const simulator = createReferenceSimulator();
  const placeOf = (physical: number) => places.get(physical)!;
  let worstInfidelity = 0;
  for (let trial = 0; trial < trials; trial++) {
    const start = new Circuit(qubitCount);
    const angles = original.parameterNames.map((name) => [name, random.normal() * 3] as const);
    const bindIn = (circuit: Circuit) =>
      circuit.bind(Object.fromEntries(angles.filter(([name]) => circuit.parameterNames.includes(name))));
    for (const physical of compiled.initialLayout) {
      const [theta, phi, lambda] = [random.uniform() * 3, random.uniform() * 6, random.uniform() * 6];
      start.u(theta, phi, lambda, placeOf(physical));
    }
    const onStart = (qubit: number) => placeOf(compiled.initialLayout[qubit]!);
    const expectedCircuit = appendDeferred(start, bindIn(original), onStart, places.size);
    appendPermutation(expectedCircuit, compiled, placeOf);
    const foundCircuit = appendDeferred(start, bindIn(compiled.circuit), placeOf, places.size);
    const expected = simulator.run(expectedCircuit);
    const found = simulator.run(foundCircuit);
    worstInfidelity = Math.max(worstInfidelity, 1 - expected.fidelity(found));
    expected.dispose();
    found.dispose();
  }
  return { equivalent: worstInfidelity <= tolerance, worstInfidelity, trials, simulatedQubits: qubitCount };
}

function checkLayouts(
  original: Circuit,
  { circuit, initialLayout, finalLayout }: Pick<TranspileResult, 'circuit' | 'initialLayout' | 'finalLayout'>,
): void {
  for (const layout of [initialLayout, finalLayout]) {
    const inRange = layout.every(
      (place) => Number.isInteger(place) && place >= 0 && place < circuit.qubitCount,
    );
    if (layout.length !== original.qubitCount || new Set(layout).size !== layout.length || !inRange) {
      throw new InvalidArgumentError('A layout does not fit the circuits', {
        expected: `${original.qubitCount} different qubits below ${circuit.qubitCount}`,
        actual: layout,
      });
    }
  }
}

/** Numbers the physical qubits in use from 0. */
function compactPlaces({
  circuit,
  initialLayout,
  finalLayout,
}: Pick<TranspileResult, 'circuit' | 'initialLayout' | 'finalLayout'>): Map<number, number> {
  const used = new Set([...initialLayout, ...finalLayout]);
  for (const { kind, qubits } of circuit.instructions) {
    if (kind !== 'barrier') for (const qubit of qubits) used.add(qubit);
  }
  return new Map([...used].sort((a, b) => a - b).map((physical, index) => [physical, index]));
}

/** A copy of `start` with a circuit on given places behind it, measurements turned into copies onto qubits from `firstCopy` on. */
function appendDeferred(
  start: Circuit,
  circuit: Circuit,
  placeOf: (qubit: number) => number,
  firstCopy: number,
): Circuit {
  const joined = start.clone();
  const written = new Set<number>();
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'barrier' || instruction.kind === 'delay') continue;
    if (isUnitaryKind(instruction)) {
      joined.append(placeInstruction(instruction, placeOf));
      continue;
    }
    if (instruction.kind !== 'measure' || written.has(instruction.clbit)) throw refuse(instruction);
    written.add(instruction.clbit);
    joined.cx(placeOf(instruction.qubits[0]), firstCopy + instruction.clbit);
  }
  return joined;
}

function refuse({ kind }: Instruction): UnsupportedError {
  return new UnsupportedError('The circuits cannot be compared by simulation', {
    expected: 'no resets or control flow, and each classical bit written once',
    actual: kind,
  });
}

/** Moves every qubit from its place at the start to its place at the end, by swaps. */
function appendPermutation(
  circuit: Circuit,
  { initialLayout, finalLayout }: Pick<TranspileResult, 'initialLayout' | 'finalLayout'>,
  placeOf: (physical: number) => number,
): void {
  const where = initialLayout.map(placeOf);
  finalLayout.forEach((physical, qubit) => {
    const [from, to] = [where[qubit]!, placeOf(physical)];
    if (from === to) return;
    circuit.swap(from, to);
    const other = where.indexOf(to);
    if (other >= 0) where[other] = from;
    where[qubit] = to;
  });
}
