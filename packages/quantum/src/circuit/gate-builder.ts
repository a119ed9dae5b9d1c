import type { GateName } from './gate-definition.ts';
import type { ParameterValue } from './parameter.ts';

/**
 * A method for every gate of the library. Angles are radians and come before the qubits; controls come before targets. Matrices
 * are those of {@link gateMatrix}.
 */
export abstract class GateBuilder {
  /** Appends a gate by name. */
  abstract gate(name: GateName, qubits: readonly number[], parameters?: readonly ParameterValue[]): this;

  /** Multiplies the state by `e^(i angle)`. */
  globalPhase(angle: ParameterValue): this {
    return this.gate('global_phase', [], [angle]);
  }
  id(qubit: number): this {
    return this.gate('id', [qubit]);
  }
  x(qubit: number): this {
    return this.gate('x', [qubit]);
  }
  y(qubit: number): this {
    return this.gate('y', [qubit]);
  }
  z(qubit: number): this {
    return this.gate('z', [qubit]);
  }
  h(qubit: number): this {
    return this.gate('h', [qubit]);
  }
  s(qubit: number): this {
    return this.gate('s', [qubit]);
  }
  sdg(qubit: number): this {
    return this.gate('sdg', [qubit]);
  }
  t(qubit: number): this {
    return this.gate('t', [qubit]);
  }
  tdg(qubit: number): this {
    return this.gate('tdg', [qubit]);
  }
  /** The square root of X. */
  sx(qubit: number): this {
    return this.gate('sx', [qubit]);
  }
  sxdg(qubit: number): this {
    return this.gate('sxdg', [qubit]);
  }
  /** `diag(1, e^(i angle))`. */
  p(angle: ParameterValue, qubit: number): this {
    return this.gate('p', [qubit], [angle]);
  }
  /** `exp(-i angle X / 2)`. */
  rx(angle: ParameterValue, qubit: number): this {
    return this.gate('rx', [qubit], [angle]);
  }
  /** `exp(-i angle Y / 2)`. */
  ry(angle: ParameterValue, qubit: number): this {
    return this.gate('ry', [qubit], [angle]);
  }
  /** `exp(-i angle Z / 2)`. */
  rz(angle: ParameterValue, qubit: number): this {
    return this.gate('rz', [qubit], [angle]);
  }
  /** `exp(-i theta (cos(phi) X + sin(phi) Y) / 2)`. */
  r(theta: ParameterValue, phi: ParameterValue, qubit: number): this {
    return this.gate('r', [qubit], [theta, phi]);
  }
  /** OpenQASM's general one-qubit gate: `p(phi) ry(theta) p(lambda)`, the rightmost applied first. */
  u(theta: ParameterValue, phi: ParameterValue, lambda: ParameterValue, qubit: number): this {
    return this.gate('u', [qubit], [theta, phi, lambda]);
  }
  /** The old name of `p`. */
  u1(angle: ParameterValue, qubit: number): this {
    return this.gate('u1', [qubit], [angle]);
  }
  /** `u(pi/2, phi, lambda)`. */
  u2(phi: ParameterValue, lambda: ParameterValue, qubit: number): this {
    return this.gate('u2', [qubit], [phi, lambda]);
  }
  /** The old name of `u`. */
  u3(theta: ParameterValue, phi: ParameterValue, lambda: ParameterValue, qubit: number): this {
    return this.gate('u3', [qubit], [theta, phi, lambda]);
  }

  cx(control: number, target: number): this {
    return this.gate('cx', [control, target]);
  }
  cy(control: number, target: number): this {
    return this.gate('cy', [control, target]);
  }
  cz(a: number, b: number): this {
    return this.gate('cz', [a, b]);
  }
  ch(control: number, target: number): this {
    return this.gate('ch', [control, target]);
  }
  cs(a: number, b: number): this {
    return this.gate('cs', [a, b]);
  }
  csdg(a: number, b: number): this {
    return this.gate('csdg', [a, b]);
  }
  csx(control: number, target: number): this {
    return this.gate('csx', [control, target]);
  }
  cp(angle: ParameterValue, a: number, b: number): this {
    return this.gate('cp', [a, b], [angle]);
  }
  /** The old name of `cp`. */
  cu1(angle: ParameterValue, a: number, b: number): this {
    return this.gate('cu1', [a, b], [angle]);
  }
  crx(angle: ParameterValue, control: number, target: number): this {
    return this.gate('crx', [control, target], [angle]);
  }
  cry(angle: ParameterValue, control: number, target: number): this {
    return this.gate('cry', [control, target], [angle]);
  }
  crz(angle: ParameterValue, control: number, target: number): this {
    return this.gate('crz', [control, target], [angle]);
  }
  /** Controlled `e^(i gamma) u(theta, phi, lambda)`; the angles are `[theta, phi, lambda, gamma]`. */
  cu(
    angles: readonly [ParameterValue, ParameterValue, ParameterValue, ParameterValue],
    control: number,
    target: number,
  ): this {
    return this.gate('cu', [control, target], angles);
  }
  /** Controlled `u`; the angles are `[theta, phi, lambda]`. */
  cu3(
    angles: readonly [ParameterValue, ParameterValue, ParameterValue],
    control: number,
    target: number,
  ): this {
    return this.gate('cu3', [control, target], angles);
  }

  swap(a: number, b: number): this {
    return this.gate('swap', [a, b]);
  }
  iswap(a: number, b: number): this {
    return this.gate('iswap', [a, b]);
  }
  /** `cx(a, b)`, then `cx(b, a)`. */
  dcx(a: number, b: number): this {
    return this.gate('dcx', [a, b]);
  }
  /** The echoed cross-resonance gate `(IX - XY) / sqrt(2)`. */
  ecr(a: number, b: number): this {
    return this.gate('ecr', [a, b]);
  }
  /** `exp(-i angle XX / 2)`. */
  rxx(angle: ParameterValue, a: number, b: number): this {
    return this.gate('rxx', [a, b], [angle]);
  }
  /** `exp(-i angle YY / 2)`. */
  ryy(angle: ParameterValue, a: number, b: number): this {
    return this.gate('ryy', [a, b], [angle]);
  }
  /** `exp(-i angle ZZ / 2)`. */
  rzz(angle: ParameterValue, a: number, b: number): this {
    return this.gate('rzz', [a, b], [angle]);
  }
  /** `exp(-i angle ZX / 2)` with Z on `a` and X on `b`. */
  rzx(angle: ParameterValue, a: number, b: number): this {
    return this.gate('rzx', [a, b], [angle]);
  }
  /** `exp(-i theta (XX + YY) / 4)`, its axis turned by `beta`. */
  xxPlusYy(theta: ParameterValue, beta: ParameterValue, a: number, b: number): this {
    return this.gate('xx_plus_yy', [a, b], [theta, beta]);
  }
  /** `exp(-i theta (XX - YY) / 4)`, its axis turned by `beta`. */
  xxMinusYy(theta: ParameterValue, beta: ParameterValue, a: number, b: number): this {
    return this.gate('xx_minus_yy', [a, b], [theta, beta]);
  }
  /** A Givens rotation: `|01> -> cos(angle/2) |01> + sin(angle/2) |10>`, qubit `a` written first. */
  singleExcitation(angle: ParameterValue, a: number, b: number): this {
    return this.gate('single_excitation', [a, b], [angle]);
  }
  /** `|0011> -> cos(angle/2) |0011> + sin(angle/2) |1100>`, qubit `a` written first. */
  doubleExcitation(angle: ParameterValue, a: number, b: number, c: number, d: number): this {
    return this.gate('double_excitation', [a, b, c, d], [angle]);
  }

  ccx(controlA: number, controlB: number, target: number): this {
    return this.gate('ccx', [controlA, controlB, target]);
  }
  ccz(a: number, b: number, c: number): this {
    return this.gate('ccz', [a, b, c]);
  }
  cswap(control: number, a: number, b: number): this {
    return this.gate('cswap', [control, a, b]);
  }
  /** CCX up to phases, with three CX. */
  rccx(a: number, b: number, target: number): this {
    return this.gate('rccx', [a, b, target]);
  }
  c3x(controlA: number, controlB: number, controlC: number, target: number): this {
    return this.gate('c3x', [controlA, controlB, controlC, target]);
  }
  c3sx(controlA: number, controlB: number, controlC: number, target: number): this {
    return this.gate('c3sx', [controlA, controlB, controlC, target]);
  }
  /** C3X up to phases, with six CX. */
  rcccx(a: number, b: number, c: number, target: number): this {
    return this.gate('rcccx', [a, b, c, target]);
  }
  c4x(...qubits: [number, number, number, number, number]): this {
    return this.gate('c4x', qubits);
  }
  /** X with any number of controls, at least one. */
  mcx(controls: readonly number[], target: number): this {
    return this.gate('mcx', [...controls, target]);
  }
  /** `e^(i angle)` where all controls and the target are 1. */
  mcp(angle: ParameterValue, controls: readonly number[], target: number): this {
    return this.gate('mcp', [...controls, target], [angle]);
  }
}
