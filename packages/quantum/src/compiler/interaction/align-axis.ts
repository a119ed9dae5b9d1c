import {
  followedBy,
  inverseRotation,
  type Rotation,
  rotateAxis,
  rotationAbout,
} from '../translation/rotation.ts';

/** A rotation in two steps. */
export interface AlignedRotation {
  /** Takes the same direction to the axis as the whole does, with few quarter turns about X. */
  readonly aligned: Rotation;
  /** The rest: a turn about the axis, which commutes with gates along it. */
  readonly rest: Rotation;
  /** How many sx or x gates `aligned` takes in the basis rz, sx, x: 0, 1 or 2. */
  readonly quarterTurns: number;
}

/** Directions nearer than this to a special one are taken as such. */
const TOLERANCE = 1e-9;
const HALF_PI = Math.PI / 2;
const QUARTER_X = rotationAbout('x', HALF_PI);
const HALF_X = rotationAbout('x', Math.PI);

/**
 * Splits what has to happen before a gate along an axis: only where the axis comes from matters to the gate, and turns about the
 * axis can wait until after it, where they meet the turns that the next gate needs.
 */
export function alignAxis(rotation: Rotation, axis: 'x' | 'z'): AlignedRotation {
  const [x, y, z] = rotateAxis(inverseRotation(rotation), axis);
  const { aligned, quarterTurns } = axis === 'z' ? toZ(x, y, z) : toX(x, y, z);
  return { aligned, rest: followedBy(inverseRotation(aligned), rotation), quarterTurns };
}

type Alignment = Pick<AlignedRotation, 'aligned' | 'quarterTurns'>;

function toZ(x: number, y: number, z: number): Alignment {
  const sine = Math.hypot(x, y);
  if (sine < TOLERANCE)
    return z > 0 ? { aligned: turnZ(0), quarterTurns: 0 } : { aligned: HALF_X, quarterTurns: 1 };
  const longitude = Math.atan2(y, x);
  // A quarter turn about X takes Y to Z.
  if (Math.abs(z) < TOLERANCE) {
    return { aligned: followedBy(turnZ(HALF_PI - longitude), QUARTER_X), quarterTurns: 1 };
  }
  const toPlane = followedBy(turnZ(-longitude), QUARTER_X);
  const toY = followedBy(toPlane, turnZ(Math.PI - Math.atan2(sine, z)));
  return { aligned: followedBy(toY, QUARTER_X), quarterTurns: 2 };
}

function toX(x: number, y: number, z: number): Alignment {
  if (Math.abs(z) < TOLERANCE) return { aligned: turnZ(-Math.atan2(y, x)), quarterTurns: 0 };
  const sine = Math.hypot(x, y);
  const longitude = sine < TOLERANCE ? 0 : Math.atan2(y, x);
  const toPlane = followedBy(turnZ(-longitude), QUARTER_X);
  return { aligned: followedBy(toPlane, turnZ(HALF_PI - Math.atan2(sine, z))), quarterTurns: 1 };
}

function turnZ(angle: number): Rotation {
  return rotationAbout('z', angle);
}
