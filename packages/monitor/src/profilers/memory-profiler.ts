import type { MetricRegistry } from '../metric-registry.ts';
import type { Profiler } from './profiler.ts';

/** Resident, heap, external and array-buffer memory of the process, in bytes. */
export function memoryProfiler(registry: MetricRegistry): Profiler {
  const gauge = (name: string, help: string) => registry.gauge(name, {}, { help });
  const resident = gauge('process_resident_memory_bytes', 'Memory of the process in RAM.');
  const heapUsed = gauge('process_heap_used_bytes', 'JavaScript heap in use.');
  const external = gauge(
    'process_external_memory_bytes',
    'Memory outside the heap held by JavaScript objects.',
  );
  const arrayBuffers = gauge(
    'process_array_buffer_bytes',
    'Memory of array buffers, a part of external memory.',
  );
  return {
    start() {},
    sample() {
      const usage = process.memoryUsage();
      resident.set(usage.rss);
      heapUsed.set(usage.heapUsed);
      external.set(usage.external);
      arrayBuffers.set(usage.arrayBuffers);
    },
    stop() {},
  };
}
