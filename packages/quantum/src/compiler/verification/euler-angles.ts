import { entriesOf } from './local-unitary.ts';

/** `w - i (x X + y Y + z Z)`: a rotation of one spin, of norm 1. */
export type Quaternion = readonly [w: number, x: number, y: number, z: number];

/** A turn about an axis (0 X, 1 Y, 2 Z): `exp(-i angle/2 axis)`. */
export interface AxisTurn {
  readonly axis: 0 | 1 | 2;
  readonly angle: number;
}

const QUARTER = Math.PI / 2;
const NOTHING = 1e-9;

/** The outer and the inner axis. */
const ORDERS = [
  [2, 0],
  [0, 2],
  [2, 1],
  [1, 2],
  [0, 1],
  [1, 0],
] as const;

/** @param matrix a unitary `[2, 2, 2]`; its global phase is dropped. */
export function quaternionOfMatrix(matrix: Float64Array): Quaternion {
  const [ar, ai, br, bi, cr, ci, dr, di] = entriesOf(matrix);
  const phase = Math.atan2(ar * di + ai * dr - br * ci - bi * cr, ar * dr - ai * di - br * cr + bi * ci) / 2;
  const [cos, sin] = [Math.cos(phase), Math.sin(phase)];
  const parts = [ar * cos + ai * sin, ar * sin - ai * cos, cr * sin - ci * cos, cr * cos + ci * sin] as const;
  return [parts[0], parts[2], parts[3], parts[1]];
}

/** Turns in the order in which they act, with as few of them as possible that are no multiple of a quarter. */
export function fewestTurns(quaternion: Quaternion): readonly AxisTurn[] {
  let best: readonly AxisTurn[] | null = null;
  let fewest = 4;
  for (const [outer, inner] of ORDERS) {
    const turns = eulerTurns(quaternion, outer, inner);
    const count = turns.filter(({ angle }) => !isQuarter(angle)).length;
    if (count < fewest) [best, fewest] = [turns, count];
  }
  return best!;
}

function isQuarter(angle: number): boolean {
  return Math.abs(angle - QUARTER * Math.round(angle / QUARTER)) < NOTHING;
}

/** Outer, inner, outer. */
function eulerTurns(quaternion: Quaternion, outer: 0 | 1 | 2, inner: 0 | 1 | 2): readonly AxisTurn[] {
  const third = 3 - outer - inner;
  const sign = (inner - outer + 3) % 3 === 1 ? 1 : -1;
  const [w, a, b, c] = [
    quaternion[0],
    quaternion[outer + 1]!,
    quaternion[inner + 1]!,
    sign * quaternion[third + 1]!,
  ];
  const [straight, tilted] = [Math.hypot(w, a), Math.hypot(b, c)];
  const angle = 2 * Math.atan2(tilted, straight);
  const sum = straight < NOTHING ? 0 : 2 * Math.atan2(a, w);
  const difference = tilted < NOTHING ? 0 : 2 * Math.atan2(c, b);
  if (straight < NOTHING)
    return [
      { axis: inner, angle },
      { axis: outer, angle: difference },
    ];
  if (tilted < NOTHING) return [{ axis: outer, angle: sum }];
  return [
    { axis: outer, angle: (sum - difference) / 2 },
    { axis: inner, angle },
    { axis: outer, angle: (sum + difference) / 2 },
  ];
}
