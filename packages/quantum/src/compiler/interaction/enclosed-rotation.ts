import { compareAxes } from './axis.ts';
import { InteractionKind } from './interaction.ts';
import type { StepTable } from './step-table.ts';
import type { WireLists } from './wire-lists.ts';

const PERPENDICULAR_TOLERANCE = 1e-8;

/** A free rotation between two cores of pi/4 with the same axes. */
export interface EnclosedRotation {
  readonly rotation: number;
  /** The earlier core. */
  readonly first: number;
  /** Where the wire of the rotation stands among those of the earlier core. */
  readonly place: 0 | 1;
  /** True where both cores together are a half turn of both wires, false where they are nothing. */
  readonly isHalfTurn: boolean;
  /** Of the core that all three are, the axis on the wire of the rotation; on the other wire it is that of the earlier core. */
  readonly axis: Float64Array;
}

/**
 * The free rotation that core `i` and an earlier core enclose, with nothing else between them: cx, rz(theta), cx. All three are one
 * core with a free angle: with `P = n.sigma (x) m.sigma` and `r` perpendicular to m, `exp(i s pi/4 P) r.sigma exp(-i s pi/4 P)` is
 * `s n.sigma (x) (r x m).sigma`.
 */
export function findEnclosedRotation(table: StepTable, lists: WireLists, i: number): EnclosedRotation | null {
  if (table.kinds[i] !== InteractionKind.core || table.costs[i] !== 1) return null;
  for (const own of [0, 1] as const) {
    const rotation = lists.top(table.wires[3 * i + own]!);
    if (rotation < 0 || table.kinds[rotation] !== InteractionKind.rotation) continue;
    const first = lists.before(rotation, 0);
    if (first < 0 || first !== lists.top(table.wires[3 * i + 1 - own]!)) continue;
    if (table.kinds[first] !== InteractionKind.core || table.costs[first] !== 1) continue;
    const place = table.placeOf(first, table.wires[3 * i + own]!);
    if (place !== 0 && place !== 1) continue;
    const signs =
      compareAxes(table.axes, 9 * first + 3 * place, table.axes, 9 * i + 3 * own) *
      compareAxes(table.axes, 9 * first + 3 * (1 - place), table.axes, 9 * i + 3 * (1 - own));
    if (signs === 0) continue;
    const axis = crossOf(table.axes, 9 * rotation, 9 * first + 3 * place);
    if (axis === null) continue;
    const sign = Math.sign(table.angles[i]!) * signs;
    const isHalfTurn = sign === Math.sign(table.angles[first]!);
    // The half turn comes before the core: behind it, it turns its axis round.
    const direction = isHalfTurn ? -sign : sign;
    return { rotation, first, place, isHalfTurn, axis: axis.map((value) => direction * value) };
  }
  return null;
}

/** The cross product of two perpendicular axes; null for others. */
function crossOf(axes: Float64Array, a: number, b: number): Float64Array | null {
  const [ax, ay, az] = [axes[a]!, axes[a + 1]!, axes[a + 2]!];
  const [bx, by, bz] = [axes[b]!, axes[b + 1]!, axes[b + 2]!];
  if (Math.abs(ax * bx + ay * by + az * bz) > PERPENDICULAR_TOLERANCE) return null;
  return Float64Array.of(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx);
}
