import { Random } from '@qedge/core';
import { allToAllTarget, Circuit, transpile, verifyEquivalence } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import {
  costWithFreeEnd,
  rotationCost,
  TurnList,
  turnsOffBeforeX,
  turnsOffStart,
  turnsOntoEnd,
} from '../../src/compiler/interaction/free-turns.ts';
import { synthesizeRotation } from '../../src/compiler/translation/euler-synthesis.ts';
import {
  followedBy,
  normalize,
  type Rotation,
  rotationAbout,
} from '../../src/compiler/translation/rotation.ts';

const AXES = ['x', 'z'] as const;
const random = new Random(5);
/** All products of quarter turns, and rotations of no special form. */
const ROTATIONS: readonly Rotation[] = [
  ...Array.from({ length: 64 }, (_, i) =>
    [i & 3, (i >> 2) & 3, i >> 4].reduce(
      (turned, count, k) => followedBy(turned, rotationAbout(k === 1 ? 'x' : 'z', (count * Math.PI) / 2)),
      rotationAbout('z', 0),
    ),
  ),
  ...Array.from({ length: 200 }, () =>
    normalize({ w: random.normal(), x: random.normal(), y: random.normal(), z: random.normal() }),
  ),
];

const costOf = ({ w, x, y, z }: Rotation) => Math.floor(rotationCost(w, x, y, z));

/** The rotations that are left once each turn of the list came off the start, or onto the end. */
function withTurns(rotation: Rotation, axis: 'x' | 'z', turns: TurnList, atEnd: boolean): Rotation[] {
  return Array.from({ length: turns.count }, (_, i) => {
    const angle = 2 * Math.atan2(turns.values[2 * i + 1]!, turns.values[2 * i]!);
    return atEnd
      ? followedBy(rotation, rotationAbout(axis, angle))
      : followedBy(rotationAbout(axis, -angle), rotation);
  });
}

describe('the gates between two entanglers', () => {
  it('are as many as the synthesis makes', () => {
    const turned = ROTATIONS.flatMap((rotation) =>
      AXES.flatMap((axis) => {
        const turns = new TurnList();
        turnsOntoEnd(axis, rotation.w, rotation.x, rotation.y, rotation.z, turns);
        return withTurns(rotation, axis, turns, true);
      }),
    );
    for (const rotation of [...ROTATIONS, ...turned]) {
      expect(costOf(rotation)).toBe(synthesizeRotation(rotation, 'ZSXX').length);
    }
  });

  it.each(AXES)('are as few as the best turn about %s at the end leaves', (axis) => {
    for (const rotation of ROTATIONS) {
      const { w, x, y, z } = rotation;
      const turns = new TurnList();
      turnsOntoEnd(axis, w, x, y, z, turns);
      const costs = withTurns(rotation, axis, turns, true).map(({ w, x, y, z }) => rotationCost(w, x, y, z));
      expect(costWithFreeEnd(axis, w, x, y, z)).toBeCloseTo(Math.min(...costs), 12);
    }
  });

  it.each(AXES)('are few once a turn about %s has moved', (axis) => {
    // rz sx rz at most where the axis is X; rz is not the first or the last one where it is Z.
    const most = axis === 'x' ? 3 : 4;
    for (const rotation of ROTATIONS) {
      const { w, x, y, z } = rotation;
      for (const atEnd of [false, true]) {
        const turns = new TurnList();
        (atEnd ? turnsOntoEnd : turnsOffStart)(axis, w, x, y, z, turns);
        expect(turns.count).toBeGreaterThan(0);
        for (const rest of withTurns(rotation, axis, turns, atEnd)) {
          expect(costOf(rest)).toBeLessThanOrEqual(most);
        }
      }
      const turns = new TurnList();
      turnsOffBeforeX(axis, w, x, y, z, turns);
      for (const rest of withTurns(rotation, axis, turns, false)) {
        const ends = new TurnList();
        turnsOntoEnd('x', rest.w, rest.x, rest.y, rest.z, ends);
        const least = Math.min(...withTurns(rest, 'x', ends, true).map(costOf));
        expect(least).toBeLessThanOrEqual(axis === 'x' ? 1 : 2);
      }
    }
  });
});

describe('one-qubit gates of level 3', () => {
  const countOneQubitGates = async (circuit: Circuit) => {
    const target = allToAllTarget(circuit.qubitCount);
    const result = await transpile(circuit, target, { level: 3, seed: 1 });
    expect((await verifyEquivalence(circuit, result, { target })).equivalent).toBe(true);
    const { cx, ...others } = result.circuit.gateCounts() as Record<string, number>;
    return [cx ?? 0, Object.values(others).reduce((sum, count) => sum + count, 0)] as const;
  };

  it('are one turn for each rotation about ZZ, in a chain and in a ring', async () => {
    const circuit = new Circuit(5);
    for (let i = 0; i < 4; i++) circuit.rzz(0.3 + i / 10, i, i + 1);
    expect(await countOneQubitGates(circuit)).toEqual([8, 4]);
    expect(await countOneQubitGates(circuit.rzz(0.9, 4, 0))).toEqual([10, 5]);
  });

  it('are at most sixteen for a two-qubit gate of no special form, and five for each qubit at the end', async () => {
    const circuit = new Circuit(3);
    const angles = new Random(7);
    const angle = () => 6 * angles.uniform() - 3;
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 0],
      [0, 1],
    ] as const) {
      for (const qubit of [a, b]) circuit.u(angle(), angle(), angle(), qubit);
      circuit.rxx(angle(), a, b).ryy(angle(), a, b).rzz(angle(), a, b);
    }
    for (let qubit = 0; qubit < 3; qubit++) circuit.u(angle(), angle(), angle(), qubit);
    const [pairs, others] = await countOneQubitGates(circuit);
    expect(pairs).toBe(12);
    expect(others).toBeLessThanOrEqual(4 * 15 + 3 * 5);
  });
});
