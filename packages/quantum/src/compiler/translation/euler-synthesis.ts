/** @file One-qubit unitaries as short sequences of gates of a basis, up to a global phase. */
import type { GateStep } from '../../circuit/gate-definition.ts';
import { type Axis, type Rotation, rotationOfMatrix, wrapAngle } from './rotation.ts';

/**
 * Sequences of gates that make every one-qubit unitary. Three letters name the axes of three rotations (`rx`, `ry`, `rz`); `U` is
 * `u`, `U3` is `u3`, `U321` picks the simplest of `u1`, `u2` and `u3`; `RR` is two `r`. The others turn about Z around at most two
 * quarter turns: `ZSX` with `rz` and `sx`, `ZSXX` also with `x`, `PSX` with `p` and `sx`, `U1X` with `u1` and `sx`, and `ZSXDG`
 * and `ZH` with `rz` and `sxdg` or `h`.
 */
export type EulerBasis =
  | 'ZYZ'
  | 'ZXZ'
  | 'XYX'
  | 'XZX'
  | 'YXY'
  | 'YZY'
  | 'U'
  | 'U3'
  | 'U321'
  | 'RR'
  | 'ZSX'
  | 'ZSXX'
  | 'ZSXDG'
  | 'ZH'
  | 'PSX'
  | 'U1X';

/** Angles below this, and deviations from 0, pi/2 and pi, are taken for rounding. */
export const ROUNDING_ANGLE = 1e-10;

/** Angles of three rotations about two axes: `outer(last) inner(middle) outer(first)`, the rightmost applied first. */
export interface ThreeAngles {
  readonly first: number;
  readonly middle: number;
  readonly last: number;
}

/**
 * A one-qubit unitary in a basis: as few gates as the basis allows, none for the identity.
 *
 * @param matrix `[2, 2, 2]`, row-major and interleaved.
 * @returns gates in order of time, on position 0; their product is the matrix up to a global phase, to about 1e-10.
 */
export function synthesizeOneQubit(matrix: Float64Array, basis: EulerBasis): GateStep[] {
  return synthesizeRotation(rotationOfMatrix(matrix), basis);
}

/** {@link synthesizeOneQubit} for a rotation. */
export function synthesizeRotation(rotation: Rotation, basis: EulerBasis): GateStep[] {
  switch (basis) {
    case 'ZYZ':
    case 'ZXZ':
    case 'XYX':
    case 'XZX':
    case 'YXY':
    case 'YZY': {
      const [outer, inner] = [basis[0]!.toLowerCase() as Axis, basis[1]!.toLowerCase() as Axis];
      return threeRotations(eulerAnglesAbout(rotation, outer, inner), `r${outer}`, `r${inner}`);
    }
    case 'U':
      return generalGate(rotation, 'u');
    case 'U3':
      return generalGate(rotation, 'u3');
    case 'U321':
      return simplestGeneralGate(rotation);
    case 'RR':
      return planeRotations(rotation);
    default:
      return quarterTurns(rotation, QUARTER_TURNS[basis]);
  }
}

/** Shorthand for a step on the only qubit. */
export function on(name: string, ...parameters: number[]): GateStep {
  return { name, positions: [0], parameters };
}

const isClose = (a: number, b: number) => Math.abs(a - b) < ROUNDING_ANGLE;

/** A gate with one angle, or nothing where the angle is a full turn. */
function turn(name: string, angle: number): GateStep[] {
  const reduced = wrapAngle(angle);
  return Math.abs(reduced) < ROUNDING_ANGLE ? [] : [on(name, reduced)];
}

/** The axis that is neither of two, and the sign with which `inner x outer = sign * axis`. */
export function thirdAxis(outer: Axis, inner: Axis): { readonly axis: Axis; readonly sign: 1 | -1 } {
  const axis = (['x', 'y', 'z'] as const).find((one) => one !== outer && one !== inner)!;
  return { axis, sign: CYCLIC.includes(inner + outer) ? 1 : -1 };
}

/** Angles of `outer inner outer` with the fewest that are not 0. */
export function eulerAnglesAbout(rotation: Rotation, outer: Axis, inner: Axis): ThreeAngles {
  return simplify(eulerAngles(rotation, outer, inner));
}

/** Angles about any two different axes; the middle one is in 0..pi. Where one of the outer angles is free, the first is 0. */
function eulerAngles(rotation: Rotation, outer: Axis, inner: Axis): ThreeAngles {
  const { axis: third, sign } = thirdAxis(outer, inner);
  const [a, b, c] = [rotation[outer], rotation[inner], sign * rotation[third]];
  const [cosine, sine] = [Math.hypot(rotation.w, a), Math.hypot(b, c)];
  const halfSum = Math.atan2(a, rotation.w);
  const halfDifference = Math.atan2(-c, b);
  // Where one of these vanishes its argument is noise.
  if (sine < ROUNDING_ANGLE / 4) return { first: 0, middle: 0, last: 2 * halfSum };
  if (cosine < ROUNDING_ANGLE / 4) return { first: 0, middle: Math.PI, last: 2 * halfDifference };
  return {
    first: halfSum - halfDifference,
    middle: 2 * Math.atan2(sine, cosine),
    last: halfSum + halfDifference,
  };
}

const CYCLIC = ['xy', 'yz', 'zx'];

/** Half a turn about the outer axis passes the middle rotation by turning it round. */
function simplify(angles: ThreeAngles): ThreeAngles {
  const { first, middle, last } = angles;
  if (isClose(Math.abs(wrapAngle(first)), Math.PI)) return { first: 0, middle: -middle, last: last + first };
  if (isClose(Math.abs(wrapAngle(last)), Math.PI)) return { first: first + last, middle: -middle, last: 0 };
  return angles;
}

function threeRotations({ first, middle, last }: ThreeAngles, outer: string, inner: string): GateStep[] {
  if (isClose(wrapAngle(middle), 0)) return turn(outer, first + last);
  return [...turn(outer, first), ...turn(inner, middle), ...turn(outer, last)];
}

function generalGate(rotation: Rotation, name: 'u' | 'u3'): GateStep[] {
  const { first, middle, last } = eulerAngles(rotation, 'z', 'y');
  const [phi, lambda] = middle === 0 ? [0, wrapAngle(first + last)] : [wrapAngle(last), wrapAngle(first)];
  if (middle === 0 && Math.abs(lambda) < ROUNDING_ANGLE) return [];
  return [on(name, middle, phi, lambda)];
}

function simplestGeneralGate(rotation: Rotation): GateStep[] {
  const { first, middle, last } = eulerAngles(rotation, 'z', 'y');
  if (middle < ROUNDING_ANGLE) return turn('u1', first + last);
  if (isClose(middle, Math.PI / 2)) return [on('u2', wrapAngle(last), wrapAngle(first))];
  return [on('u3', middle, wrapAngle(last), wrapAngle(first))];
}

/** Rotations about axes of the plane of X and Y: `Rz(phi) Ry(theta) Rz(lambda)` is half a turn after a rotation by theta + pi. */
function planeRotations(rotation: Rotation): GateStep[] {
  const { first: lambda, middle: theta, last: phi } = eulerAngles(rotation, 'z', 'y');
  const sum = wrapAngle(phi + lambda);
  if (theta < ROUNDING_ANGLE && Math.abs(sum) < ROUNDING_ANGLE) return [];
  if (isClose(theta, Math.PI)) return [on('r', Math.PI, wrapAngle((phi - lambda + Math.PI) / 2))];
  if (Math.abs(sum) < ROUNDING_ANGLE) {
    // A full turn of the sum is a sign, which is global.
    return [on('r', theta, wrapAngle(Math.PI / 2 - lambda))];
  }
  return [
    on('r', wrapAngle(theta + Math.PI), wrapAngle(Math.PI / 2 - lambda)),
    on('r', Math.PI, wrapAngle(Math.PI / 2 + (phi - lambda) / 2)),
  ];
}

/** A turn about Z and a quarter turn `Q` with `Rx(pi/2) = Rz(offset) Q Rz(offset)` up to a phase. */
export interface QuarterTurn {
  readonly phase: 'rz' | 'p' | 'u1';
  readonly quarter: 'sx' | 'sxdg' | 'h';
  readonly offset: number;
  /** Where the basis has it. */
  readonly half: 'x' | null;
}

/** The bases of turns about Z and quarter turns. */
export const QUARTER_TURNS = {
  ZSX: { phase: 'rz', quarter: 'sx', offset: 0, half: null },
  ZSXX: { phase: 'rz', quarter: 'sx', offset: 0, half: 'x' },
  ZSXDG: { phase: 'rz', quarter: 'sxdg', offset: Math.PI, half: null },
  ZH: { phase: 'rz', quarter: 'h', offset: -Math.PI / 2, half: null },
  PSX: { phase: 'p', quarter: 'sx', offset: 0, half: null },
  U1X: { phase: 'u1', quarter: 'sx', offset: 0, half: null },
} as const satisfies Record<string, QuarterTurn>;

/** `Rz(phi + pi) Q Rz(theta + pi) Q Rz(lambda)` and its shorter cases (McKay et al., arXiv 1612.00858). */
export function quarterTurns(rotation: Rotation, { phase, quarter, offset, half }: QuarterTurn): GateStep[] {
  const { first: lambda, middle: theta, last: phi } = eulerAngles(rotation, 'z', 'y');
  const z = (angle: number) => turn(phase, angle);
  if (theta < ROUNDING_ANGLE) return z(phi + lambda);
  if (isClose(theta, Math.PI / 2)) {
    return [...z(lambda - Math.PI / 2 + offset), on(quarter), ...z(phi + Math.PI / 2 + offset)];
  }
  if (isClose(theta, Math.PI) && half) return [on(half), ...z(phi - lambda + Math.PI)];
  const about = (first: number, middle: number, last: number) => [
    ...[...z(first + offset), on(quarter)],
    ...[...z(middle + Math.PI + 2 * offset), on(quarter), ...z(last + Math.PI + offset)],
  ];
  const steps = about(lambda, theta, phi);
  // The middle rotation the other way round, between half turns.
  const turned = about(lambda - Math.PI, -theta, phi + Math.PI);
  return turned.length < steps.length ? turned : steps;
}
