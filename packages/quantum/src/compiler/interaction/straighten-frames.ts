import { followedBy, inverseRotation, type Rotation, rotationAbout } from '../translation/rotation.ts';
import { type Direction, rotationBetween } from './direction.ts';
import type { WeylDecomposition } from './weyl-decomposition.ts';

/** Coordinates nearer than this are equal. */
const TOLERANCE = 1e-9;
const HALF_PI = Math.PI / 2;
const Z: Direction = [0, 0, 1];

/** Where directions that matter to a wire before a gate come out after some gate more. */
export interface WireHistory {
  /** The axis of what acted last. */
  lastDirection(gate: Rotation): Direction;
  /** The angle about Z or X of the last one that is not along it, the first of the other axes being 0. */
  azimuth(gate: Rotation, axis: 'x' | 'z'): number;
}

/**
 * A decomposition whose coordinates are not all different has many frames: this takes one in which what acted on the wires before
 * has axes X, Y or Z where it can, so that less is needed between them. A swap has any frame.
 */
export function straightenFrames(
  decomposition: WeylDecomposition,
  histories: readonly [WireHistory, WireHistory],
): WeylDecomposition {
  const [x, y, z] = decomposition.coordinates;
  const isLevel = x - y < TOLERANCE;
  let straight = decomposition;
  if (isLevel && y - z < TOLERANCE) {
    const turn = rotationBetween(histories[0].lastDirection(straight.before[0]), Z);
    straight = turned(straight, [turn, turn]);
  }
  if (isLevel) {
    const turns = histories.map((history, k) =>
      rotationAbout('z', -k * HALF_PI - history.azimuth(straight.before[k as 0 | 1], 'z')),
    );
    // Only what exchanges the wires lets turns of both of them pass.
    if (HALF_PI - 2 * x > TOLERANCE) return turned(straight, [turns[0]!, turns[0]!]);
    return turned(straight, [turns[0]!, turns[1]!], true);
  }
  if (y - Math.abs(z) > TOLERANCE || y < TOLERANCE) return decomposition;
  const sign = z > 0 ? 1 : -1;
  const angle = histories[0].azimuth(straight.before[0], 'x');
  return turned(straight, [rotationAbout('x', -angle), rotationAbout('x', -sign * angle)]);
}

/** Turns frames before and back after, there of the wires exchanged where the gate exchanges them. */
function turned(
  { coordinates, before, after }: WeylDecomposition,
  turns: readonly [Rotation, Rotation],
  exchanged = false,
): WeylDecomposition {
  const back = turns.map(inverseRotation);
  if (exchanged) back.reverse();
  return {
    coordinates,
    before: [followedBy(before[0], turns[0]), followedBy(before[1], turns[1])],
    after: [followedBy(back[0]!, after[0]), followedBy(back[1]!, after[1])],
  };
}
