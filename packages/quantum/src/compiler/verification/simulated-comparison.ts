import { Random, throwIfCancelled } from '@qedge/core';
import { splitFinalMeasurements } from '../../simulation/program/final-measurements.ts';
import type { Simulator } from '../../simulation/simulator.ts';
import { createReferenceSimulator } from '../../simulation/state-simulator.ts';
import { createStateVectorSimulator } from '../../simulation/state-vector-simulator.ts';
import { type AlignedCircuits, splitParts } from './aligned-circuits.ts';
import { BranchEnumerator } from './branch-enumeration.ts';
import type { ComparisonSettings, EquivalenceReport } from './equivalence-report.ts';
import { type MeasuredMixture, mixtureDistance } from './mixture-distance.ts';

/** Up to here plain loops are done before code would be generated. */
const PLAIN_QUBITS = 10;

/** Beyond this one random input has to do. */
const FEW_QUBITS = 12;

type Verdict = Omit<EquivalenceReport, 'method' | 'isExact'>;

/**
 * Runs both circuits on random product states (or |0...0>) and compares what is left, every sequence of outcomes followed. Circuits
 * that fall into parts are compared part by part.
 *
 * @returns a verdict of null where a part has too many qubits or too many sequences of outcomes.
 */
export async function compareBySimulation(
  pair: AlignedCircuits,
  settings: ComparisonSettings,
): Promise<Verdict> {
  const parts = pair.wireCount <= settings.maxSimulatedQubits ? [pair] : splitParts(pair);
  const simulatedQubits = Math.max(...parts.map(({ wireCount }) => wireCount));
  const undecided = { equivalent: null, worstInfidelity: null, trials: 0, simulatedQubits: 0 };
  if (simulatedQubits > settings.maxSimulatedQubits) {
    const reason = `a part has ${simulatedQubits} qubits, more than the ${settings.maxSimulatedQubits} to be simulated`;
    return { ...undecided, reason };
  }
  using simulators = new LazySimulators(settings.simulator);
  let worst: Verdict | null = null;
  for (const part of parts) {
    const simulator = await simulators.get(part.wireCount);
    const verdict = comparePart(part, simulator, settings);
    if (verdict.equivalent !== true) return { ...verdict, simulatedQubits };
    if (worst === null || verdict.worstInfidelity! > worst.worstInfidelity!) worst = verdict;
  }
  return { ...worst!, simulatedQubits };
}

/** Makes a simulator when the first part needs it. */
class LazySimulators implements Disposable {
  readonly #given: Simulator | undefined;
  #plain: Simulator | null = null;
  #fast: Simulator | null = null;

  constructor(given: Simulator | undefined) {
    this.#given = given;
  }

  async get(wireCount: number): Promise<Simulator> {
    if (wireCount <= PLAIN_QUBITS) {
      this.#plain ??= createReferenceSimulator();
      return this.#plain;
    }
    if (this.#given !== undefined) return this.#given;
    this.#fast ??= await createStateVectorSimulator({ precision: 'f64' });
    return this.#fast;
  }

  [Symbol.dispose](): void {
    this.#plain?.dispose();
    this.#fast?.dispose();
  }
}

function comparePart(pair: AlignedCircuits, simulator: Simulator, settings: ComparisonSettings): Verdict {
  const { tolerance, signal, compare, inputs } = settings;
  const { original, compiled, wireCount } = pair;
  const trials = settings.trials ?? (inputs === 'zero' || wireCount > FEW_QUBITS ? 1 : 3);
  const [left, right] = [original, compiled].map(({ instructions }) => splitFinalMeasurements(instructions));
  const later = right!.final.map(({ clbit }) => clbit);
  const deferred = left!.final.map(({ clbit }) => clbit).filter((clbit) => later.includes(clbit));
  // A result that is lost still leaves its qubit in one of two states.
  const restOf = ({ body, final, overwritten }: NonNullable<typeof left>) => [
    ...body,
    ...[...overwritten, ...final.filter(({ clbit }) => !deferred.includes(clbit))].map(
      ({ qubit, clbit }) => ({ kind: 'measure', qubits: [qubit], clbit }) as const,
    ),
  ];
  using expectedRun = new BranchEnumerator(original, restOf(left!), simulator);
  using foundRun = new BranchEnumerator(compiled, restOf(right!), simulator);
  const wireOf = (final: NonNullable<typeof left>['final']) =>
    deferred.map((clbit) => final.find((entry) => entry.clbit === clbit)!.qubit);
  const plain = Array.from({ length: wireCount }, (_, wire) => wire);
  const frames = [
    { indexOrder: permuteIndices(plain), outcomeOf: readBits(wireOf(left!.final), wireCount) },
    { indexOrder: permuteIndices(pair.endWires), outcomeOf: readBits(wireOf(right!.final), wireCount) },
  ] as const;
  const clbits = Array.from({ length: original.clbitCount }, (_, clbit) => clbit).filter(
    (clbit) => !deferred.includes(clbit),
  );
  const variables = original.variables.map(({ name }) => name);
  const options = { clbits, variables, outcomeCount: 2 ** deferred.length, compare };
  const random = new Random(settings.seed).fork('inputs');
  const result = { worstInfidelity: 0, trials: 0, simulatedQubits: wireCount };
  for (let trial = 0; trial < trials; trial++) {
    throwIfCancelled(signal, 'The verification');
    const input = randomProduct(inputs === 'zero' ? 0 : pair.qubitCount, wireCount, random);
    const expected = expectedRun.run(input.amplitudes, signal);
    const found = expected && foundRun.run(input.amplitudes, signal);
    const isCertain = found !== null && expected!.droppedWeight + found.droppedWeight <= tolerance;
    const infidelity = isCertain
      ? mixtureDistance(mixture(expected!.branches, frames[0]), mixture(found.branches, frames[1]), options)
      : null;
    if (infidelity === null) {
      return { ...result, equivalent: null, worstInfidelity: null, reason: 'too many sequences of outcomes' };
    }
    result.trials++;
    result.worstInfidelity = Math.max(result.worstInfidelity, infidelity);
    if (!(infidelity <= tolerance)) {
      const reason = 'the results of one input differ';
      return { ...result, equivalent: false, reason, counterexample: { blochAngles: input.angles } };
    }
  }
  const inputsTried = inputs === 'zero' ? 'from |0...0>' : `on ${trials} random product states`;
  return { ...result, equivalent: true, reason: `equal results ${inputsTried}` };
}

function mixture(
  branches: MeasuredMixture['branches'],
  frame: Omit<MeasuredMixture, 'branches'>,
): MeasuredMixture {
  return { branches, ...frame };
}

/** For each index, the one in which bit `order[w]` is its bit `w`. */
function permuteIndices(order: readonly number[]): Uint32Array {
  const indices = new Uint32Array(2 ** order.length);
  for (const [wire, place] of order.entries()) {
    const size = 2 ** wire;
    for (let index = 0; index < size; index++) indices[index + size] = indices[index]! | (1 << place);
  }
  return indices;
}

/** For each index of a state, the bits of some wires as a number. */
function readBits(wires: readonly number[], wireCount: number): Uint32Array {
  const bits = new Uint32Array(2 ** wireCount);
  for (let wire = 0; wire < wireCount; wire++) {
    const size = 2 ** wire;
    const value = wires.reduce((sum, read, bit) => (read === wire ? sum | (1 << bit) : sum), 0);
    for (let index = 0; index < size; index++) bits[index + size] = bits[index]! | value;
  }
  return bits;
}

/**
 * The first wires in random states, the others |0>. Each wire is 0, or 1, with a probability of 1/4..3/4: uniform points of the Bloch sphere
 * would make the rarest of many basis states far rarer than others, and a difference that only touches those would not show.
 */
function randomProduct(randomCount: number, wireCount: number, random: Random) {
  const angles: [polar: number, azimuth: number][] = [];
  const amplitudes = new Float64Array(2 * 2 ** wireCount);
  amplitudes[0] = 1;
  for (let wire = 0; wire < randomCount; wire++) {
    const [polar, azimuth] = [Math.acos(0.5 - random.uniform()), 2 * Math.PI * random.uniform()];
    angles.push([polar, azimuth]);
    const low = Math.cos(polar / 2);
    const [re, im] = [Math.sin(polar / 2) * Math.cos(azimuth), Math.sin(polar / 2) * Math.sin(azimuth)];
    const size = 2 ** wire;
    for (let i = 0; i < size; i++) {
      const [x, y] = [amplitudes[2 * i]!, amplitudes[2 * i + 1]!];
      amplitudes[2 * (i + size)] = re * x - im * y;
      amplitudes[2 * (i + size) + 1] = re * y + im * x;
      amplitudes[2 * i] = low * x;
      amplitudes[2 * i + 1] = low * y;
    }
  }
  return { amplitudes, angles };
}
