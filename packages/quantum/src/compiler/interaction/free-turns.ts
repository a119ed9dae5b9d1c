/**
 * @file What a one-qubit rotation between two entanglers costs in turns about Z and quarter turns, and which turns about the axes of
 * the entanglers, which may wait until after them, make it cheap.
 */
import {
  followedBy,
  inverseRotation,
  type Rotation,
  rotateAxis,
  rotationAbout,
} from '../translation/rotation.ts';

/** An axis along which an entangler acts on a qubit. */
export type GateAxis = 'x' | 'z';

/** Rotations nearer than this to a special one are taken as such. */
const TOLERANCE = 1e-10;
/** Turns about Z are often free, pulses are not: they decide between equal numbers of gates. */
const TURN = 1.01;
const PULSE = 1.03;
const HALF_PI = Math.PI / 2;
const QUARTER_X = rotationAbout('x', HALF_PI);

const isNone = (value: number) => value < TOLERANCE && value > -TOLERANCE;

/** Gates that a rotation takes in the basis rz, sx, x, with small weights beside. */
export function rotationCost({ w, x, y, z }: Rotation): number {
  const across = x * x + y * y;
  const along = w * w + z * z;
  if (across < TOLERANCE * TOLERANCE) return isNone(z) ? 0 : TURN;
  if (along < TOLERANCE * TOLERANCE) return isNone(y) ? PULSE : PULSE + TURN;
  if (isNone(across - along)) {
    // Rz(b) sx is (c, c, s, s) and sx Rz(a) is (c, c, -s, s), up to the sign and the length.
    if (!isNone(w - x)) return PULSE + 2 * TURN;
    return PULSE + (isNone(y - z) ? 0 : TURN) + (isNone(y + z) ? 0 : TURN);
  }
  // Rz(last) Ry(middle) Rz(first): sines and cosines of the outer angles up to a length.
  const small = TOLERANCE * Math.sqrt(across * along);
  const first = Math.abs(w * x + z * y) < small ? Math.sign(w * y - z * x) : 0;
  const last = Math.abs(z * y - w * x) < small ? Math.sign(w * y + z * x) : 0;
  // The middle angle may have either sign: without a gate one outer angle is 0, and the other half a turn.
  const missing = Math.max(
    (first > 0 ? 1 : 0) + (last < 0 ? 1 : 0),
    (first < 0 ? 1 : 0) + (last > 0 ? 1 : 0),
  );
  return 2 * PULSE + TURN * (3 - missing);
}

/** Turns about the axis of the gate before, which may come off a rotation's start so that it needs no rz there, or just rz sx rz. */
export function turnsOffStart(q: Rotation, axis: GateAxis): number[] {
  return axis === 'z' ? offStartAboutZ(q) : aboutX(q, 0);
}

/** Turns about the axis of the gate after, which a rotation gets at its end to be as cheap. */
export function turnsOntoEnd(q: Rotation, axis: GateAxis): number[] {
  return axis === 'z' ? ontoEndAboutZ(q) : aboutX(inverseRotation(q), Math.PI);
}

/** Turns about X that come off the start where what follows leads to X again, so that a turn about Z is all that is left. */
export function turnsOffBetweenX(q: Rotation): number[] {
  const [, y, z] = rotateAxis(q, 'x');
  if (Math.hypot(y, z) < TOLERANCE) return [];
  const toPlane = -Math.atan2(z, y);
  return [toPlane, toPlane + Math.PI].flatMap((angle) => aboutX(followedBy(q, rotationAbout('x', angle)), 0));
}

/** Turns about Z that come off the start so that what is left, led to X at its end, is sx and a turn about Z. */
export function turnsOffBeforeX(q: Rotation): number[] {
  return turnsOntoEnd(q, 'x').flatMap((angle) => offStartAboutZ(followedBy(q, rotationAbout('x', angle))));
}

function offStartAboutZ({ w, x, y, z }: Rotation): number[] {
  const across = x * x + y * y;
  const along = w * w + z * z;
  if (across < TOLERANCE * TOLERANCE) return [2 * Math.atan2(z, w)];
  if (along < TOLERANCE * TOLERANCE) return [2 * Math.atan2(-y, x)];
  const first = Math.atan2(w * x + z * y, w * y - z * x);
  return isNone(across - along) ? [first - HALF_PI] : [first, first + Math.PI];
}

function ontoEndAboutZ({ w, x, y, z }: Rotation): number[] {
  const across = x * x + y * y;
  const along = w * w + z * z;
  if (across < TOLERANCE * TOLERANCE) return [-2 * Math.atan2(z, w)];
  if (along < TOLERANCE * TOLERANCE) return [-2 * Math.atan2(y, x)];
  const last = Math.atan2(z * y - w * x, w * y + z * x);
  return isNone(across - along) ? [-last - HALF_PI] : [-last, Math.PI - last];
}

/** Angles `t` with `q = Rz(b) sx Rz(c) Rx(t)`, or `Rz(b) Rx(t)` where that is enough; `b` is `free` where it does not matter. */
function aboutX(q: Rotation, free: number): number[] {
  const [x, y, z] = rotateAxis(q, 'x');
  if (Math.abs(z) < TOLERANCE) return [turnAboutX(q, rotationAbout('z', Math.atan2(y, x)))];
  const longitude = Math.hypot(x, y) < TOLERANCE ? free : Math.atan2(y, x);
  const latitude = Math.atan2(z, Math.hypot(x, y));
  const near = followedBy(followedBy(rotationAbout('z', latitude), QUARTER_X), rotationAbout('z', longitude));
  if (Math.hypot(x, y) < TOLERANCE) return [turnAboutX(q, near)];
  const far = followedBy(
    followedBy(rotationAbout('z', Math.PI - latitude), QUARTER_X),
    rotationAbout('z', longitude + Math.PI),
  );
  return [turnAboutX(q, near), turnAboutX(q, far)];
}

/** The angle `t` with `q = last Rx(t)`. */
function turnAboutX(q: Rotation, last: Rotation): number {
  const { w, x } = followedBy(q, inverseRotation(last));
  return 2 * Math.atan2(x, w);
}
