import {
  type Clock,
  type Interval,
  InvalidArgumentError,
  type ProgressListener,
  quantileOfSorted,
  Random,
  type Summary,
  summarize,
  systemClock,
} from '@qedge/core';
import { BatchTimer } from './batch-timer.ts';
import { pairedRatioInterval } from './ratio-interval.ts';
import { requireAtLeast } from './require-at-least.ts';
import type { Subject } from './subject.ts';

/** Options of {@link compareInterleaved}. */
export interface CompareOptions {
  /** Rounds; in each, every subject is timed once in random order. At least 6. Default 30. */
  readonly repeats?: number;
  /** Decides the orders and the bootstrap. Default 1. */
  readonly seed?: number;
  /** Time per subject and round. At least three batches are timed, or one when a single call takes as long. Default 10. */
  readonly blockMs?: number;
  /**
   * Idle time before each block, for subjects whose threads go on spinning when a call is done: they would slow down whoever comes
   * next. Default 0.
   */
  readonly pauseMs?: number;
  /** Unrecorded time per subject before the first round. Default 100. */
  readonly warmUpMs?: number;
  /** Confidence of the intervals. Default 0.99. */
  readonly confidence?: number;
  /** Differences up to this fraction are called indistinguishable however sure they are. Default 0.01. */
  readonly minimumEffectFraction?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** How a subject compares with the baseline. */
export type Verdict = 'faster' | 'slower' | 'indistinguishable';

/** One subject's part in a comparison. */
export interface ComparedSubject {
  readonly name: string;
  /** Milliseconds per call: the median of each round, in the order of the rounds. */
  readonly medians: readonly number[];
  /** Statistics of `medians`. */
  readonly summary: Summary;
  /** Calls per timed batch. */
  readonly batchSize: number;
  /** Time relative to the baseline: 0.5 means half the time. Exactly 1 for the baseline itself. */
  readonly ratio: Interval;
  /** `indistinguishable` for the baseline itself. */
  readonly verdict: Verdict;
}

/** What {@link compareInterleaved} found; `subjects[0]` is the baseline. */
export interface Comparison {
  readonly baseline: string;
  readonly repeats: number;
  readonly confidence: number;
  readonly subjects: readonly ComparedSubject[];
}

/**
 * Compares subjects within one run, in rounds of random order, so that heat, frequency changes and busy neighbours hit all of
 * them alike. Each subject's result is checked before and after. The first subject is the baseline.
 *
 * A verdict needs the whole confidence interval of the paired ratio beyond the minimum effect. Compare a subject with itself
 * (two subjects, same `run`) to see what the machine of the day can tell apart.
 *
 * @throws InvalidArgumentError for fewer than two subjects, equal names, or options out of range; VerificationError;
 *   CancelledError.
 * @example
 * const { subjects } = await compareInterleaved([{ name: 'loop', run: loop }, { name: 'reduce', run: reduce }]);
 * console.log(subjects[1].verdict, subjects[1].ratio);
 */
export async function compareInterleaved(
  subjects: readonly Subject[],
  options: CompareOptions = {},
): Promise<Comparison> {
  const { repeats = 30, seed = 1, blockMs = 10, pauseMs = 0, warmUpMs = 100, confidence = 0.99 } = options;
  const { minimumEffectFraction = 0.01, clock = systemClock, signal, onProgress } = options;
  validate(subjects);
  requireAtLeast('repeats', repeats, 6);
  requireAtLeast('blockMs', blockMs, 0);
  requireAtLeast('pauseMs', pauseMs, 0);
  requireAtLeast('warmUpMs', warmUpMs, 0);
  requireAtLeast('minimumEffectFraction', minimumEffectFraction, 0);
  const random = new Random(seed);
  const timers = subjects.map((subject) => new BatchTimer(subject, clock, signal));
  for (const timer of timers) await timer.verify('before');
  for (const timer of timers) await timer.warmUp(warmUpMs);

  const medians = new Map(timers.map((timer) => [timer, [] as number[]]));
  for (let round = 0; round < repeats; round++) {
    for (const timer of random.shuffle([...timers])) {
      if (pauseMs > 0) await clock.sleep(pauseMs, signal);
      medians.get(timer)!.push(await medianOfBlock(timer, clock, blockMs));
    }
    onProgress?.({ phase: 'comparing', done: round + 1, total: repeats });
  }
  for (const timer of timers) await timer.verify('after');

  const base = medians.get(timers[0]!)!;
  return {
    baseline: subjects[0]!.name,
    repeats,
    confidence,
    subjects: timers.map((timer, index) => {
      const own = medians.get(timer)!;
      const ratio =
        index === 0
          ? { estimate: 1, low: 1, high: 1 }
          : pairedRatioInterval(base, own, { confidence, seed: random.fork('bootstrap').uint32() });
      return {
        name: timer.subject.name,
        medians: own,
        summary: summarize(own),
        batchSize: timer.batchSize,
        ratio,
        verdict: verdictOf(ratio, minimumEffectFraction),
      };
    }),
  };
}

/** The verdict that an interval of time ratios supports. */
function verdictOf(ratio: Interval, minimumEffectFraction: number): Verdict {
  if (ratio.high < 1 - minimumEffectFraction) return 'faster';
  if (ratio.low > 1 + minimumEffectFraction) return 'slower';
  return 'indistinguishable';
}

async function medianOfBlock(timer: BatchTimer, clock: Clock, blockMs: number): Promise<number> {
  // With three, the median survives a stall that uses up the block; with long calls that would cost too much time.
  const fewest = timer.quickestCallMs >= blockMs ? 1 : 3;
  const samples: number[] = [];
  const startMs = clock.nowMs();
  while (samples.length < fewest || (clock.nowMs() - startMs < blockMs && samples.length < 10_000)) {
    samples.push(await timer.sample());
  }
  return quantileOfSorted(
    samples.sort((a, b) => a - b),
    0.5,
  );
}

function validate(subjects: readonly Subject[]): void {
  if (subjects.length < 2) {
    throw new InvalidArgumentError('A comparison needs subjects', {
      expected: 'at least two',
      actual: subjects.length,
    });
  }
  const names = new Set(subjects.map((subject) => subject.name));
  if (names.size !== subjects.length) {
    throw new InvalidArgumentError('Subjects share a name', {
      expected: 'unique names',
      actual: subjects.map((subject) => subject.name),
    });
  }
}
