import { type GateStep, gateDefinition } from '../../circuit/gate-definition.ts';
import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import type { OneQubitBasis } from './one-qubit-basis.ts';
import {
  type Axis,
  followedBy,
  inverseRotation,
  normalize,
  type Rotation,
  rotateAxis,
  rotationAbout,
  rotationOfGate,
  rotationOfMatrix,
} from './rotation.ts';
import type { AxisTurn } from './two-axis-synthesis.ts';

/** Axes that differ by less are the same: the cross product of their unit vectors. */
const PARALLEL_TOLERANCE = 1e-10;

const AXES: readonly Axis[] = ['x', 'y', 'z'];

/**
 * One-qubit gates that follow one another, multiplied up: numbers into one rotation, free angles about one axis into their sum,
 * also across rotations that only turn the axis onto itself or another one of X, Y, Z.
 */
export class OneQubitRun {
  readonly #items: (Rotation | AxisTurn)[] = [];

  /** Appends a one-qubit gate of the library. */
  push(name: string, parameters: readonly ParameterValue[]): void {
    if (parameters.every((angle) => typeof angle === 'number')) {
      if (name !== 'id') this.pushRotation(rotationOfGate(name, parameters));
      return;
    }
    const [a, b, c] = parameters as readonly [ParameterValue, ParameterValue, ParameterValue];
    switch (name) {
      case 'rx':
      case 'ry':
        this.pushTurn(name === 'rx' ? 'x' : 'y', a);
        return;
      case 'r':
        this.#pushThree('x', scaleAngle(b, -1), a, b);
        return;
      case 'u':
      case 'u3':
        this.#pushThree('y', c, a, b);
        return;
      case 'u2':
        this.#pushThree('y', b, Math.PI / 2, a);
        return;
      default:
        // rz, p and u1: no other gate on one qubit has an angle.
        this.pushTurn('z', a);
    }
  }

  #pushThree(axis: Axis, first: ParameterValue, middle: ParameterValue, last: ParameterValue): void {
    this.pushTurn('z', first);
    this.pushTurn(axis, middle);
    this.pushTurn('z', last);
  }

  /** Appends a unitary `[2, 2, 2]`. */
  pushMatrix(matrix: Float64Array): void {
    this.pushRotation(rotationOfMatrix(matrix));
  }

  /** Appends a rotation. */
  pushRotation(rotation: Rotation): void {
    const last = this.#items.at(-1);
    if (last === undefined || 'axis' in last) this.#items.push(rotation);
    else this.#items[this.#items.length - 1] = normalize(followedBy(last, rotation));
  }

  /** Appends a turn about an axis. */
  pushTurn(axis: Axis, angle: ParameterValue): void {
    if (typeof angle === 'number') {
      if (angle !== 0) this.pushRotation(rotationAbout(axis, angle));
      return;
    }
    const items = this.#items;
    const last = items.at(-1);
    if (last !== undefined && 'axis' in last) {
      if (last.axis !== axis) items.push({ axis, angle });
      else this.#replace(items.length - 1, axis, addAngles(last.angle, angle));
      return;
    }
    const earlier = items.at(-2);
    const sign = last && earlier && 'axis' in earlier ? alignment(last, earlier.axis, axis) : 0;
    if (sign === 0) {
      items.push({ axis, angle });
      return;
    }
    // The earlier turn passes the rotation between, which takes its axis onto this one.
    const sum = addAngles(scaleAngle((earlier as AxisTurn).angle, sign), angle);
    items.splice(-2, 2);
    this.pushRotation(last as Rotation);
    this.pushTurn(axis, sum);
  }

  /** A sum of free angles may be a number, which joins its neighbours. */
  #replace(place: number, axis: Axis, angle: ParameterValue): void {
    this.#items.splice(place, 1);
    this.pushTurn(axis, angle);
  }

  /** The rotation where no angle is free; null else. */
  get rotation(): Rotation | null {
    const [only, ...others] = this.#items;
    if (only === undefined) return rotationAbout('z', 0);
    return others.length === 0 && !('axis' in only) ? only : null;
  }

  /** The run in gates of a basis, on position 0; null when the basis cannot make it. */
  synthesize(basis: OneQubitBasis): GateStep[] | null {
    const steps = basis.synthesizeTurns(this.#items);
    if (steps === null || this.#items.length < 2) return steps;
    const early = basis.synthesizeTurns(turnsFirst(this.#items));
    return early !== null && early.length < steps.length ? early : steps;
  }
}

/** The same with every turn before the rotation that precedes it, where it is a turn about X, Y or Z there too. */
function turnsFirst(items: readonly (Rotation | AxisTurn)[]): (Rotation | AxisTurn)[] {
  const moved: (Rotation | AxisTurn)[] = [];
  let pending: Rotation | null = null;
  for (const item of items) {
    if (!('axis' in item)) {
      pending = pending ? normalize(followedBy(pending, item)) : item;
      continue;
    }
    const before: Rotation | null = pending && inverseRotation(pending);
    const axis = before && AXES.find((one) => alignment(before, item.axis, one) !== 0);
    if (before && axis)
      moved.push({ axis, angle: scaleAngle(item.angle, alignment(before, item.axis, axis)) });
    else {
      if (pending) moved.push(pending);
      pending = null;
      moved.push(item);
    }
  }
  if (pending) moved.push(pending);
  return moved;
}

/** 1 or -1 where a rotation takes one axis to plus or minus another, else 0. */
function alignment(rotation: Rotation, from: Axis, to: Axis): 0 | 1 | -1 {
  const image = rotateAxis(rotation, from);
  const place = AXES.indexOf(to);
  const across = Math.hypot(...image.filter((_, index) => index !== place));
  if (across > PARALLEL_TOLERANCE) return 0;
  return image[place]! > 0 ? 1 : -1;
}

/** True for gates of the library on one qubit. */
export function isOneQubitGate(name: string): boolean {
  return gateDefinition(name).qubitCount === 1 && !gateDefinition(name).variadic;
}
