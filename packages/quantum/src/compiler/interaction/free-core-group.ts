import { type Interaction, InteractionKind } from './interaction.ts';

/** How far behind a core its companions are looked for. */
const FARTHEST = 32;
const PERPENDICULAR_TOLERANCE = 1e-8;

/**
 * Cores that follow core `i` on its pair of wires, with nothing else on either wire between, whose axes are perpendicular to those
 * of all others on both wires: all of them commute, and two need as many gates as one, three only one more. Asked for where at
 * least one angle is free; with numbers alone they are a block already.
 *
 * @returns the places of the group's steps, `i` first; `i` alone where there are no others.
 */
export function findFreeCoreGroup(interactions: readonly Interaction[], i: number): readonly number[] {
  const first = interactions[i]!;
  const group = [i];
  if (first.kind !== InteractionKind.core) return group;
  const [a, b] = [first.wires[0]!, first.wires[1]!];
  let isFree = typeof first.angle !== 'number';
  for (let j = i + 1; j < interactions.length && j <= i + FARTHEST && group.length < 3; j++) {
    const step = interactions[j]!;
    const [onFirst, onSecond] = [step.wires.includes(a), step.wires.includes(b)];
    if (!onFirst && !onSecond) continue;
    if (step.kind !== InteractionKind.core || !onFirst || !onSecond) break;
    if (!group.every((member) => arePerpendicular(interactions[member]!, step))) break;
    isFree ||= typeof step.angle !== 'number';
    group.push(j);
  }
  return isFree ? group : [i];
}

function arePerpendicular(p: Interaction, q: Interaction): boolean {
  const exchanged = p.wires[0] !== q.wires[0];
  return (
    Math.abs(dot(p.axes, 0, q.axes, exchanged ? 3 : 0)) < PERPENDICULAR_TOLERANCE &&
    Math.abs(dot(p.axes, 3, q.axes, exchanged ? 0 : 3)) < PERPENDICULAR_TOLERANCE
  );
}

function dot(p: Float64Array, atP: number, q: Float64Array, atQ: number): number {
  return p[atP]! * q[atQ]! + p[atP + 1]! * q[atQ + 1]! + p[atP + 2]! * q[atQ + 2]!;
}
