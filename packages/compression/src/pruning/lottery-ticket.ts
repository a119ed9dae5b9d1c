import { InvalidArgumentError, ShapeMismatchError, throwIfCancelled } from '@qedge/core';
import type { ModelTopology } from '../model/model-topology.ts';
import { applyMasks } from './apply-masks.ts';
import { maskBySparsity, type PruningMasks } from './sparsity-masks.ts';
import { kernelValues, magnitudeScores, type WeightValues } from './weight-scores.ts';

/** Options of {@link findLotteryTicket}. */
export interface LotteryTicketOptions {
  /** How often to train, prune and go back, an integer >= 1. Each round removes the same fraction of what is left. */
  readonly rounds: number;
  /** Sparsity of the ticket over the kernels, 0..1. */
  readonly sparsity: number;
  readonly scope: 'layer' | 'global';
  /**
   * Trains a model with masked weights held at 0 and returns it with the weights that it reached.
   * @param round counts from 0; its masks keep everything.
   */
  train(start: ModelTopology, masks: PruningMasks, round: number): Promise<ModelTopology>;
  readonly signal?: AbortSignal;
}

/** What {@link findLotteryTicket} found. */
export interface LotteryTicket {
  /** The early weights where the masks keep them, 0 elsewhere: ready to be trained. */
  readonly topology: ModelTopology;
  readonly masks: PruningMasks;
}

/**
 * Iterative magnitude pruning with rewinding (Frankle and Carbin 2019, arXiv:1803.03635; from a later step than 0: Frankle et al. 2020,
 * arXiv:1912.05671): train, remove the least weights, set the others back to what they were early on, and again.
 *
 * @param early the model at its initialisation or after some early step. Not changed.
 * @throws InvalidArgumentError for an impossible number of rounds, sparsity or scope, ShapeMismatchError when `train` returns another
 *   model, CancelledError between rounds, whatever `train` throws.
 */
export async function findLotteryTicket(
  early: ModelTopology,
  options: LotteryTicketOptions,
): Promise<LotteryTicket> {
  const { rounds, sparsity, scope, signal } = options;
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new InvalidArgumentError('A number of pruning rounds is out of range', {
      expected: 'an integer >= 1',
      actual: rounds,
    });
  }
  const kernels = kernelValues(early);
  let masks: PruningMasks = maskBySparsity(magnitudeScores(kernels), { sparsity: 0, scope });
  // Checks the sparsity before any work.
  maskBySparsity(new Map(), { sparsity, scope });
  for (let round = 0; round < rounds; round++) {
    throwIfCancelled(signal);
    const trained = kernelValues(await options.train(applyMasks(early, masks), masks, round));
    assertSameKernels(kernels, trained);
    const reached = round === rounds - 1 ? sparsity : 1 - (1 - sparsity) ** ((round + 1) / rounds);
    masks = maskBySparsity(magnitudeScores(trained), { sparsity: reached, scope, previous: masks });
  }
  return { topology: applyMasks(early, masks), masks };
}

function assertSameKernels(early: WeightValues, trained: WeightValues): void {
  const describe = (kernels: WeightValues) =>
    Array.from(kernels, ([name, { length }]) => `${name}: ${length}`).join(', ');
  if (describe(early) === describe(trained)) return;
  throw new ShapeMismatchError('Training gave back another model', {
    expected: describe(early),
    actual: describe(trained),
  });
}
