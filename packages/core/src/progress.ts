/** How far a long piece of work has come. */
export interface Progress {
  /** What is being done, for people: `training`, `pruning`. */
  readonly phase: string;
  /** Steps finished. */
  readonly done: number;
  /** Steps in all; null when unknown. */
  readonly total: number | null;
  /** Optional detail, e.g. `loss 0.12, validation 97.3 %`. */
  readonly message?: string;
}

/** Called from time to time by work that lasts longer than a second. Must not throw. */
export type ProgressListener = (progress: Progress) => void;
