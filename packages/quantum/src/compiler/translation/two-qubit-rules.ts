/** @file Two-qubit gates that are more than one `rzz`, and gates on more qubits, in terms of simpler ones, up to a global phase. */
import { expandGate, step } from '../../circuit/expand-gate.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';

type Rule = (...parameters: ParameterValue[]) => readonly GateStep[];

const half = (angle: ParameterValue) => scaleAngle(angle, 0.5);
const minus = (angle: ParameterValue) => scaleAngle(angle, -1);

/**
 * `exp(-i (alpha XX + beta YY) / 2)`: with YY brought to ZZ, cx makes both of them rotations of one qubit. With `iswap` its two
 * copies do the same, and the rotations are about X.
 */
function exchange(alpha: ParameterValue, beta: ParameterValue, hasIswap: boolean): GateStep[] {
  const [toZ, fromZ] = [
    [step('sx', [0]), step('sx', [1])],
    [step('sxdg', [0]), step('sxdg', [1])],
  ];
  if (!hasIswap) {
    const core = [step('rx', [0], alpha), step('rz', [1], beta)];
    return [...toZ, step('cx', [0, 1]), ...core, step('cx', [0, 1]), ...fromZ];
  }
  // iswap takes X of the first qubit to Z (x) Y and X of the second one to Y (x) Z; its inverse is iswap with Z on both qubits.
  return [
    ...[...toZ, step('h', [0]), step('s', [0]), step('s', [1]), step('z', [0]), step('z', [1])],
    ...[step('iswap', [0, 1]), step('rx', [0], alpha), step('rx', [1], beta), step('iswap', [0, 1])],
    ...[step('sdg', [0]), step('h', [0]), step('sdg', [1]), ...fromZ],
  ];
}

/** `xx_plus_yy` about axes turned by `beta`; the second qubit carries the turn. */
const plus = (theta: ParameterValue, beta: ParameterValue, hasIswap: boolean): GateStep[] => [
  ...[step('rz', [1], minus(beta)), ...exchange(half(theta), half(theta), hasIswap), step('rz', [1], beta)],
];

/** Controlled `u` with two cx (qelib1.inc's cu3). */
const controlledU: Rule = (theta, phi, lambda) => {
  const [sum, difference] = [addAngles(phi!, lambda!), addAngles(lambda!, minus(phi!))];
  return [
    ...[step('p', [0], half(sum)), step('p', [1], half(difference)), step('cx', [0, 1])],
    ...[step('u', [1], scaleAngle(theta!, -0.5), 0, scaleAngle(sum, -0.5)), step('cx', [0, 1])],
    step('u', [1], half(theta!), phi!, 0),
  ];
};

const CCX: readonly GateStep[] = [
  ...[step('h', [2]), step('cx', [1, 2]), step('tdg', [2]), step('cx', [0, 2]), step('t', [2])],
  ...[step('cx', [1, 2]), step('tdg', [2]), step('cx', [0, 2]), step('t', [1]), step('t', [2])],
  ...[step('h', [2]), step('cx', [0, 1]), step('t', [0]), step('tdg', [1]), step('cx', [0, 1])],
];

/** PennyLane's 14 cx for the double excitation (Anselmetti et al., New J. Phys. 23 (2021) 113010). */
export function doubleExcitation(angle: ParameterValue): readonly GateStep[] {
  const ry = (qubit: number, sign: 1 | -1) => step('ry', [qubit], scaleAngle(angle, sign / 8));
  const cx = (control: number, target: number) => step('cx', [control, target]);
  return [
    ...[cx(2, 3), cx(0, 2), step('h', [3]), step('h', [0]), cx(2, 3), cx(0, 1), ry(1, 1), ry(0, -1)],
    ...[cx(0, 3), step('h', [3]), cx(3, 1), ry(1, 1), ry(0, -1), cx(2, 1), cx(2, 0), ry(1, -1), ry(0, 1)],
    ...[cx(3, 1), step('h', [3]), cx(0, 3), ry(1, -1), ry(0, 1), cx(0, 1), cx(2, 0)],
    ...[step('h', [0]), step('h', [3]), cx(0, 2), cx(2, 3)],
  ];
}

const RULES: Readonly<Record<string, Rule>> = {
  cu3: controlledU,
  cu: (theta, phi, lambda, gamma) => [step('p', [0], gamma!), ...controlledU(theta!, phi!, lambda!)],
  dcx: () => [step('cx', [0, 1]), step('cx', [1, 0])],
  swap: () => [step('cx', [0, 1]), step('cx', [1, 0]), step('cx', [0, 1])],
  iswap: () => [
    ...[step('s', [0]), step('s', [1]), step('h', [0])],
    ...[step('cx', [0, 1]), step('cx', [1, 0]), step('h', [1])],
  ],
  xx_plus_yy: (theta, beta) => plus(theta!, beta!, false),
  xx_minus_yy: (theta, beta) => [...[step('x', [1]), ...plus(theta!, minus(beta!), false), step('x', [1])]],
  single_excitation: (angle) => plus(angle!, -Math.PI / 2, false),
  double_excitation: (angle) => doubleExcitation(angle!),
  ccx: () => CCX,
  ccz: () => [step('h', [2]), step('ccx', [0, 1, 2]), step('h', [2])],
  cswap: () => [step('cx', [2, 1]), step('ccx', [0, 1, 2]), step('cx', [2, 1])],
};

/** Rules of bases that have iswap. */
const ISWAP_RULES: Readonly<Record<string, Rule>> = {
  dcx: () => [...[step('h', [0]), step('sdg', [0]), step('sdg', [1]), step('iswap', [0, 1]), step('h', [1])]],
  swap: () => [step('sdg', [0]), step('sdg', [1]), step('cz', [0, 1]), step('iswap', [0, 1])],
  xx_plus_yy: (theta, beta) => plus(theta!, beta!, true),
  xx_minus_yy: (theta, beta) => [...[step('x', [1]), ...plus(theta!, minus(beta!), true), step('x', [1])]],
  single_excitation: (angle) => plus(angle!, -Math.PI / 2, true),
};

/** How a basis makes a gate that it does not have. */
export interface TwoQubitOptions {
  /** iswap is there, or something that makes it at once. */
  readonly hasIswap: boolean;
}

/** A gate on two or more qubits that has no `ZzForm`, as simpler gates; null for mcp, which has too many. */
export function decomposeGate(
  name: string,
  parameters: readonly ParameterValue[],
  qubitCount: number,
  { hasIswap }: TwoQubitOptions,
): readonly GateStep[] | null {
  const rule = (hasIswap ? ISWAP_RULES[name] : undefined) ?? RULES[name];
  return rule?.(...parameters) ?? expandGate(name, parameters, qubitCount);
}

/** `rzz(angle)` of any angle with two iswap. */
export function zzOfIswaps(angle: ParameterValue): GateStep[] {
  // exchange without the part along XX, its YY brought to ZZ.
  return [
    ...[step('sxdg', [0]), step('sxdg', [1])],
    ...exchange(0, angle, true),
    ...[step('sx', [0]), step('sx', [1])],
  ];
}
