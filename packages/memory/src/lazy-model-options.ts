import type { MemoryBudget } from './memory-budget.ts';

/** Options of `LazyModel.fromSource` and `openModelFile`. */
export interface LazyModelOptions {
  /**
   * How much of the model may be in memory at once; models may share one. It counts tensors that `load` decoded or copied, and pages of
   * a mapped file that were borrowed. Without one, nothing is evicted unless asked for.
   */
  readonly budget?: MemoryBudget;
  /**
   * `first-use` (default): the checksum of a tensor or borrowed section is verified when it is first used, which reads all of it once.
   * `none`: never, for files that were verified before; only the header is, and codes are still kept within their range.
   */
  readonly verification?: 'first-use' | 'none';
}
