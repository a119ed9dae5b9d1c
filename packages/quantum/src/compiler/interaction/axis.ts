/** @file Unit vectors of the Bloch sphere, stored three numbers each in flat arrays. */

/** Axes whose cross product is shorter are parallel: two cores of pi/4 about them differ by half as much. */
export const PARALLEL_TOLERANCE = 1e-8;

/**
 * 1 for axes that point the same way, -1 for opposite ones, 0 for all others. Decided by the cross product: a dot product of
 * 1 - 1e-16 leaves an angle of 1e-8 undecided.
 *
 * @param a, b arrays of unit vectors that begin at `atA` and `atB`.
 */
export function compareAxes(a: Float64Array, atA: number, b: Float64Array, atB: number): -1 | 0 | 1 {
  const [ax, ay, az] = [a[atA]!, a[atA + 1]!, a[atA + 2]!];
  const [bx, by, bz] = [b[atB]!, b[atB + 1]!, b[atB + 2]!];
  const dot = ax * bx + ay * by + az * bz;
  if (dot < 0.9 && dot > -0.9) return 0;
  const x = ay * bz - az * by;
  const y = az * bx - ax * bz;
  const z = ax * by - ay * bx;
  if (x * x + y * y + z * z > PARALLEL_TOLERANCE * PARALLEL_TOLERANCE) return 0;
  return dot > 0 ? 1 : -1;
}
