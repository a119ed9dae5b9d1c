import { InvalidArgumentError } from '@qedge/core';
import type { WeightArrays } from './model-weights.ts';
import type { TrainingEpoch } from './training-history.ts';

/** When to stop because nothing gets better. */
export interface EarlyStoppingSettings {
  /** What is watched; default the validation accuracy where there is one, else the validation loss. */
  readonly watch?: 'validation loss' | 'validation accuracy';
  /** Epochs without improvement after which training stops, an integer >= 1. */
  readonly patience: number;
  /** A change up to this much is none; >= 0, default 0. */
  readonly minimumDelta?: number;
  /** Ends with the weights of the best epoch in place of the last one; default false. */
  readonly restoreBest?: boolean;
}

/** What early stopping remembers; plain data. */
export interface EarlyStoppingState {
  /** The best value so far; null before the first epoch. */
  readonly best: number | null;
  /** From 1; null before the first epoch. */
  readonly bestEpoch: number | null;
  /** Epochs since the best one. */
  readonly waiting: number;
  /** Those of the best epoch, when they are to be restored. */
  readonly weights: WeightArrays | null;
}

const NOTHING_SEEN: EarlyStoppingState = { best: null, bestEpoch: null, waiting: 0, weights: null };

/** Watches one measure over the epochs. */
export class EarlyStopping {
  readonly #settings: EarlyStoppingSettings;
  #state = NOTHING_SEEN;

  /** @throws InvalidArgumentError for settings out of range. */
  constructor(settings: EarlyStoppingSettings) {
    const { patience, minimumDelta = 0, watch } = settings;
    if (!Number.isSafeInteger(patience) || patience < 1 || !(minimumDelta >= 0 && minimumDelta < Infinity)) {
      throw new InvalidArgumentError('Early stopping is impossible', {
        expected: 'patience, an integer >= 1, and minimumDelta >= 0',
        actual: [patience, minimumDelta],
      });
    }
    if (watch !== undefined && watch !== 'validation loss' && watch !== 'validation accuracy') {
      throw new InvalidArgumentError('Early stopping cannot watch that', {
        expected: 'validation loss, validation accuracy',
        actual: String(watch),
      });
    }
    this.#settings = settings;
  }

  /** From 1; null before the first epoch. */
  get bestEpoch(): number | null {
    return this.#state.bestEpoch;
  }

  /** What to put back at the end; null for nothing. */
  get bestWeights(): WeightArrays | null {
    return this.#state.weights;
  }

  /**
   * Takes one more epoch into account.
   * @param copyWeights called when it was the best so far and its weights may be restored.
   * @returns true when training should stop.
   */
  observe(epoch: TrainingEpoch, copyWeights: () => WeightArrays): boolean {
    const { watch, patience, minimumDelta = 0, restoreBest = false } = this.#settings;
    const isAccuracy =
      watch === 'validation accuracy' || (watch === undefined && epoch.validationAccuracy !== null);
    const value = isAccuracy ? epoch.validationAccuracy! : epoch.validationLoss!;
    const { best, waiting } = this.#state;
    const gain = best === null ? Number.POSITIVE_INFINITY : isAccuracy ? value - best : best - value;
    if (gain > minimumDelta) {
      const weights = restoreBest ? copyWeights() : null;
      this.#state = { best: value, bestEpoch: epoch.epoch, waiting: 0, weights };
      return false;
    }
    this.#state = { ...this.#state, waiting: waiting + 1 };
    return waiting + 1 >= patience;
  }

  /** Starts over: what was best cannot be compared with what comes, as after more weights were removed. */
  reset(): void {
    this.#state = NOTHING_SEEN;
  }

  saveState(): EarlyStoppingState {
    return this.#state;
  }

  restoreState(state: EarlyStoppingState): void {
    this.#state = state;
  }
}
