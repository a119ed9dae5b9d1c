import { normalize, type Rotation } from '../translation/rotation.ts';

/** A cosine below this is a right angle: far above the rounding of long circuits, far below any intended angle. */
const PERPENDICULAR_TOLERANCE = 1e-9;

/** The scalar product of two vectors that begin at `atA` and `atB`. */
export function dotProduct(a: Float64Array, atA: number, b: Float64Array, atB: number): number {
  return a[atA]! * b[atB]! + a[atA + 1]! * b[atB + 1]! + a[atA + 2]! * b[atB + 2]!;
}

/** Whether two unit vectors are at right angles. */
export function arePerpendicular(a: Float64Array, atA: number, b: Float64Array, atB: number): boolean {
  return Math.abs(dotProduct(a, atA, b, atB)) < PERPENDICULAR_TOLERANCE;
}

/** A unit vector at right angles to another. */
export function perpendicularTo(axis: Float64Array): Float64Array {
  const [x, y, z] = [axis[0]!, axis[1]!, axis[2]!];
  // Across the coordinate in which the axis is shortest.
  const other = Math.abs(x) <= Math.abs(z) ? Float64Array.of(0, z, -y) : Float64Array.of(y, -x, 0);
  const length = Math.hypot(other[0]!, other[1]!, other[2]!);
  return other.map((value) => value / length);
}

/** The vector product. */
export function crossProduct(a: Float64Array, b: Float64Array): Float64Array {
  return Float64Array.of(
    a[1]! * b[2]! - a[2]! * b[1]!,
    a[2]! * b[0]! - a[0]! * b[2]!,
    a[0]! * b[1]! - a[1]! * b[0]!,
  );
}

/** The rotation that takes two perpendicular unit vectors to two others. */
export function rotationBetween(
  [z, x]: readonly [Float64Array, Float64Array],
  [toZ, toX]: readonly [Float64Array, Float64Array],
): Rotation {
  const [y, toY] = [crossProduct(z, x), crossProduct(toZ, toX)];
  // The matrix sends z to toZ, x to toX and y to toY: the sum of their outer products.
  const entry = (row: number, column: number) =>
    toZ[row]! * z[column]! + toX[row]! * x[column]! + toY[row]! * y[column]!;
  const [a, b, c] = [entry(0, 0), entry(1, 1), entry(2, 2)];
  // The largest of the four squares, so that nothing is divided by a small number.
  const squares = [1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c];
  const largest = squares.indexOf(Math.max(...squares));
  const [wx, wy, wz] = [entry(2, 1) - entry(1, 2), entry(0, 2) - entry(2, 0), entry(1, 0) - entry(0, 1)];
  const [xy, xz, yz] = [entry(0, 1) + entry(1, 0), entry(0, 2) + entry(2, 0), entry(1, 2) + entry(2, 1)];
  switch (largest) {
    case 0:
      return normalize({ w: squares[0]!, x: wx, y: wy, z: wz });
    case 1:
      return normalize({ w: wx, x: squares[1]!, y: xy, z: xz });
    case 2:
      return normalize({ w: wy, x: xy, y: squares[2]!, z: yz });
    default:
      return normalize({ w: wz, x: xz, y: yz, z: squares[3]! });
  }
}
