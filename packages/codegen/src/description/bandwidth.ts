/**
 * Nothing but loads: the most that one core can read from wherever the bytes lie. The sum of all vectors is stored, per lane of 32
 * bits, wrapping, so that every load of every pass counts.
 */
export interface BandwidthDescription {
  readonly kind: 'bandwidth';
}

/** Bytes that a bandwidth kernel reads per step. */
export const BANDWIDTH_STEP_BYTES = 1024;

/**
 * Fields of the argument block of a bandwidth kernel: where to read, how many steps of {@link BANDWIDTH_STEP_BYTES}, how many passes
 * over them, and where the result goes (one vector).
 */
export const BANDWIDTH_ARGUMENTS = { source: 0, steps: 1, passes: 2, result: 3 } as const;
