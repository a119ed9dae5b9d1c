/** Added to the name of a weight for the scales of its codes. */
export const SCALES_SUFFIX = '.scales';
/** Added to the name of a weight for zero points that are not 0. */
export const ZERO_POINTS_SUFFIX = '.zero_points';
/** The key of the metadata that says how weights are coded: JSON of {@link CodingRecord} by weight. */
export const CODING_KEY = 'qedge.coding';
/** The key of the metadata that says how inputs of layers are coded. */
export const INPUTS_KEY = 'qedge.inputs';

/** How one weight is coded. */
export interface CodingRecord {
  readonly bits: number;
  readonly symmetric: boolean;
  /** A scale per output channel, the last axis of the kernel as a matrix; else one for all. */
  readonly perOutput: boolean;
  /** Two codes to a byte. */
  readonly packed: boolean;
  /** Of the kernel. */
  readonly shape: readonly number[];
  /** Rows that share a scale, where not all do. */
  readonly groupSize?: number;
}
