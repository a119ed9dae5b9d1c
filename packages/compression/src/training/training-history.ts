/** One pass over the training data. */
export interface TrainingEpoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean cross-entropy per sample over the epoch, in nats, while the weights were changing. */
  readonly loss: number;
  /** Fraction correct on the validation data after the epoch; null when none was given. */
  readonly validationAccuracy: number | null;
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
