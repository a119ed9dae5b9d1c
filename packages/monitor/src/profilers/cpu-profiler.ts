import { availableParallelism } from 'node:os';
import type { MetricRegistry } from '../metric-registry.ts';
import type { Profiler } from './profiler.ts';

/** `process_cpu_fraction` (share of all processors, 0..1) and `process_cpu_time_ms_total`, all threads of the process. */
export function cpuProfiler(registry: MetricRegistry): Profiler {
  const fraction = registry.gauge(
    'process_cpu_fraction',
    {},
    { help: 'Share of all processors this process used, 0..1.' },
  );
  const total = registry.counter(
    'process_cpu_time_ms_total',
    {},
    { help: 'Processor time of all threads.', unit: 'ms' },
  );
  const processors = availableParallelism();
  let before = process.cpuUsage();
  let beforeMs = 0;
  return {
    start(nowMs) {
      before = process.cpuUsage();
      beforeMs = nowMs;
    },
    sample(nowMs) {
      const now = process.cpuUsage();
      const usedMs = (now.user - before.user + now.system - before.system) / 1000;
      const elapsedMs = nowMs - beforeMs;
      total.increment(Math.max(0, usedMs));
      if (elapsedMs > 0) fraction.set(Math.min(1, usedMs / (elapsedMs * processors)));
      before = now;
      beforeMs = nowMs;
    },
    stop() {},
  };
}
