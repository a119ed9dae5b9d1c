import { expandGate } from '../../circuit/expand-gate.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import { gateMatrix } from '../../circuit/gate-matrix.ts';
import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { multiControlledPhase, multiControlledX, parityAngles } from '../translation/multi-controlled.ts';
import { followedBy, rotationAbout, rotationOfGate } from '../translation/rotation.ts';
import { doubleExcitation } from '../translation/two-qubit-rules.ts';
import { collectPhases } from './collect-phases.ts';
import type { InteractionBuilder } from './interaction-builder.ts';

/** An axis of the Bloch sphere. */
type Axis = readonly [number, number, number];
const X: Axis = [1, 0, 0];
const Y: Axis = [0, 1, 0];
const Z: Axis = [0, 0, 1];
/** Of a Hadamard gate. */
const BISECTOR: Axis = [Math.SQRT1_2, 0, Math.SQRT1_2];

type Qubits = readonly number[];
type Angles = readonly ParameterValue[];
type Rule = (collector: GateCollector, qubits: Qubits, angles: Angles) => void;

/** A controlled turn about an axis: without angle of its own, or with the gate's. */
const controlled =
  (axis: Axis, withPhase: boolean, angle?: number): Rule =>
  (collector, [control, target], angles) =>
    collector.controlledTurn(control!, target!, axis, angle ?? angles[0]!, withPhase);

const ising =
  (first: Axis, second: Axis): Rule =>
  ({ builder }, [a, b], [angle]) =>
    builder.core(a!, b!, [...first, ...second], scaleAngle(angle!, -0.5));

const axisTurn =
  (axis: Axis): Rule =>
  (collector, [qubit], [angle]) =>
    collector.turn(qubit!, axis, angle!);

const controlledU: Rule = (collector, qubits, [theta, phi, lambda, gamma = 0]) =>
  collector.controlledU(qubits, theta!, phi!, lambda!, gamma);

/** What each gate is made of; one-qubit gates with numbers are not asked here. */
const RULES: Readonly<Record<string, Rule>> = {
  global_phase: () => {},
  p: axisTurn(Z),
  u1: axisTurn(Z),
  rz: axisTurn(Z),
  rx: axisTurn(X),
  ry: axisTurn(Y),
  u: (collector, [qubit], [theta, phi, lambda]) => collector.eulerTurn(qubit!, theta!, phi!, lambda!),
  u3: (collector, [qubit], [theta, phi, lambda]) => collector.eulerTurn(qubit!, theta!, phi!, lambda!),
  u2: (collector, [qubit], [phi, lambda]) => collector.eulerTurn(qubit!, Math.PI / 2, phi!, lambda!),
  r: (collector, [qubit], [theta, phi]) => {
    collector.turn(qubit!, Z, scaleAngle(phi!, -1));
    collector.turn(qubit!, X, theta!);
    collector.turn(qubit!, Z, phi!);
  },
  cx: controlled(X, true, Math.PI),
  cy: controlled(Y, true, Math.PI),
  cz: controlled(Z, true, Math.PI),
  ch: controlled(BISECTOR, true, Math.PI),
  cs: controlled(Z, true, Math.PI / 2),
  csdg: controlled(Z, true, -Math.PI / 2),
  csx: controlled(X, true, Math.PI / 2),
  cp: controlled(Z, true),
  cu1: controlled(Z, true),
  crx: controlled(X, false),
  cry: controlled(Y, false),
  crz: controlled(Z, false),
  cu: controlledU,
  cu3: controlledU,
  rxx: ising(X, X),
  ryy: ising(Y, Y),
  rzz: ising(Z, Z),
  rzx: ising(Z, X),
  swap: ({ builder }, [a, b]) => builder.swap(a!, b!),
  iswap: ({ builder }, [a, b]) => {
    builder.core(a!, b!, [...X, ...X], Math.PI / 4);
    builder.core(a!, b!, [...Y, ...Y], Math.PI / 4);
  },
  xx_plus_yy: (collector, qubits, [theta, beta]) => collector.planeTurn(qubits, theta!, beta!),
  single_excitation: (collector, qubits, [theta]) => collector.planeTurn(qubits, theta!, -Math.PI / 2),
  xx_minus_yy: (collector, [a, b], [theta, beta]) => {
    collector.turn(b!, X, Math.PI);
    collector.planeTurn([a!, b!], theta!, scaleAngle(beta!, -1));
    collector.turn(b!, X, Math.PI);
  },
  double_excitation: (collector, qubits, [angle]) => collector.collectSteps(doubleExcitation(angle!), qubits),
  ccz: ({ builder }, [a, b, c]) => builder.ccz([a!, b!, c!]),
  ccx: (collector, [a, b, target]) => collector.toffoli(a!, b!, target!),
  cswap: (collector, [control, a, b]) => {
    collector.collect('cx', [b!, a!], []);
    collector.toffoli(control!, a!, b!);
    collector.collect('cx', [b!, a!], []);
  },
  mcx: (collector, qubits) => collector.multiControlledX(qubits.slice(0, -1), qubits.at(-1)!),
  c3x: (collector, qubits) => collector.multiControlledX(qubits.slice(0, -1), qubits.at(-1)!),
  c4x: (collector, qubits) => collector.multiControlledX(qubits.slice(0, -1), qubits.at(-1)!),
  c3sx: (collector, qubits) => {
    collector.collect('h', [qubits[3]!], []);
    collector.multiControlledPhase(qubits, Math.PI / 2);
    collector.collect('h', [qubits[3]!], []);
  },
  mcp: (collector, qubits, [angle]) => collector.multiControlledPhase(qubits, angle!),
};

/** Gates with angles that are best one matrix where the angles are numbers. */
const MATRIX_GATES = new Set(['xx_plus_yy', 'xx_minus_yy', 'single_excitation']);

/** Writes gates of the library into an interaction builder. */
export class GateCollector {
  readonly builder: InteractionBuilder;
  readonly #borrow: (qubits: Qubits) => Qubits;

  /** @param borrow qubits that a gate on the given ones may use for a while, whatever they hold, the best first. */
  constructor(builder: InteractionBuilder, borrow: (qubits: Qubits) => Qubits) {
    this.builder = builder;
    this.#borrow = borrow;
  }

  /** A gate by name. */
  collect(name: string, qubits: Qubits, angles: Angles): void {
    const isNumeric = angles.every((angle) => typeof angle === 'number');
    if (qubits.length === 1 && isNumeric) {
      if (name !== 'id') this.builder.rotate(qubits[0]!, rotationOfGate(name, angles as number[]));
      return;
    }
    if (isNumeric && MATRIX_GATES.has(name)) {
      this.builder.block(qubits[0]!, qubits[1]!, gateMatrix(name, angles as number[]));
      return;
    }
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    if (rule !== undefined) {
      rule(this, qubits, angles);
      return;
    }
    this.collectSteps(expandGate(name, angles, qubits.length)!, qubits);
  }

  /** Gates on positions in a list of qubits. */
  collectSteps(steps: readonly GateStep[], qubits: Qubits): void {
    for (const { name, positions, parameters } of steps) {
      const own = positions.map((position) => qubits[position]!);
      this.collect(name, own, parameters);
    }
  }

  /** `exp(-i angle n.sigma / 2)`. */
  turn(qubit: number, axis: Axis, angle: ParameterValue): void {
    this.builder.rotateAbout(qubit, axis, scaleAngle(angle, -0.5));
  }

  /** `u(theta, phi, lambda)`. */
  eulerTurn(qubit: number, theta: ParameterValue, phi: ParameterValue, lambda: ParameterValue): void {
    this.turn(qubit, Z, lambda);
    this.turn(qubit, Y, theta);
    this.turn(qubit, Z, phi);
  }

  /** `exp(-i angle n.sigma / 2)` where the control is 1, or with the phase `e^(i angle / 2)` too: a core and turns. */
  controlledTurn(
    control: number,
    target: number,
    axis: Axis,
    angle: ParameterValue,
    withPhase: boolean,
  ): void {
    this.turn(target, axis, scaleAngle(angle, 0.5));
    this.builder.core(control, target, [...Z, ...axis], scaleAngle(angle, 0.25));
    if (withPhase) this.turn(control, Z, scaleAngle(angle, 0.5));
  }

  /** `e^(i gamma) u(theta, phi, lambda)` under a control: a core where the axis is known, else two cx. */
  controlledU(
    [control, target]: Qubits,
    ...[theta, phi, lambda, gamma]: readonly [ParameterValue, ParameterValue, ParameterValue, ParameterValue]
  ): void {
    const halfSum = scaleAngle(addAngles(phi, lambda), 0.5);
    this.turn(control!, Z, addAngles(halfSum, gamma));
    if (typeof theta === 'number' && typeof phi === 'number' && typeof lambda === 'number') {
      const inner = followedBy(rotationAbout('z', lambda), rotationAbout('y', theta));
      const { w, x, y, z } = followedBy(inner, rotationAbout('z', phi));
      const sine = Math.hypot(x, y, z);
      if (sine === 0 && w > 0) return;
      const axis: Axis = sine === 0 ? Z : [x / sine, y / sine, z / sine];
      this.controlledTurn(control!, target!, axis, 2 * Math.atan2(sine, w), false);
      return;
    }
    // qelib1.inc: what the two cx leave alone without the control undoes itself.
    this.turn(target!, Z, scaleAngle(addAngles(lambda, scaleAngle(phi, -1)), 0.5));
    this.collect('cx', [control!, target!], []);
    this.turn(target!, Z, scaleAngle(halfSum, -1));
    this.turn(target!, Y, scaleAngle(theta, -0.5));
    this.collect('cx', [control!, target!], []);
    this.turn(target!, Y, scaleAngle(theta, 0.5));
    this.turn(target!, Z, phi);
  }

  /**
   * `exp(-i theta (XX + YY) / 4)` with its second qubit turned by beta about Z, `xx_plus_yy`: with Y turned to Z, both terms are
   * one-qubit rotations between two cx.
   */
  planeTurn([a, b]: Qubits, theta: ParameterValue, beta: ParameterValue): void {
    this.turn(b!, Z, scaleAngle(beta, -1));
    for (const qubit of [a!, b!]) this.turn(qubit, X, Math.PI / 2);
    this.collect('cx', [a!, b!], []);
    this.turn(a!, X, scaleAngle(theta, 0.5));
    this.turn(b!, Z, scaleAngle(theta, 0.5));
    this.collect('cx', [a!, b!], []);
    for (const qubit of [a!, b!]) this.turn(qubit, X, -Math.PI / 2);
    this.turn(b!, Z, beta);
  }

  toffoli(a: number, b: number, target: number): void {
    this.collect('h', [target], []);
    this.builder.ccz([a, b, target]);
    this.collect('h', [target], []);
  }

  /** X on the target where all controls are 1. */
  multiControlledX(controls: Qubits, target: number): void {
    this.#collectControlled(multiControlledX(controls, target, this.#lend([...controls, target])));
  }

  /** `e^(i angle)` where all qubits are 1. */
  multiControlledPhase(qubits: Qubits, angle: ParameterValue): void {
    this.#collectControlled(multiControlledPhase(qubits, angle, this.#lend(qubits)));
  }

  #lend(qubits: Qubits): Qubits {
    return qubits.length > 3 ? this.#borrow(qubits) : [];
  }

  #collectControlled(steps: readonly GateStep[]): void {
    for (const { name, positions, parameters } of steps) {
      if (name !== 'mcp') this.collect(name, positions, parameters);
      else collectPhases(this.builder, positions, parityAngles(parameters[0]!, positions.length));
    }
  }
}
