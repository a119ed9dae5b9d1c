import { type Clock, type ProgressListener, type Summary, summarize, systemClock } from '@qedge/core';
import { BatchTimer } from './batch-timer.ts';
import { requireAtLeast } from './require-at-least.ts';
import type { Subject } from './subject.ts';

/** Options of {@link measureLatency}. */
export interface MeasureLatencyOptions {
  /** Time spent on calls that are not recorded, so that the code is compiled and caches are filled. Default 250. */
  readonly warmUpMs?: number;
  /** Time spent on recorded calls. Default 1000. */
  readonly durationMs?: number;
  /** Recording ends early after so many samples. Default 10,000. */
  readonly maxSamples?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** What {@link measureLatency} found. */
export interface LatencyMeasurement {
  readonly name: string;
  /** Milliseconds per call. With `batchSize > 1` these are statistics of batch means: single slow calls are averaged away. */
  readonly summary: Summary;
  /** Milliseconds per call in the order of measurement, one per batch. */
  readonly samples: readonly number[];
  /** Calls per second over all recorded batches. */
  readonly throughputPerSecond: number;
  /** Calls per sample; 1 for anything that takes 50 us or more. */
  readonly batchSize: number;
}

/**
 * Measures how long one call of a subject takes: checks its result, warms up, times batches of 50-500 us (one call per batch
 * when a call is longer), checks the result again. Nothing is discarded as an outlier; read quantiles, not the mean.
 *
 * @throws VerificationError when a check fails, CancelledError, InvalidArgumentError for an option out of range.
 * @example
 * const { summary } = await measureLatency({ name: 'sqrt', run: () => void Math.sqrt(2) });
 * console.log(summary.p50, summary.p99);
 */
export async function measureLatency(
  subject: Subject,
  options: MeasureLatencyOptions = {},
): Promise<LatencyMeasurement> {
  const { warmUpMs = 250, durationMs = 1000, maxSamples = 10_000, clock = systemClock, onProgress } = options;
  requireAtLeast('warmUpMs', warmUpMs, 0);
  requireAtLeast('durationMs', durationMs, 0);
  requireAtLeast('maxSamples', maxSamples, 1);
  const timer = new BatchTimer(subject, clock, options.signal);
  await timer.verify('before');
  await timer.warmUp(warmUpMs);

  const samples: number[] = [];
  const startMs = clock.nowMs();
  let reportedMs = startMs;
  for (;;) {
    samples.push(await timer.sample());
    const nowMs = clock.nowMs();
    if (nowMs - startMs >= durationMs || samples.length >= maxSamples) break;
    if (onProgress && nowMs - reportedMs >= 100) {
      reportedMs = nowMs;
      onProgress({ phase: `timing ${subject.name}`, done: Math.round(nowMs - startMs), total: durationMs });
    }
  }
  await timer.verify('after');
  const summary = summarize(samples);
  return {
    name: subject.name,
    summary,
    samples,
    throughputPerSecond: 1000 / summary.mean,
    batchSize: timer.batchSize,
  };
}
