/** @file Rotations of the Bloch sphere as unit quaternions: what a one-qubit gate is when its global phase is left out. */
import { gateDefinition } from '../../circuit/gate-definition.ts';

/** `w - i (x X + y Y + z Z)`. Both signs are the same rotation. */
export interface Rotation {
  readonly w: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** An axis of the Bloch sphere. */
export type Axis = 'x' | 'y' | 'z';

export const NO_ROTATION: Rotation = { w: 1, x: 0, y: 0, z: 0 };

/** `exp(-i angle P / 2)`. */
export function rotationAbout(axis: Axis, angle: number): Rotation {
  const [w, s] = [Math.cos(angle / 2), Math.sin(angle / 2)];
  return { w, x: axis === 'x' ? s : 0, y: axis === 'y' ? s : 0, z: axis === 'z' ? s : 0 };
}

/** The rotation that does `first`, then `second`. */
export function followedBy(first: Rotation, second: Rotation): Rotation {
  const { w: a, x: b, y: c, z: d } = second;
  const { w, x, y, z } = first;
  return {
    w: a * w - b * x - c * y - d * z,
    x: a * x + b * w + c * z - d * y,
    y: a * y - b * z + c * w + d * x,
    z: a * z + b * y - c * x + d * w,
  };
}

/** The rotation that undoes another. */
export function inverseRotation({ w, x, y, z }: Rotation): Rotation {
  return { w, x: -x, y: -y, z: -z };
}

/** Of a unitary `[2, 2, 2]`, row-major and interleaved, whatever its phase. */
export function rotationOfMatrix(matrix: Float64Array): Rotation {
  const [ar, ai, br, bi] = [matrix[0]!, matrix[1]!, matrix[2]!, matrix[3]!];
  const [cr, ci, dr, di] = [matrix[4]!, matrix[5]!, matrix[6]!, matrix[7]!];
  // A phase that makes the determinant 1, by half of its argument.
  const half = Math.atan2(ar * di + ai * dr - br * ci - bi * cr, ar * dr - ai * di - br * cr + bi * ci) / 2;
  const [p, q] = [Math.cos(half), -Math.sin(half)];
  // Both columns tell the same four numbers: their mean halves the rounding.
  const w = (ar * p - ai * q + dr * p - di * q) / 2;
  const z = (di * p + dr * q - ai * p - ar * q) / 2;
  const y = (cr * p - ci * q - br * p + bi * q) / 2;
  const x = -(ci * p + cr * q + bi * p + br * q) / 2;
  return normalize({ w, x, y, z });
}

/** The unitary `[2, 2, 2]` of determinant 1. */
export function matrixOfRotation({ w, x, y, z }: Rotation): Float64Array {
  return Float64Array.of(w, -z, -y, -x, y, -x, w, z);
}

/** The same rotation with its length made 1 again: products of many drift. */
export function normalize({ w, x, y, z }: Rotation): Rotation {
  const scale = 1 / Math.sqrt(w * w + x * x + y * y + z * z);
  return { w: w * scale, x: x * scale, y: y * scale, z: z * scale };
}

const FIXED = new Map<string, Rotation>();

/** The rotation of a one-qubit gate of the library. */
export function rotationOfGate(name: string, parameters: readonly number[]): Rotation {
  switch (name) {
    case 'rz':
    case 'p':
    case 'u1':
      return rotationAbout('z', parameters[0]!);
    case 'rx':
      return rotationAbout('x', parameters[0]!);
    case 'ry':
      return rotationAbout('y', parameters[0]!);
  }
  if (parameters.length > 0) return rotationOfMatrix(gateDefinition(name).matrix(parameters));
  let known = FIXED.get(name);
  if (known === undefined) {
    known = rotationOfMatrix(gateDefinition(name).matrix([]));
    FIXED.set(name, known);
  }
  return known;
}

/** The sine of half the angle between two rotations: 0 where they are the same. */
export function rotationDistance(a: Rotation, b: Rotation): number {
  const { x, y, z } = followedBy(inverseRotation(a), b);
  return Math.sqrt(x * x + y * y + z * z);
}

/** Where a rotation takes an axis: a unit vector. */
export function rotateAxis({ w, x, y, z }: Rotation, axis: Axis): readonly [number, number, number] {
  switch (axis) {
    case 'x':
      return [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)];
    case 'y':
      return [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)];
    case 'z':
      return [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)];
  }
}

/** The same angle in (-pi, pi]. */
export function wrapAngle(angle: number): number {
  const reduced = angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
  return reduced <= -Math.PI ? reduced + 2 * Math.PI : reduced;
}
