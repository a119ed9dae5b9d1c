import { type GateStep, gateDefinition } from '../../circuit/gate-definition.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { type EulerBasis, on, ROUNDING_ANGLE, synthesizeRotation } from './euler-synthesis.ts';
import { FixedGateWords } from './fixed-gate-words.ts';
import {
  type Axis,
  NO_ROTATION,
  type Rotation,
  rotationDistance,
  rotationOfGate,
  wrapAngle,
} from './rotation.ts';
import { type AxisTurn, synthesizeTurns } from './two-axis-synthesis.ts';

/** The gates that each sequence needs. Of sequences of one length, the earlier one is taken: turns about Z often cost nothing. */
const NEEDED_GATES: readonly (readonly [EulerBasis, readonly string[]])[] = [
  ['U321', ['u1', 'u2', 'u3']],
  ['ZSXX', ['rz', 'sx', 'x']],
  ['ZSX', ['rz', 'sx']],
  ['PSX', ['p', 'sx']],
  ['U1X', ['u1', 'sx']],
  ['ZSXDG', ['rz', 'sxdg']],
  ['ZH', ['rz', 'h']],
  ['ZXZ', ['rz', 'rx']],
  ['ZYZ', ['rz', 'ry']],
  ['XYX', ['rx', 'ry']],
  ['XZX', ['rx', 'rz']],
  ['YXY', ['ry', 'rx']],
  ['YZY', ['ry', 'rz']],
  ['RR', ['r']],
  ['U', ['u']],
  ['U3', ['u3']],
];

/** Gates that turn about one axis by their angle. */
const AXIS_GATES: readonly (readonly [string, Axis])[] = [
  ['rz', 'z'],
  ['p', 'z'],
  ['u1', 'z'],
  ['rx', 'x'],
  ['ry', 'y'],
];

/** The Euler bases that a list of gates has. */
export function eulerBasesOf(gates: readonly string[]): EulerBasis[] {
  return NEEDED_GATES.filter(([, needed]) => needed.every((name) => gates.includes(name))).map(
    ([basis]) => basis,
  );
}

/** Writes one-qubit unitaries in the gates that a target has, as few of them as possible. */
export class OneQubitBasis {
  readonly gates: ReadonlySet<string>;
  readonly #bases: readonly EulerBasis[];
  readonly #axisGates = new Map<Axis, string>();
  readonly #fixedGates: readonly (readonly [string, Rotation])[];
  #words: FixedGateWords | null = null;

  constructor(gates: readonly string[]) {
    this.gates = new Set(gates);
    this.#bases = eulerBasesOf(gates);
    for (const [name, axis] of AXIS_GATES) {
      if (this.gates.has(name) && !this.#axisGates.has(axis)) this.#axisGates.set(axis, name);
    }
    const fixed = gates.filter((name) => {
      const { qubitCount, parameterCount } = gateDefinition(name);
      return qubitCount === 1 && parameterCount === 0 && name !== 'id';
    });
    this.#fixedGates = fixed.map((name) => [name, rotationOfGate(name, [])]);
  }

  /** Gates on position 0 in order of time, none for the identity; null when the basis cannot make the rotation. */
  synthesize(rotation: Rotation): GateStep[] | null {
    if (rotationDistance(rotation, NO_ROTATION) < ROUNDING_ANGLE / 2) return [];
    const single = this.#singleGate(rotation);
    if (single !== null) return [single];
    let best: GateStep[] | null = null;
    for (const basis of this.#bases) {
      const steps = synthesizeRotation(rotation, basis);
      if (best === null || steps.length < best.length) best = steps;
    }
    if (best !== null) return best;
    this.#words ??= new FixedGateWords(this.#fixedGates.map(([name]) => name));
    return this.#words.spell(rotation);
  }

  #singleGate(rotation: Rotation): GateStep | null {
    for (const [axis, name] of this.#axisGates) {
      const angle = wrapAngle(2 * Math.atan2(rotation[axis], rotation.w));
      const rest = Math.hypot(rotation.x, rotation.y, rotation.z) ** 2 - rotation[axis] ** 2;
      if (Math.sqrt(Math.max(0, rest)) < ROUNDING_ANGLE / 2) return on(name, angle);
    }
    const gate = this.#fixedGates.find(([, own]) => rotationDistance(rotation, own) < ROUNDING_ANGLE / 2);
    return gate ? on(gate[0]) : null;
  }

  /** Rotations and turns with free angles in order of time; null when the basis cannot make them. */
  synthesizeTurns(items: readonly (Rotation | AxisTurn)[]): GateStep[] | null {
    const [only] = items;
    if (items.length === 0) return [];
    if (items.length === 1) {
      if (!('axis' in only!)) return this.synthesize(only!);
      const name = this.#axisGates.get(only!.axis);
      if (name !== undefined) return [turnStep(name, only!.angle)];
    }
    let best: GateStep[] | null = null;
    for (const basis of this.#bases) {
      const steps = synthesizeTurns(items, basis);
      if (best === null || steps.length < best.length) best = steps;
    }
    return best ?? this.#synthesizeSeparately(items);
  }

  /** For bases that make some rotations only: each item on its own. */
  #synthesizeSeparately(items: readonly (Rotation | AxisTurn)[]): GateStep[] | null {
    const steps: GateStep[] = [];
    for (const item of items) {
      const name = 'axis' in item ? this.#axisGates.get(item.axis) : undefined;
      const own = 'axis' in item ? name && [turnStep(name, item.angle)] : this.synthesize(item);
      if (!own) return null;
      steps.push(...own);
    }
    return steps;
  }
}

function turnStep(name: string, angle: ParameterValue): GateStep {
  return { name, positions: [0], parameters: [typeof angle === 'number' ? wrapAngle(angle) : angle] };
}
