import type { Tensor } from '@tensorflow/tfjs';

/** One batch on its way through a step. Its tensors belong to whoever took it. */
export interface TrainingBatch {
  readonly inputs: readonly Tensor[];
  readonly labels: readonly Tensor[];
  readonly count: number;
  /** Which samples these are, where the data is in memory. */
  readonly rows: Uint32Array | null;
}

/** Batches of one pass over the data. */
export interface BatchCursor {
  /** The next batch; its tensors become the caller's. */
  next(): Promise<TrainingBatch>;
  /** Ends the pass early or late; may be called twice. */
  close(): Promise<void>;
}

/** Where batches come from, ready for one model. */
export interface BatchSource {
  readonly stepsPerEpoch: number;
  /** Samples of an epoch; null where that is not known. */
  readonly samples: number | null;
  /** Starts epoch number `epoch` (from 0) at its batch number `step`. */
  open(epoch: number, step: number): Promise<BatchCursor>;
}

/** What a model takes or a loss function is given: the tensor, or the list where there are several. */
export function oneOrAll(tensors: readonly Tensor[]): Tensor | Tensor[] {
  return tensors.length === 1 ? tensors[0]! : [...tensors];
}
