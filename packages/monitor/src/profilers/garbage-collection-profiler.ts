import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import type { MetricRegistry } from '../metric-registry.ts';
import type { Profiler } from './profiler.ts';

const KIND_NAMES: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak-callbacks',
};

/**
 * `garbage_collections_total` by `kind` and `garbage_collection_pause_ms`. Node hands over several entries per callback; every
 * one is counted, also those still queued at a tick or at the end.
 */
export function garbageCollectionProfiler(registry: MetricRegistry): Profiler {
  const pause = registry.histogram('garbage_collection_pause_ms', {}, { help: 'Garbage collection pauses.' });
  const count = (entry: PerformanceEntry) => {
    const { kind: code } = (entry as PerformanceEntry & { detail: { kind: number } }).detail;
    const kind = KIND_NAMES[code] ?? 'other';
    registry
      .counter('garbage_collections_total', { kind }, { help: 'Garbage collections by kind.' })
      .increment();
    pause.record(entry.duration);
  };
  let observer: PerformanceObserver | null = null;
  return {
    start() {
      observer?.disconnect();
      observer = new PerformanceObserver((list) => list.getEntries().forEach(count));
      observer.observe({ entryTypes: ['gc'] });
    },
    sample() {
      observer?.takeRecords().forEach(count);
    },
    stop() {
      observer?.takeRecords().forEach(count);
      observer?.disconnect();
      observer = null;
    },
  };
}
