import type { GateStep } from '../circuit/gate-definition.ts';

/** Angles below this, and deviations of theta from 0, pi/2 and pi, are taken for rounding. */
const ANGLE_TOLERANCE = 1e-10;

/**
 * A one-qubit unitary (interleaved, row-major) as at most `rz sx rz sx rz`, up to a global phase, in order of time: none, one or
 * two sx as theta is 0, pi/2 or anything in `Rz(phi) Ry(theta) Rz(lambda)`; one x for pi where x is available.
 */
export function synthesizeOneQubit(matrix: Float64Array, hasX: boolean): GateStep[] {
  const { theta, phi, lambda } = zyzAngles(matrix);
  const rz = (angle: number): GateStep[] => {
    const reduced = wrapAngle(angle);
    return Math.abs(reduced) < ANGLE_TOLERANCE ? [] : [{ name: 'rz', positions: [0], parameters: [reduced] }];
  };
  const sx: GateStep = { name: 'sx', positions: [0], parameters: [] };
  const isClose = (a: number, b: number) => Math.abs(a - b) < ANGLE_TOLERANCE;
  if (isClose(theta, 0)) return rz(phi + lambda);
  if (isClose(theta, Math.PI / 2)) return [...rz(lambda - Math.PI / 2), sx, ...rz(phi + Math.PI / 2)];
  if (isClose(theta, Math.PI) && hasX) {
    return [{ name: 'x', positions: [0], parameters: [] }, ...rz(phi - lambda + Math.PI)];
  }
  return [...rz(lambda), sx, ...rz(theta + Math.PI), sx, ...rz(phi + Math.PI)];
}

/** Euler angles: the matrix is a phase times `Rz(phi) Ry(theta) Rz(lambda)`, with theta in 0..pi. */
export function zyzAngles(matrix: Float64Array): { theta: number; phi: number; lambda: number } {
  const argument = (entry: number) => Math.atan2(matrix[2 * entry + 1]!, matrix[2 * entry]!);
  const magnitude = (entry: number) => Math.hypot(matrix[2 * entry]!, matrix[2 * entry + 1]!);
  const [cosine, sine] = [magnitude(0), magnitude(2)];
  const theta = 2 * Math.atan2(sine, cosine);
  // Where an entry vanishes its argument is noise, and one angle is free: lambda is set to 0.
  if (sine < ANGLE_TOLERANCE / 4) return { theta: 0, phi: argument(3) - argument(0), lambda: 0 };
  if (cosine < ANGLE_TOLERANCE / 4)
    return { theta: Math.PI, phi: argument(2) - argument(1) - Math.PI, lambda: 0 };
  return { theta, phi: argument(2) - argument(0), lambda: argument(3) - argument(2) };
}

/** The same angle in (-pi, pi]. */
export function wrapAngle(angle: number): number {
  const reduced = angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
  return reduced <= -Math.PI ? reduced + 2 * Math.PI : reduced;
}
