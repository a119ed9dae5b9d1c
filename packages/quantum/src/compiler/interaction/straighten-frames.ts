import { followedBy, inverseRotation, type Rotation, rotationAbout } from '../translation/rotation.ts';
import { type Direction, rotationBetween } from './direction.ts';
import type { WeylDecomposition } from './weyl-decomposition.ts';

/** Coordinates nearer than this are equal. */
const TOLERANCE = 1e-9;
const HALF_PI = Math.PI / 2;
const X: Direction = [1, 0, 0];
const Z: Direction = [0, 0, 1];

/** Where directions that matter to a wire before a gate come out after some gate more. */
export interface WireHistory {
  /** The axis of what acted last. */
  lastDirection(gate: Rotation): Direction;
  /**
   * A direction perpendicular to an axis: where the last one comes out that is not along the axis, so that what is perpendicular to
   * both needs no turn about the axis in between.
   */
  perpendicular(gate: Rotation, axis: Direction): Direction;
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
  // Only what exchanges the wires lets different turns of them pass.
  const exchanges = isLevel && HALF_PI - 2 * x < TOLERANCE;
  let straight = decomposition;
  if (isLevel && y - z < TOLERANCE) {
    const [first, second] = straight.before.map((gate, k) =>
      rotationBetween(histories[k as 0 | 1].lastDirection(gate), Z),
    );
    straight = turned(straight, [first!, exchanges ? second! : first!], exchanges);
  }
  if (isLevel) {
    const [first, second] = straight.before.map((gate, k) => {
      const [along, across] = histories[k as 0 | 1].perpendicular(gate, Z);
      return rotationAbout('z', -k * HALF_PI - Math.atan2(across, along));
    });
    return turned(straight, [first!, exchanges ? second! : first!], exchanges);
  }
  if (y - Math.abs(z) > TOLERANCE || y < TOLERANCE) return decomposition;
  const [, along, across] = histories[0].perpendicular(straight.before[0], X);
  const angle = Math.atan2(across, along);
  return turned(straight, [rotationAbout('x', -angle), rotationAbout('x', z > 0 ? -angle : angle)]);
}

/** Turns frames before and back after, there of the wires exchanged where the gate exchanges them. */
function turned(
  { coordinates, before, after }: WeylDecomposition,
  turns: readonly [Rotation, Rotation],
  exchanged: boolean = false,
): WeylDecomposition {
  const back = turns.map(inverseRotation);
  if (exchanged) back.reverse();
  return {
    coordinates,
    before: [followedBy(before[0], turns[0]), followedBy(before[1], turns[1])],
    after: [followedBy(back[0]!, after[0]), followedBy(back[1]!, after[1])],
  };
}
