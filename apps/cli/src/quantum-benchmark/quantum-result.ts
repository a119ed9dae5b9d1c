import type { Interval } from '@qedge/core';
import type { QuantumGroup } from './cases.ts';

/** One comparison, or ours alone where the peer is null. `ratio` is their time over ours: 2 means that ours is twice as fast. */
export interface QuantumResult {
  readonly group: QuantumGroup;
  readonly name: string;
  readonly qubits: number;
  readonly precision: string;
  readonly threads: number;
  readonly target: string;
  readonly peer: string | null;
  readonly oursMs: number;
  readonly theirsMs: number | null;
  readonly ratio: number | null;
  /** 95 % of what the ratio becomes when rounds are drawn again. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly goal: number | null;
  readonly met: boolean | null;
  /** What else was measured: shares of physical limits, times without the cost of memory. */
  readonly notes: string;
}

/** How a comparison is run, and on what of ours. */
export interface ComparisonSetting {
  readonly threads: number;
  readonly target: string;
  readonly rounds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** The times of ours, in seconds, as a result without a peer. */
export function ownTimes(
  ours: readonly number[],
): Pick<QuantumResult, 'peer' | 'oursMs' | 'theirsMs' | 'ratio' | 'interval' | 'met'> {
  return {
    peer: null,
    oursMs: 1000 * Math.min(...ours),
    theirsMs: null,
    ratio: null,
    interval: null,
    met: null,
  };
}

/** Puts the times of two subjects, taken in the same rounds in seconds, into a result. */
export function compareTimes(
  ours: readonly number[],
  theirs: readonly number[],
  ratio: Interval,
): {
  readonly oursMs: number;
  readonly theirsMs: number;
  readonly ratio: number;
  readonly interval: { readonly low: number; readonly high: number };
} {
  return {
    oursMs: 1000 * Math.min(...ours),
    theirsMs: 1000 * Math.min(...theirs),
    ratio: ratio.estimate,
    interval: { low: ratio.low, high: ratio.high },
  };
}
