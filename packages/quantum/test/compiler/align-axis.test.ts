import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { alignAxis } from '../../src/compiler/interaction/align-axis.ts';
import { synthesizeRotation } from '../../src/compiler/translation/euler-synthesis.ts';
import {
  followedBy,
  normalize,
  type Rotation,
  rotateAxis,
  rotationAbout,
  rotationDistance,
} from '../../src/compiler/translation/rotation.ts';

function randomRotation(random: Random): Rotation {
  return normalize({ w: random.normal(), x: random.normal(), y: random.normal(), z: random.normal() });
}

/** How many sx and x gates a rotation takes. */
function countQuarterTurns(rotation: Rotation): number {
  return synthesizeRotation(rotation, 'ZSXX').filter(({ name }) => name === 'sx' || name === 'x').length;
}

describe('alignAxis', () => {
  const random = new Random(5);
  const quarter = Array.from({ length: 64 }, (_, i) =>
    [i & 3, (i >> 2) & 3, i >> 4].reduce(
      (turned, count, k) => followedBy(turned, rotationAbout(k === 1 ? 'x' : 'z', (count * Math.PI) / 2)),
      rotationAbout('z', 0),
    ),
  );
  const rotations = [...quarter, ...Array.from({ length: 200 }, () => randomRotation(random))];

  it.each(['x', 'z'] as const)(
    'splits a rotation into what a gate along %s needs and a turn about it',
    (axis) => {
      for (const rotation of rotations) {
        const { aligned, rest } = alignAxis(rotation, axis);
        expect(rotationDistance(followedBy(aligned, rest), rotation)).toBeLessThan(1e-8);
        const moved = rotateAxis(rest, axis);
        expect(moved[axis === 'x' ? 0 : 2]).toBeCloseTo(1, 12);
      }
    },
  );

  it.each(['x', 'z'] as const)(
    'needs no more quarter turns for %s than it says, and never more than the whole',
    (axis) => {
      for (const rotation of rotations) {
        const { aligned, quarterTurns } = alignAxis(rotation, axis);
        expect(countQuarterTurns(aligned)).toBe(quarterTurns);
        expect(quarterTurns).toBeLessThanOrEqual(axis === 'x' ? 1 : 2);
        expect(quarterTurns).toBeLessThanOrEqual(Math.max(1, countQuarterTurns(rotation)));
      }
    },
  );
});
