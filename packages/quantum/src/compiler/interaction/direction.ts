import type { Rotation } from '../translation/rotation.ts';

/** A direction of the Bloch sphere. */
export type Direction = readonly [number, number, number];

/** The shortest rotation that takes one direction to another. */
export function rotationBetween(from: Direction, to: Direction): Rotation {
  const w = 1 + from[0] * to[0] + from[1] * to[1] + from[2] * to[2];
  // Opposite directions: half a turn about anything perpendicular.
  if (w < 1e-12) {
    const [x, y, z] = perpendicularTo(from);
    return { w: 0, x, y, z };
  }
  const x = from[1] * to[2] - from[2] * to[1];
  const y = from[2] * to[0] - from[0] * to[2];
  const z = from[0] * to[1] - from[1] * to[0];
  const scale = 1 / Math.sqrt(w * w + x * x + y * y + z * z);
  return { w: w * scale, x: x * scale, y: y * scale, z: z * scale };
}

/** A unit vector perpendicular to a direction. */
function perpendicularTo([x, y, z]: Direction): Direction {
  if (Math.abs(x) < 0.9) {
    const length = Math.hypot(y, z);
    return [0, z / length, -y / length];
  }
  const length = Math.hypot(x, z);
  return [-z / length, 0, x / length];
}

export function cross(a: Direction, b: Direction): Direction {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Where a rotation takes a direction. */
export function rotateDirection({ w, x, y, z }: Rotation, [a, b, c]: Direction): Direction {
  const tx = 2 * (y * c - z * b);
  const ty = 2 * (z * a - x * c);
  const tz = 2 * (x * b - y * a);
  return [a + w * tx + y * tz - z * ty, b + w * ty + z * tx - x * tz, c + w * tz + x * ty - y * tx];
}

const PARALLEL = 1e-6;

/** The direction perpendicular to an axis that is nearest to a direction; null where that is along the axis. */
export function rejection(direction: Direction, axis: Direction): Direction | null {
  const along = direction[0] * axis[0] + direction[1] * axis[1] + direction[2] * axis[2];
  const x = direction[0] - along * axis[0];
  const y = direction[1] - along * axis[1];
  const z = direction[2] - along * axis[2];
  const length = Math.hypot(x, y, z);
  return length < PARALLEL ? null : [x / length, y / length, z / length];
}

/** A direction perpendicular to an axis, turned about it by so many right angles. */
export function turnedBy(direction: Direction, axis: Direction, quarters: number): Direction {
  const [x, y, z] = (quarters & 1) === 0 ? direction : cross(axis, direction);
  return (quarters & 2) === 0 ? [x, y, z] : [-x, -y, -z];
}
