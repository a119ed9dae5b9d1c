import { InvalidArgumentError } from '@qedge/core';
import { type Interaction, type InteractionCircuit, InteractionKind } from './interaction.ts';
import { coreMatrix } from './matrix4.ts';
import { coreCost, TwoQubitClass } from './two-qubit-class.ts';

/** A plain ccz needs so many cx. */
const CCZ_COST = 6;
const SWAP_COST = 3;

/**
 * How many cx a circuit needs at most: the sum of its steps' costs, six for each ccz. Fences cost nothing, whatever they hold. Only
 * groups of cores with free angles on one pair take less.
 */
export function interactionCost({ interactions }: Pick<InteractionCircuit, 'interactions'>): number {
  let cost = 0;
  for (const step of interactions) cost += step.kind === InteractionKind.ccz ? CCZ_COST : step.cost;
  return cost;
}

/**
 * The unitary `[4, 4, 2]` of a core or block; borrowed from a block, not to be changed.
 *
 * @throws InvalidArgumentError for other steps and for a free angle.
 */
export function blockMatrix(step: Interaction): Float64Array {
  if (step.kind === InteractionKind.block) return step.matrix;
  if (step.kind === InteractionKind.core && typeof step.angle === 'number') {
    return coreMatrix(step.angle, step.axes);
  }
  throw new InvalidArgumentError('A step has no two-qubit matrix', {
    expected: 'a block, or a core whose angle is a number',
    actual: `kind ${step.kind}, angle ${step.angle}`,
  });
}

const classifier = new TwoQubitClass();

/** How many cx a core or block needs together with a swap next to it, 0..3. */
export function costWithSwap(step: Interaction): number {
  if (step.kind === InteractionKind.block) return classifier.classify(step.matrix).costWithSwap;
  // A core (t, 0, 0) becomes (pi/4, pi/4, pi/4 - t).
  if (typeof step.angle === 'number' && coreCost(step.angle) === 1) return 2;
  return SWAP_COST;
}
