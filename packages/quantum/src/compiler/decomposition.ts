import { expandGate } from '../circuit/expand-gate.ts';
import type { GateStep } from '../circuit/gate-definition.ts';
import { type ParameterValue, scaleAngle, shiftAngle } from '../circuit/parameter.ts';

/** Shorthand for a step of a decomposition. */
const step = (name: string, positions: readonly number[], ...parameters: ParameterValue[]): GateStep => ({
  name,
  positions,
  parameters,
});

type Rule = (...parameters: ParameterValue[]) => readonly GateStep[];
const half = (angle: ParameterValue) => scaleAngle(angle, 0.5);
const minusHalf = (angle: ParameterValue) => scaleAngle(angle, -0.5);

/**
 * Gates on two and three qubits in terms of cx and one-qubit gates, up to a global phase (Barenco et al., Phys. Rev. A 52 (1995)
 * 3457, and OpenQASM's qelib1.inc).
 */
const MULTI_QUBIT_RULES: Readonly<Record<string, Rule>> = {
  cy: () => [step('sdg', [1]), step('cx', [0, 1]), step('s', [1])],
  cz: () => [step('h', [1]), step('cx', [0, 1]), step('h', [1])],
  ch: () => [
    ...[step('s', [1]), step('h', [1]), step('t', [1]), step('cx', [0, 1])],
    ...[step('tdg', [1]), step('h', [1]), step('sdg', [1])],
  ],
  cp: (angle) => [
    ...[step('p', [0], half(angle!)), step('cx', [0, 1]), step('p', [1], minusHalf(angle!))],
    ...[step('cx', [0, 1]), step('p', [1], half(angle!))],
  ],
  crx: (angle) => [step('h', [1]), step('crz', [0, 1], angle!), step('h', [1])],
  cry: (angle) => [
    ...[step('ry', [1], half(angle!)), step('cx', [0, 1])],
    ...[step('ry', [1], minusHalf(angle!)), step('cx', [0, 1])],
  ],
  crz: (angle) => [
    ...[step('rz', [1], half(angle!)), step('cx', [0, 1])],
    ...[step('rz', [1], minusHalf(angle!)), step('cx', [0, 1])],
  ],
  swap: () => [step('cx', [0, 1]), step('cx', [1, 0]), step('cx', [0, 1])],
  iswap: () => [
    ...[step('s', [0]), step('s', [1]), step('h', [0])],
    ...[step('cx', [0, 1]), step('cx', [1, 0]), step('h', [1])],
  ],
  ecr: () => [step('s', [0]), step('sx', [1]), step('cx', [0, 1]), step('x', [0])],
  rxx: (angle) => [
    ...[step('h', [0]), step('h', [1]), step('rzz', [0, 1], angle!)],
    ...[step('h', [0]), step('h', [1])],
  ],
  ryy: (angle) => [
    ...[step('sx', [0]), step('sx', [1]), step('rzz', [0, 1], angle!)],
    ...[step('sxdg', [0]), step('sxdg', [1])],
  ],
  rzz: (angle) => [step('cx', [0, 1]), step('rz', [1], angle!), step('cx', [0, 1])],
  ccx: () => [
    ...[step('h', [2]), step('cx', [1, 2]), step('tdg', [2]), step('cx', [0, 2]), step('t', [2])],
    ...[step('cx', [1, 2]), step('tdg', [2]), step('cx', [0, 2]), step('t', [1]), step('t', [2])],
    ...[step('h', [2]), step('cx', [0, 1]), step('t', [0]), step('tdg', [1]), step('cx', [0, 1])],
  ],
  cswap: () => [step('cx', [2, 1]), step('ccx', [0, 1, 2]), step('cx', [2, 1])],
};

/** CX in terms of the other native two-qubit gates. */
export const CX_RULES: Readonly<Record<'cz' | 'ecr', readonly GateStep[]>> = {
  cz: [step('h', [1]), step('cz', [0, 1]), step('h', [1])],
  ecr: [step('x', [0]), step('ecr', [0, 1]), step('sx', [1]), step('s', [0])],
};

/** One-qubit gates with an angle as `u`, so that a free parameter survives. */
const ONE_QUBIT_RULES: Readonly<Record<string, Rule>> = {
  p: (angle) => [step('rz', [0], angle!)],
  rx: (angle) => [step('u', [0], angle!, -Math.PI / 2, Math.PI / 2)],
  ry: (angle) => [step('u', [0], angle!, 0, 0)],
  // u(theta, phi, lambda) = rz(phi + pi) sx rz(theta + pi) sx rz(lambda), the rightmost first (McKay et al., arXiv 1612.00858).
  u: (theta, phi, lambda) => [
    ...[step('rz', [0], lambda!), step('sx', [0]), step('rz', [0], shiftAngle(theta!, Math.PI))],
    ...[step('sx', [0]), step('rz', [0], shiftAngle(phi!, Math.PI))],
  ],
};

/** A gate on two or more qubits as simpler gates, down to cx and mcp; null where there is no rule (cx and mcp themselves). */
export function decomposeMultiQubitGate(
  name: string,
  parameters: readonly ParameterValue[],
  qubitCount: number,
): readonly GateStep[] | null {
  return MULTI_QUBIT_RULES[name]?.(...parameters) ?? expandGate(name, parameters, qubitCount);
}

/** A one-qubit gate with angles as rz, sx, p and u; null for gates without angles and for rz. */
export function decomposeRotation(
  name: string,
  parameters: readonly ParameterValue[],
): readonly GateStep[] | null {
  return ONE_QUBIT_RULES[name]?.(...parameters) ?? expandGate(name, parameters, 1);
}
