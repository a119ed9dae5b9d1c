/**
 * @file X and phases under many controls as gates on one, two and three qubits, and phases on few qubits as rotations of parities.
 * Angles may have free parameters.
 */
import { step } from '../../circuit/expand-gate.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { walshHadamard } from './walsh-hadamard.ts';

/** A phase on so many qubits takes less cx as rotations of parities (2^n - 2) than by splitting off a controlled rotation. */
const MOST_PARITY_QUBITS = 6;
/** A sign on so many qubits takes less cx in that way (30) than with halves that borrow one qubit (38). */
const MOST_PARITY_SIGN_QUBITS = 5;
const TURN = 2 * Math.PI;

/**
 * X on a target where all controls are 1, by Toffoli gates. Spare qubits are borrowed: whatever they hold, they hold it again at the
 * end (Barenco et al., Phys. Rev. A 52 (1995) 3457). The number of cx grows with k where one qubit can be borrowed, with its square
 * where none can.
 *
 * @param spare other qubits in any state, the best first.
 * @returns gates on the qubits' own numbers. For `mcp` among them {@link expandPhases} is best.
 */
export function multiControlledX(
  controls: readonly number[],
  target: number,
  spare: readonly number[],
): GateStep[] {
  const count = controls.length;
  if (count === 0) return [step('x', [target])];
  if (count === 1) return [step('cx', [controls[0]!, target])];
  if (count === 2) return [step('ccx', [...controls, target])];
  if (spare.length >= count - 2) return chain(controls, target, spare);
  if (spare.length > 0 && count >= MOST_PARITY_SIGN_QUBITS) return halves(controls, target, spare);
  const phase = multiControlledPhase([...controls, target], Math.PI, spare);
  return [step('h', [target]), ...phase, step('h', [target])];
}

/**
 * With k - 2 borrowed qubits: a ladder of Toffoli gates down and up, twice. But for those onto the target they may have relative
 * phases, since each meets its inverse; then of two that enclose what is below, half of the gates cancel (Iten, Colbeck, Kukuljan,
 * Home, Christandl, Phys. Rev. A 93 (2016) 032318, lemma 8). 8 k - 6 cx, or 8 k - 10 where the two onto the target become a pair.
 */
function chain(controls: readonly number[], target: number, spare: readonly number[]): GateStep[] {
  const last = controls.length - 1;
  const round = [step('ccx', [controls[last]!, spare[last - 2]!, target])];
  for (let i = last - 1; i > 1; i--) round.push(...enter(controls[i]!, spare[i - 2]!, spare[i - 1]!));
  round.push(step('rccx', [controls[0]!, controls[1]!, spare[0]!]));
  for (let i = 2; i < last; i++) round.push(...leave(controls[i]!, spare[i - 2]!, spare[i - 1]!));
  return [...round, ...round];
}

/** The first half of a Toffoli gate with relative phases, up to where its second control acts. */
function enter(control: number, below: number, target: number): GateStep[] {
  const onto = [step('h', [target]), step('t', [target]), step('cx', [control, target])];
  return [...onto, step('tdg', [target]), step('cx', [below, target])];
}

/** The second half. */
function leave(control: number, below: number, target: number): GateStep[] {
  const onto = [step('cx', [below, target]), step('t', [target]), step('cx', [control, target])];
  return [...onto, step('tdg', [target]), step('h', [target])];
}

/** Lemma 7.3: half of the controls go to one borrowed qubit, twice; each half borrows from the other. */
function halves(
  controls: readonly number[],
  target: number,
  [middle, ...others]: readonly number[],
): GateStep[] {
  const half = Math.ceil(controls.length / 2);
  const [first, rest] = [controls.slice(0, half), controls.slice(half)];
  const round = [
    ...multiControlledX(first, middle!, [...rest, target, ...others]),
    ...multiControlledX([...rest, middle!], target, [...first, ...others]),
  ];
  return [...round, ...round];
}

/**
 * The phase `e^(i angle)` where all qubits are 1. Where none can be borrowed, phases of k qubits that are no sign need about 8 k^2 cx.
 *
 * @param spare as for {@link multiControlledX}.
 * @returns the same kind of gates.
 */
export function multiControlledPhase(
  qubits: readonly number[],
  angle: ParameterValue,
  spare: readonly number[],
): GateStep[] {
  if (qubits.length === 0) return [];
  const [others, target] = [qubits.slice(0, -1), qubits.at(-1)!];
  const isSign = typeof angle === 'number' && Math.abs(Math.abs(angle % TURN) - Math.PI) < 1e-12;
  if (qubits.length === 3 && isSign) return [step('ccz', qubits)];
  if (qubits.length > 3 && isSign && isWorthBorrowing(qubits.length, spare.length)) {
    return [step('h', [target]), ...multiControlledX(others, target, spare), step('h', [target])];
  }
  if (qubits.length <= MOST_PARITY_QUBITS) return [step('mcp', qubits, angle)];
  return [
    ...controlledRotation(others, target, angle, spare),
    ...multiControlledPhase(others, scaleAngle(angle, 0.5), [...spare, target]),
  ];
}

function isWorthBorrowing(qubitCount: number, spareCount: number): boolean {
  return qubitCount > MOST_PARITY_SIGN_QUBITS ? spareCount > 0 : spareCount >= qubitCount - 3;
}

/**
 * `exp(-i angle Z / 2)` where all controls are 1: four turns whose signs two halves of the controls flip, each half borrowing from
 * the other (Vale, Azevedo, Araujo, Araujo, da Silva, arXiv 2302.06377).
 */
function controlledRotation(
  controls: readonly number[],
  target: number,
  angle: ParameterValue,
  spare: readonly number[],
): GateStep[] {
  const half = Math.ceil(controls.length / 2);
  const [first, second] = [controls.slice(0, half), controls.slice(half)];
  const round = [
    step('rz', [target], scaleAngle(angle, 0.25)),
    ...multiControlledX(first, target, [...second, ...spare]),
    step('rz', [target], scaleAngle(angle, -0.25)),
    ...multiControlledX(second, target, [...first, ...spare]),
  ];
  return [...round, ...round];
}

/** The angles of {@link rotateParities} that make the phase `e^(i angle)` where all of so many qubits are 1. */
export function parityAngles(angle: ParameterValue, qubitCount: number): (subset: number) => ParameterValue {
  const share = 2 ** (1 - qubitCount);
  return (subset) => scaleAngle(angle, isOddSize(subset) ? share : -share);
}

function isOddSize(bits: number): boolean {
  let odd = false;
  for (let rest = bits; rest > 0; rest &= rest - 1) odd = !odd;
  return odd;
}

/** Steps with rotations of parities in place of each `mcp`: 2^n - 2 cx on n > 2 qubits. */
export function expandPhases(steps: readonly GateStep[]): GateStep[] {
  return steps.flatMap((one) => {
    if (one.name !== 'mcp') return [one];
    const { positions, parameters } = one;
    if (positions.length === 1) return [step('p', positions, ...parameters)];
    if (positions.length === 2) return [step('cp', positions, ...parameters)];
    return rotateParities(positions, parityAngles(parameters[0]!, positions.length));
  });
}

/**
 * `rz(angle(s))` of the parity of every subset `s` of the qubits. For each qubit, the subsets in which it is the last one, in
 * the order of a Gray code: one CX between two rotations.
 */
export function rotateParities(
  qubits: readonly number[],
  angle: (subset: number) => ParameterValue,
): GateStep[] {
  const steps: GateStep[] = [];
  qubits.forEach((target, last) => {
    const count = 2 ** last;
    for (let i = 0; i < count; i++) {
      const value = angle((i ^ (i >> 1)) | (1 << last));
      if (value !== 0) steps.push(step('rz', [target], value));
      // The bit in which this code and the next one differ; after the last code, its only bit.
      const changed = i + 1 < count ? 31 - Math.clz32((i + 1) & -(i + 1)) : last - 1;
      if (changed >= 0) steps.push(step('cx', [qubits[changed]!, target]));
    }
  });
  return steps;
}

/** Diagonal unitaries on more qubits take more than 2^12 rotations. */
export const MOST_DIAGONAL_QUBITS = 12;

/** A table of phases `[2^k]` by its Walsh-Hadamard transform. */
export function diagonalSteps(qubits: readonly number[], phases: Float64Array): GateStep[] {
  const weights = phases.map((phase) => phase / phases.length);
  walshHadamard(weights);
  if (qubits.length === 2) {
    const [z0, z1, zz] = [-2 * weights[1]!, -2 * weights[2]!, -2 * weights[3]!];
    return [step('rz', [qubits[0]!], z0), step('rz', [qubits[1]!], z1), step('rzz', qubits, zz)];
  }
  return rotateParities(qubits, (subset) => -2 * weights[subset]!);
}
