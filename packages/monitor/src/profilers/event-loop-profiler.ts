import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { MetricRegistry } from '../metric-registry.ts';
import type { Profiler } from './profiler.ts';

const RESOLUTION_MS = 10;

/**
 * `event_loop_delay_p50_ms`, `event_loop_delay_p99_ms`, `event_loop_delay_max_ms` since the last tick, and
 * `event_loop_utilization_fraction`. The delay is what a timer was late by: Node's histogram holds whole intervals, so the timer's own
 * {@link RESOLUTION_MS} are taken off.
 */
export function eventLoopProfiler(registry: MetricRegistry): Profiler {
  const late = 'How late timers of the event loop were since the last sample';
  const p50 = registry.gauge('event_loop_delay_p50_ms', {}, { help: `${late}, median.` });
  const p99 = registry.gauge('event_loop_delay_p99_ms', {}, { help: `${late}, 99th percentile.` });
  const max = registry.gauge('event_loop_delay_max_ms', {}, { help: `${late}, worst.` });
  const utilization = registry.gauge(
    'event_loop_utilization_fraction',
    {},
    { help: 'Share of time the event loop was not idle, 0..1.' },
  );
  let histogram: IntervalHistogram | null = null;
  let before = performance.eventLoopUtilization();
  return {
    start() {
      histogram?.disable();
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      histogram.enable();
      before = performance.eventLoopUtilization();
    },
    sample() {
      const now = performance.eventLoopUtilization();
      const { utilization: share } = performance.eventLoopUtilization(now, before);
      if (Number.isFinite(share)) utilization.set(share);
      before = now;
      if (!histogram || histogram.count === 0) return;
      p50.set(delayMs(histogram.percentile(50)));
      p99.set(delayMs(histogram.percentile(99)));
      max.set(delayMs(histogram.max));
      histogram.reset();
    },
    stop() {
      histogram?.disable();
      histogram = null;
    },
  };
}

function delayMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
