/**
 * @file What a one-qubit rotation between two entanglers costs in turns about Z and quarter turns, and which turns about the axes of
 * the entanglers, which may wait until after them, make it cheap. Numbers only: it is asked many times for each entangler.
 */

/** An axis along which an entangler acts on a qubit. */
export type GateAxis = 'x' | 'z';

/** Rotations nearer than this to a special one are taken as such. */
const TOLERANCE = 1e-10;
/** Turns about Z are often free, pulses are not: they decide between equal numbers of gates. */
const TURN = 1.01;
const PULSE = 1.03;
const HALF = Math.SQRT1_2;

const isNone = (value: number) => value < TOLERANCE && value > -TOLERANCE;

/** Gates that the rotation `w - i (x X + y Y + z Z)` takes in the basis rz, sx, x, with small weights beside. */
export function rotationCost(w: number, x: number, y: number, z: number): number {
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
  const first = isBelow(w * x + z * y, small) ? w * y - z * x : 0;
  const last = isBelow(z * y - w * x, small) ? w * y + z * x : 0;
  if (first === 0 && last === 0) return 2 * PULSE + 3 * TURN;
  // The middle angle may have either sign: without a gate one outer angle is 0, and the other half a turn.
  return 2 * PULSE + (first !== 0 && last !== 0 && first > 0 !== last > 0 ? TURN : 2 * TURN);
}

/** {@link rotationCost} once the rotation has got the best turn about an axis at its end. */
export function costWithFreeEnd(axis: GateAxis, w: number, x: number, y: number, z: number): number {
  if (axis === 'x') {
    // What comes out at X.
    const fromX = 1 - 2 * (y * y + z * z);
    const fromY = 2 * (x * y - w * z);
    const isLevel = isNone(fromY);
    if (isNone(2 * (x * z + w * y))) return isLevel && fromX > 0 ? 0 : TURN;
    return PULSE + (isLevel ? TURN : 2 * TURN);
  }
  const across = x * x + y * y;
  const along = w * w + z * z;
  if (across < TOLERANCE * TOLERANCE) return 0;
  if (along < TOLERANCE * TOLERANCE) return PULSE;
  const first = w * x + z * y;
  if (isNone(across - along)) return PULSE + (first > 0 && isNone(w * y - z * x) ? 0 : TURN);
  return 2 * PULSE + (isBelow(first, TOLERANCE * Math.sqrt(across * along)) ? TURN : 2 * TURN);
}

const isBelow = (value: number, limit: number) => value < limit && value > -limit;

/** A list of turns about one axis, as cosine and sine of half their angle. */
export class TurnList {
  readonly values = new Float64Array(64);
  count = 0;

  add(cosine: number, sine: number): void {
    const scale = 1 / Math.sqrt(cosine * cosine + sine * sine);
    this.values[2 * this.count] = cosine * scale;
    this.values[2 * this.count + 1] = sine * scale;
    this.count++;
  }

  /** Adds the turn by the angle of a direction of the plane, and by so many eighths more of a full turn. */
  addAngleOf(cosine: number, sine: number, eighths: number): void {
    const length = Math.sqrt(cosine * cosine + sine * sine);
    // Half the angle, by whichever half does not cancel.
    const c = cosine >= 0 ? length + cosine : Math.abs(sine);
    const s = cosine >= 0 ? sine : sine < 0 ? cosine - length : length - cosine;
    if (eighths === 0) this.add(c, s);
    else if (eighths === 4) this.add(-s, c);
    else if (eighths === -2) this.add(HALF * (c + s), HALF * (s - c));
  }
}

/** Turns about the axis of the gate before, which may come off a rotation's start so that it needs no rz there, or just rz sx rz. */
export function turnsOffStart(
  axis: GateAxis,
  w: number,
  x: number,
  y: number,
  z: number,
  turns: TurnList,
): void {
  if (axis === 'x') turnsAboutX(w, x, y, z, 0, turns);
  else turnsAboutZ(w, x, y, z, turns);
}

/** Turns about the axis of the gate after, which a rotation gets at its end to be as cheap. */
export function turnsOntoEnd(
  axis: GateAxis,
  w: number,
  x: number,
  y: number,
  z: number,
  turns: TurnList,
): void {
  if (axis === 'x') turnsAboutX(w, -x, -y, -z, 1, turns);
  else turnsAboutZ(w, x, y, -z, turns);
}

const ends = new TurnList();

/** Turns off the start where the rotation is led to X at its end: what is left is a turn about Z, after sx where the start is Z. */
export function turnsOffBeforeX(
  axis: GateAxis,
  w: number,
  x: number,
  y: number,
  z: number,
  turns: TurnList,
): void {
  ends.count = 0;
  if (axis === 'z') turnsOntoEnd('x', w, x, y, z, ends);
  else {
    const toY = 2 * (x * y + w * z);
    const toZ = 2 * (x * z - w * y);
    if (toY * toY + toZ * toZ < TOLERANCE * TOLERANCE) return;
    ends.addAngleOf(toY, -toZ, 0);
    ends.addAngleOf(toY, -toZ, 4);
  }
  const { values, count } = ends;
  for (let i = 0; i < count; i++) {
    const c = values[2 * i]!;
    const s = values[2 * i + 1]!;
    turnsOffStart(axis, c * w - s * x, c * x + s * w, c * y - s * z, c * z + s * y, turns);
  }
}

/** Turns about Z that come off the start so that no rz is left there, or one that sx needs. */
function turnsAboutZ(w: number, x: number, y: number, z: number, turns: TurnList): void {
  const across = x * x + y * y;
  const along = w * w + z * z;
  if (across < TOLERANCE * TOLERANCE) turns.add(w, z);
  else if (along < TOLERANCE * TOLERANCE) turns.add(x, -y);
  else {
    const [cosine, sine] = [w * y - z * x, w * x + z * y];
    if (isNone(across - along)) turns.addAngleOf(cosine, sine, -2);
    else {
      turns.addAngleOf(cosine, sine, 0);
      turns.addAngleOf(cosine, sine, 4);
    }
  }
}

/**
 * Turns about X that come off the start so that `Rz(b) sx Rz(c)` is left, or `Rz(b)` where that is enough; `b` is so many half turns
 * where it does not matter.
 */
function turnsAboutX(w: number, x: number, y: number, z: number, halfTurns: 0 | 1, turns: TurnList): void {
  // Where the rotation takes X.
  const toX = 1 - 2 * (y * y + z * z);
  const toY = 2 * (x * y + w * z);
  const toZ = 2 * (x * z - w * y);
  const level = Math.sqrt(toX * toX + toY * toY);
  // Cosines and sines of half the longitude and the latitude.
  let longC = halfTurns === 0 ? 1 : 0;
  let longS = halfTurns;
  if (level >= TOLERANCE) {
    const c = toX >= 0 ? level + toX : Math.abs(toY);
    const s = toX >= 0 ? toY : toY < 0 ? toX - level : level - toX;
    const scale = 1 / Math.sqrt(c * c + s * s);
    longC = c * scale;
    longS = s * scale;
  }
  if (isNone(toZ)) {
    turns.add(longC * w + longS * z, longC * x + longS * y);
    return;
  }
  const scale = 1 / Math.sqrt((1 + level) * (1 + level) + toZ * toZ);
  const latC = (1 + level) * scale;
  const latS = toZ * scale;
  addTurnAfter(w, x, y, z, longC, longS, latC, latS, turns);
  if (level >= TOLERANCE) addTurnAfter(w, x, y, z, -longS, longC, latS, latC, turns);
}

/** Adds the turn about X that is left at the start once `Rz(b) sx Rz(a)` has come off the end. */
function addTurnAfter(
  w: number,
  x: number,
  y: number,
  z: number,
  bC: number,
  bS: number,
  aC: number,
  aS: number,
  turns: TurnList,
): void {
  const nw = bC * aC - bS * aS;
  const nx = bC * aC + bS * aS;
  const ny = bS * aC - bC * aS;
  const nz = bC * aS + bS * aC;
  turns.add(nw * w + nx * x + ny * y + nz * z, nw * x - nx * w - ny * z + nz * y);
}
