import { InvalidArgumentError, Random, throwIfCancelled } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { formatType } from '../../circuit/classical-type.ts';
import { bodiesOf, isControlFlow } from '../../circuit/instruction.ts';
import { alignCircuits, checkLayouts, type LaidOutCircuit } from './aligned-circuits.ts';
import type {
  ComparisonSettings,
  EquivalenceMethod,
  EquivalenceOptions,
  EquivalenceReport,
} from './equivalence-report.ts';
import { compareByProduct } from './product-comparison.ts';
import { compareByRotations } from './rotation-comparison.ts';
import { compareBySimulation } from './simulated-comparison.ts';
import { compareStabilizers } from './stabilizer-comparison.ts';
import { findTargetViolation } from './target-violation.ts';

/** State vectors beyond this take gigabytes for a few branches. */
const MOST_SIMULATED_QUBITS = 24;
const MOST_TERMS = 2 ** 22;
/** Up to here states are quicker than anything else. */
const QUICK_QUBITS = 12;

/**
 * Checks that a compiled circuit does what the original one does under its layouts, up to a global phase; with a target, that it
 * can run there. Spare qubits must start and end in |0>. Free parameters get random values; an angle that is wrong for a random
 * value is found, since all results are analytic in it.
 *
 * Up to 12 qubits (in use, spare ones included) circuits are simulated. Larger ones are compared as stabilizer groups when both are Clifford,
 * else as rotations about Pauli strings, by states of up to `maxSimulatedQubits` qubits (part by part where they fall into parts), and by the
 * operator product. All but the states are exact; `isExact` says which it was. What none of them can decide is reported as `equivalent: null`
 * with the reason; there is no guess.
 *
 * Where only results of measurements count (`compare: 'measurements'`), what stays in the qubits is free.
 *
 * @throws InvalidArgumentError when the layouts or the options do not fit; CancelledError once the signal is aborted.
 * @example
 * const result = await transpile(circuit, target);
 * const report = await verifyEquivalence(circuit, result, { target });
 * if (report.equivalent !== true) throw new Error(report.reason);
 */
export async function verifyEquivalence(
  original: Circuit,
  compiled: LaidOutCircuit,
  options: EquivalenceOptions = {},
): Promise<EquivalenceReport> {
  const settings = checkOptions(options);
  checkLayouts(original, compiled);
  throwIfCancelled(settings.signal, 'The verification');
  const violation = options.target && findTargetViolation(compiled.circuit, options.target);
  if (violation) return refused('target', violation.reason, { ...violation });
  const difference = classicalDifference(original, compiled.circuit, settings);
  if (difference !== null) return refused('classical', difference);
  const random = new Random(settings.seed).fork('parameters');
  const values = original.parameterNames.map((name) => [name, 0.5 + 3 * random.uniform()] as const);
  const pair = alignCircuits(original, compiled, Object.fromEntries(values));
  const attempts = [
    ['state-vector', () => compareBySimulation(pair, settings)],
    ['stabilizers', () => compareStabilizers(pair, settings)],
    ['pauli-rotations', () => compareByRotations(pair, settings)],
    ['operator-product', () => compareByProduct(pair, settings)],
  ] as const;
  const reasons: string[] = [];
  const isLarge = pair.wireCount > QUICK_QUBITS;
  for (const at of isLarge ? [1, 2, 0, 3] : [0, 1, 2, 3]) {
    const [method, attempt] = attempts[at]!;
    const verdict = await attempt();
    if (verdict === null) continue;
    if (verdict.equivalent !== null) return { ...verdict, method, isExact: method !== 'state-vector' };
    reasons.push(`${method}: ${verdict.reason}`);
  }
  const none = {
    method: 'none',
    isExact: false,
    worstInfidelity: null,
    trials: 0,
    simulatedQubits: 0,
  } as const;
  return { ...none, equivalent: null, reason: reasons.join('; ') };
}

function refused(
  method: EquivalenceMethod,
  reason: string,
  counterexample?: Readonly<Record<string, unknown>>,
): EquivalenceReport {
  const nothing = { isExact: true, worstInfidelity: null, trials: 0, simulatedQubits: 0 };
  return { ...nothing, equivalent: false, method, reason, ...(counterexample ? { counterexample } : {}) };
}

function checkOptions(options: EquivalenceOptions): ComparisonSettings {
  const { inputs = 'any', compare = 'state', seed = 0, tolerance = 1e-9 } = options;
  const { maxSimulatedQubits = 20, maxTerms = 2 ** 14, simulator, signal } = options;
  const { trials } = options;
  const isCount = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;
  const isPossible =
    isCount(trials ?? 1, 2 ** 20) &&
    isCount(maxSimulatedQubits, MOST_SIMULATED_QUBITS) &&
    isCount(maxTerms, MOST_TERMS) &&
    tolerance >= 0 &&
    (inputs === 'any' || inputs === 'zero') &&
    (compare === 'state' || compare === 'measurements');
  if (!isPossible) {
    throw new InvalidArgumentError('The check has impossible options', {
      expected: `trials an integer >= 1, tolerance >= 0, maxSimulatedQubits in 1..${MOST_SIMULATED_QUBITS}, maxTerms in 1..${MOST_TERMS}, inputs "any" or "zero", compare "state" or "measurements"`,
      actual: { trials, tolerance, maxSimulatedQubits, maxTerms, inputs, compare },
    });
  }
  return { inputs, compare, trials, seed, tolerance, maxSimulatedQubits, maxTerms, simulator, signal };
}

/** What differs in parameters, classical bits and variables, in words. @throws InvalidArgumentError where nothing would be compared. */
function classicalDifference(
  original: Circuit,
  compiled: Circuit,
  { compare }: ComparisonSettings,
): string | null {
  const known = new Set(original.parameterNames);
  const unknown = compiled.parameterNames.find((name) => !known.has(name));
  if (unknown !== undefined) return `the parameter "${unknown}" is not one of the original circuit`;
  if (compiled.clbitCount !== original.clbitCount) {
    return `${compiled.clbitCount} classical bits in the place of ${original.clbitCount}`;
  }
  const variables = ({ variables }: Circuit) =>
    variables.map(({ name, type }) => `${formatType(type)} ${name}`).join('; ');
  if (variables(compiled) !== variables(original)) return 'the classical variables differ';
  const [expected, found] = [countWrites(original), countWrites(compiled)];
  if (compare === 'measurements') {
    if (expected.size > 0) return null;
    throw new InvalidArgumentError('There are no measurements to be compared', {
      expected: 'a circuit that measures',
      remedy: 'Compare the state',
    });
  }
  for (let clbit = 0; clbit < original.clbitCount; clbit++) {
    const [before, after] = [expected.get(clbit) ?? 0, found.get(clbit) ?? 0];
    if (before !== after)
      return `classical bit ${clbit} is measured ${after} times in the place of ${before}`;
  }
  return null;
}

/** How many measurements into each classical bit stand in a circuit and its bodies. */
function countWrites(circuit: Circuit, writes = new Map<number, number>()): ReadonlyMap<number, number> {
  circuit.forEach((instruction) => {
    if (isControlFlow(instruction)) for (const body of bodiesOf(instruction)) countWrites(body, writes);
    else if (instruction.kind === 'measure') {
      writes.set(instruction.clbit, (writes.get(instruction.clbit) ?? 0) + 1);
    }
  });
  return writes;
}
