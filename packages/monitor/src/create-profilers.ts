import { type Clock, InvalidArgumentError, systemClock, UseAfterReleaseError } from '@qedge/core';
import type { MetricRegistry } from './metric-registry.ts';
import { cpuProfiler } from './profilers/cpu-profiler.ts';
import { energyProfiler, type PowerReader } from './profilers/energy-profiler.ts';
import { eventLoopProfiler } from './profilers/event-loop-profiler.ts';
import { garbageCollectionProfiler } from './profilers/garbage-collection-profiler.ts';
import { memoryProfiler } from './profilers/memory-profiler.ts';

/** Options of {@link createProfilers}. */
export interface ProfilerOptions {
  readonly registry: MetricRegistry;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Time between samples. Default 1000, at least 10. */
  readonly intervalMs?: number;
  /** Watched as well when given; stays the caller's. */
  readonly powerSource?: PowerReader;
  /** Told when the power source fails; that sample is then left out. Default: counted only, in `profiler_errors_total`. */
  readonly onError?: (error: unknown) => void;
}

/** Profilers of this process, running or not. */
export interface Profilers extends Disposable {
  /** Samples from now on. Harmless when running. @throws UseAfterReleaseError after `dispose`. */
  start(): void;
  /** Takes a last sample and stops. Harmless when not running. */
  stop(): void;
  /** Takes one sample now, besides the regular ones. @throws UseAfterReleaseError after `dispose`. */
  sample(): void;
  /** What sampling itself has cost. */
  readonly overhead: { readonly samples: number; readonly totalMs: number };
  /** Stops for good. */
  dispose(): void;
}

/**
 * Watches this process: processor use, memory, event loop, garbage collection and, with a power source, energy. The timer does
 * not keep the process alive.
 *
 * @throws InvalidArgumentError when `intervalMs` is below 10 or not finite.
 *
 * @example
 * using profilers = createProfilers({ registry });
 * profilers.start();
 */
export function createProfilers(options: ProfilerOptions): Profilers {
  const { registry, clock = systemClock, intervalMs = 1000, powerSource, onError } = options;
  if (!(intervalMs >= 10 && Number.isFinite(intervalMs))) {
    throw new InvalidArgumentError('A sampling interval is out of range', {
      expected: 'at least 10 ms',
      actual: intervalMs,
    });
  }
  const fail = (error: unknown) => {
    registry
      .counter('profiler_errors_total', {}, { help: 'Samples left out because a source failed.' })
      .increment();
    onError?.(error);
  };
  const profilers = [
    cpuProfiler(registry),
    memoryProfiler(registry),
    eventLoopProfiler(registry),
    garbageCollectionProfiler(registry),
    ...(powerSource ? [energyProfiler(registry, powerSource, fail)] : []),
  ];
  let timer: NodeJS.Timeout | null = null;
  let disposed = false;
  const overhead = { samples: 0, totalMs: 0 };
  const sample = () => {
    const begunMs = performance.now();
    const nowMs = clock.nowMs();
    for (const profiler of profilers) profiler.sample(nowMs);
    overhead.samples++;
    overhead.totalMs += performance.now() - begunMs;
  };
  const assertAlive = () => {
    if (disposed) throw new UseAfterReleaseError('Profilers were used after dispose()');
  };
  const stop = () => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    sample();
    for (const profiler of profilers) profiler.stop();
  };
  const dispose = () => {
    stop();
    disposed = true;
  };
  return {
    start() {
      assertAlive();
      if (timer !== null) return;
      for (const profiler of profilers) profiler.start(clock.nowMs());
      timer = setInterval(sample, intervalMs).unref();
    },
    stop,
    sample() {
      assertAlive();
      sample();
    },
    overhead,
    dispose,
    [Symbol.dispose]: dispose,
  };
}
