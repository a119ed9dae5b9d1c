import { encodeRecord } from '../../circuit/circuit-data.ts';
import type { OutcomeBranch } from './branch-enumeration.ts';

/** A mixture of pure states with classical memory, some wires of which are measured at the very end. */
export interface MeasuredMixture {
  readonly branches: readonly OutcomeBranch[];
  /** For each amplitude's index where it stands in an order that both mixtures share. */
  readonly indexOrder: Uint32Array;
  /** For each amplitude's index the outcome of the measurements at the end, as a number. */
  readonly outcomeOf: Uint32Array;
}

/** How mixtures are compared. */
export interface DistanceOptions {
  /** Classical bits and variables that tell branches apart. */
  readonly clbits: readonly number[];
  readonly variables: readonly string[];
  readonly outcomeCount: number;
  readonly compare: 'state' | 'measurements';
}

/** Multiplications of amplitudes beyond which mixtures are not compared: seconds. */
const MOST_WORK = 2 ** 31;

/**
 * `1 - 2 Tr(rho sigma) / (Tr rho^2 + Tr sigma^2)` of two mixtures, classical results included: 0 exactly for equal ones, `1 - |<a|b>|^2`
 * for pure states. For `measurements` the total variation distance of the classical results, half the sum of all differences.
 *
 * @returns null when there are too many branches to compare.
 */
export function mixtureDistance(
  expected: MeasuredMixture,
  found: MeasuredMixture,
  options: DistanceOptions,
): number | null {
  const [left, right] = [groupBranches(expected, options), groupBranches(found, options)];
  const keys = [...new Set([...left.keys(), ...right.keys()])];
  const pairs = keys.map((key) => [left.get(key) ?? [], right.get(key) ?? []] as const);
  if (options.compare === 'measurements') {
    const differences = pairs.map(([a, b]) => {
      const p = outcomeProbabilities(a, expected, options.outcomeCount);
      const q = outcomeProbabilities(b, found, options.outcomeCount);
      return p.reduce((sum, value, outcome) => sum + Math.abs(value - q[outcome]!), 0);
    });
    return differences.reduce((sum, difference) => sum + difference / 2, 0);
  }
  const work = pairs.reduce((sum, [a, b]) => sum + (a.length + b.length) ** 2, 0);
  if (work * expected.indexOrder.length > MOST_WORK) return null;
  let [cross, purities] = [0, 0];
  for (const [a, b] of pairs) {
    cross += overlap(a, expected, b, found, options);
    purities += overlap(a, expected, a, expected, options) + overlap(b, found, b, found, options);
  }
  return Math.max(0, 1 - (2 * cross) / purities);
}

type Groups = ReadonlyMap<string, readonly OutcomeBranch[]>;

function groupBranches({ branches }: MeasuredMixture, { clbits, variables }: DistanceOptions): Groups {
  const groups = new Map<string, OutcomeBranch[]>();
  for (const branch of branches) {
    const bits = clbits.map((clbit) => branch.memory.bits[clbit]);
    const values = variables.map((name) => encodeRecord(branch.memory.read(name)));
    const key = JSON.stringify([bits, values]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [branch]);
    else group.push(branch);
  }
  return groups;
}

/** `Tr(rho sigma)` of two groups with the same classical memory. */
function overlap(
  left: readonly OutcomeBranch[],
  leftFrame: MeasuredMixture,
  right: readonly OutcomeBranch[],
  rightFrame: MeasuredMixture,
  { outcomeCount }: DistanceOptions,
): number {
  let sum = 0;
  for (const a of left) {
    for (const b of right)
      sum += a.weight * b.weight * blockOverlap(a, leftFrame, b, rightFrame, outcomeCount);
  }
  return sum;
}

/** The sum over outcomes of the squared overlap of what is left of two states after them. */
function blockOverlap(
  a: OutcomeBranch,
  { indexOrder: leftOrder, outcomeOf: leftOutcome }: MeasuredMixture,
  b: OutcomeBranch,
  { indexOrder: rightOrder, outcomeOf: rightOutcome }: MeasuredMixture,
  outcomeCount: number,
): number {
  const [re, im] = [new Float64Array(outcomeCount), new Float64Array(outcomeCount)];
  const [left, right] = [a.amplitudes, b.amplitudes];
  for (let position = 0; position < leftOrder.length; position++) {
    const [i, j] = [leftOrder[position]!, rightOrder[position]!];
    const outcome = leftOutcome[i]!;
    // Different results on record are orthogonal.
    if (outcome !== rightOutcome[j]!) continue;
    const [ar, ai, br, bi] = [left[2 * i]!, left[2 * i + 1]!, right[2 * j]!, right[2 * j + 1]!];
    re[outcome]! += ar * br + ai * bi;
    im[outcome]! += ar * bi - ai * br;
  }
  return re.reduce((sum, value, outcome) => sum + value * value + im[outcome]! * im[outcome]!, 0);
}

function outcomeProbabilities(
  branches: readonly OutcomeBranch[],
  { outcomeOf }: MeasuredMixture,
  outcomeCount: number,
): Float64Array {
  const probabilities = new Float64Array(outcomeCount);
  for (const { amplitudes, weight } of branches) {
    for (let i = 0; i < outcomeOf.length; i++) {
      probabilities[outcomeOf[i]!]! += weight * (amplitudes[2 * i]! ** 2 + amplitudes[2 * i + 1]! ** 2);
    }
  }
  return probabilities;
}
