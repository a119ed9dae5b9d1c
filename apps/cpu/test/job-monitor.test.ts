import { systemClock } from '@qedge/core';
import { openPowerSource } from '@qedge/power/node';
import { describe, expect, it } from 'vitest';
import { JobMonitor } from '../src/job-monitor.ts';
import { reportSchema } from '../src/report/schema.ts';

describe('the monitor of the main job', () => {
  it('reports a series for everything that the report draws, power with its provenance', async () => {
    const { source } = await openPowerSource();
    using _ = source;
    await using monitor = new JobMonitor(systemClock, source);
    await monitor.tracer.span('work', () => new Promise((resolve) => setTimeout(resolve, 1300)));
    const report = monitor.report();
    expect(() => reportSchema.shape.monitor.parse(report)).not.toThrow();
    const series = new Map(report.series.map((one) => [one.name, one]));
    expect([...series.keys()].sort()).toEqual([
      'device_power_watts',
      'event_loop_delay_p99_ms',
      'process_cpu_fraction',
      'process_heap_used_bytes',
      'process_resident_memory_bytes',
    ]);
    expect(series.get('device_power_watts')!.labels.provenance).toMatch(/^(measured|calibrated|modelled)$/);
    for (const { points } of series.values()) expect(points.length).toBeGreaterThan(1);
    expect(report.spans).toMatchObject([{ name: 'work', status: 'ok', parentId: null }]);
  });
});
