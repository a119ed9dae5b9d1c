import { InvalidArgumentError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { nameWeights } from '../model/read-topology.ts';
import { maskBySparsity } from '../pruning/sparsity-masks.ts';
import {
  isPruningStep,
  type SparsitySchedule,
  scheduledSparsity,
  validateSparsitySchedule,
} from '../pruning/sparsity-schedule.ts';
import { magnitudeScores, type WeightScores, type WeightValues } from '../pruning/weight-scores.ts';
import { isKernelRole } from './model-weights.ts';
import type { TrainingHook, TrainingMoment } from './training-options.ts';

/** What {@link gradualPruning} removes, and when. */
export interface GradualPruningSettings {
  readonly schedule: SparsitySchedule;
  /** Whether the elements of all kernels compete, or each kernel reaches the sparsity on its own. */
  readonly scope: 'global' | 'layer';
  /**
   * What the elements of the kernels are worth, asked at each choice; default their magnitude. Kernels without scores are not pruned. For example
   * `(kernels) => activationScores(kernels, measureInputRms(tf, model, samples))`.
   */
  readonly scores?: (kernels: WeightValues) => WeightScores | Promise<WeightScores>;
}

/**
 * Prunes a model while `trainModel` trains it (Zhu and Gupta 2017, arXiv:1710.01878): the kernels' elements of least worth are removed on a
 * schedule, are exactly 0 from then on, and never return. The last sparsity is met exactly, even without a step. Biases and factors of
 * normalisations stay. Masks that training starts with stay too, and count.
 *
 * @param model the one that is trained.
 * @throws InvalidArgumentError for an impossible schedule or scope.
 * @example
 * const schedule = { kind: 'polynomial', initial: 0, final: 0.9, power: 3, begin: 0, end: 0.7, intervalSteps: 15 };
 * await trainModel(tf, model, data, { ...options, hooks: [gradualPruning(model, { schedule, scope: 'global' })] });
 */
export function gradualPruning(model: LayersModel, settings: GradualPruningSettings): TrainingHook {
  const { schedule, scope, scores = magnitudeScores } = settings;
  validateSparsitySchedule(schedule);
  if (scope !== 'global' && scope !== 'layer') {
    throw new InvalidArgumentError('Unknown scope of pruning', {
      expected: 'global, layer',
      actual: String(scope),
    });
  }
  const kernels = nameWeights(model).filter(({ role, trainable }) => trainable && isKernelRole(role));

  async function prune({ weights, masks, progress, setMasks }: TrainingMoment): Promise<void> {
    const values = new Map(kernels.map(({ name }) => [name, weights.get(name)!]));
    const scored = await scores(values);
    const previous = new Map([...masks].filter(([name]) => scored.has(name)));
    const sparsity = scheduledSparsity(schedule, progress);
    setMasks(new Map([...masks, ...maskBySparsity(scored, { sparsity, scope, previous })]));
  }

  return {
    name: 'gradual pruning',
    async beforeStep(moment) {
      if (isPruningStep(schedule, moment.step, moment.total)) await prune(moment);
    },
    async finish(moment) {
      // Training that stopped early, or a schedule that lasts as long as training, has some left to remove.
      await prune({ ...moment, progress: 1 });
    },
  };
}
