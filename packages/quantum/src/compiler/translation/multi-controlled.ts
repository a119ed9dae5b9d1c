/** @file X and phases under many controls as gates on one, two and three qubits. Angles may have free parameters. */
import { step } from '../../circuit/expand-gate.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';

/** Up to so many qubits a phase is spread over the parities of all subsets: 2^n - 2 cx, no other gate on two qubits. */
const MOST_PARITY_QUBITS = 5;

/**
 * X on a target where all controls are 1, up to no phase at all. The number of cx grows with the controls where there is a spare
 * qubit, with their square where there is none.
 *
 * @param spare other qubits in any state, which end as they began.
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
  if (count < MOST_PARITY_QUBITS - 1 || spare.length === 0) {
    const phase = multiControlledPhase([...controls, target], Math.PI, spare);
    return [step('h', [target]), ...phase, step('h', [target])];
  }
  if (spare.length >= count - 2) return chain(controls, target, spare);
  // Barenco et al., Phys. Rev. A 52 (1995) 3457, lemma 7.3: both halves twice, through one spare qubit.
  const ancilla = spare[0]!;
  const lower = controls.slice(0, Math.ceil(count / 2));
  const upper = [...controls.slice(lower.length), ancilla];
  const collect = multiControlledX(lower, ancilla, [...upper.slice(0, -1), target]);
  const apply = multiControlledX(upper, target, lower);
  return [...collect, ...apply, ...collect, ...apply];
}

/**
 * Lemma 7.2 of the same paper. The gates that collect controls in spare qubits may have relative phases, three cx each: they act
 * twice, and the phases depend on nothing that changes between (Maslov, Phys. Rev. A 93 (2016) 022311).
 */
function chain(controls: readonly number[], target: number, spare: readonly number[]): GateStep[] {
  const count = controls.length;
  const last = count - 3;
  const down: GateStep[] = [];
  for (let i = last; i > 0; i--) down.push(step('rccx', [controls[i + 1]!, spare[i - 1]!, spare[i]!]));
  const collect = [...down, step('rccx', [controls[0]!, controls[1]!, spare[0]!]), ...down.toReversed()];
  const apply = step('ccx', [controls[count - 1]!, spare[last]!, target]);
  return [apply, ...collect, apply, ...collect];
}

/** The phase `e^(i angle)` where all qubits are 1. */
export function multiControlledPhase(
  qubits: readonly number[],
  angle: ParameterValue,
  spare: readonly number[],
): GateStep[] {
  if (qubits.length === 0) return [];
  if (qubits.length === 1) return [step('p', qubits, angle)];
  if (qubits.length === 2) return [step('cp', qubits, angle)];
  if (qubits.length <= MOST_PARITY_QUBITS) {
    const share = 2 ** (1 - qubits.length);
    return rotateParities(qubits, (subset) => scaleAngle(angle, isOdd(subset) ? share : -share));
  }
  // Lemma 7.5: half of the angle on the last two qubits, before and after X by the others, and the other half without the last
  // control. The target is a spare qubit for that X.
  const [control, target] = qubits.slice(-2) as [number, number];
  const others = qubits.slice(0, -2);
  const flip = multiControlledX(others, control, [target, ...spare]);
  return [
    ...[step('cp', [control, target], scaleAngle(angle, 0.5)), ...flip],
    ...[step('cp', [control, target], scaleAngle(angle, -0.5)), ...flip],
    ...multiControlledPhase([...others, target], scaleAngle(angle, 0.5), [control, ...spare]),
  ];
}

function isOdd(bits: number): boolean {
  let odd = false;
  for (let rest = bits; rest > 0; rest &= rest - 1) odd = !odd;
  return odd;
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
  for (let bit = 1; bit < weights.length; bit *= 2) {
    for (let i = 0; i < weights.length; i++) {
      if (i & bit) continue;
      const [a, b] = [weights[i]!, weights[i | bit]!];
      weights[i] = a + b;
      weights[i | bit] = a - b;
    }
  }
  if (qubits.length === 2) {
    const [z0, z1, zz] = [-2 * weights[1]!, -2 * weights[2]!, -2 * weights[3]!];
    return [step('rz', [qubits[0]!], z0), step('rz', [qubits[1]!], z1), step('rzz', qubits, zz)];
  }
  return rotateParities(qubits, (subset) => -2 * weights[subset]!);
}
