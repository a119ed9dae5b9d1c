/** One pass over the training data. */
export interface TrainingEpoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean loss per sample over the epoch, while the weights were changing; cross-entropies in nats. */
  readonly loss: number;
  /** Mean loss on the validation data after the epoch, without distillation; null when none was given. */
  readonly validationLoss: number | null;
  /** Fraction correct on the validation data after the epoch; null when none was given, or where there are no classes. */
  readonly validationAccuracy: number | null;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  /** Fraction of all kernel weights removed by the end of the epoch. */
  readonly sparsity: number;
  readonly durationMs: number;
}

/** What happened in a training run. Plain, JSON-able data. */
export interface TrainingHistory {
  /** `training`, `pruning`, `quantising to 8 bits`. */
  readonly phase: string;
  readonly epochs: readonly TrainingEpoch[];
}
