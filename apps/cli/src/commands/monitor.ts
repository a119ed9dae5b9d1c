import { freemem, totalmem } from 'node:os';
import { systemClock } from '@qedge/core';
import { detectAnomalies, MetricHistory, MetricRegistry } from '@qedge/monitor';
import { createProfilers, serveMonitor } from '@qedge/monitor/node';
import { openPowerSource } from '@qedge/power/node';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption } from '../command.ts';

interface MonitorOptions {
  readonly seconds?: number;
  readonly interval: number;
  readonly serve?: boolean;
  readonly port: number;
}

export function monitorCommand(): Command {
  const command = defineCommand(
    'monitor',
    'watch this machine: processor, memory, heat, power, anomalies',
    'Samples this machine and this process for a while, then prints what it saw and whether anything looks wrong. With --serve it shows a live page (loopback only) until Ctrl-C, with Prometheus metrics at /metrics.',
  )
    .option('--seconds <n>', 'how long (default: 5, or until Ctrl-C with --serve)', integerOption(1))
    .option('--interval <ms>', 'time between samples', integerOption(50, 60_000), 500)
    .option('--serve', 'show a live page')
    .option('--port <n>', 'port of the live page; 0 takes a free one', integerOption(0, 65_535), 0);
  return attachHandler<[MonitorOptions]>(command, async (context, options): Promise<CommandResult> => {
    const registry = new MetricRegistry();
    const history = new MetricHistory();
    const { source: opened, capabilities } = await openPowerSource();
    using source = opened;
    using profilers = createProfilers({ registry, intervalMs: options.interval, powerSource: source });
    const cpu = registry.gauge(
      'machine_cpu_fraction',
      {},
      { help: 'Share of all cores in use.', unit: 'fraction' },
    );
    const memory = registry.gauge('machine_memory_used_bytes', {}, { help: 'Memory in use.', unit: 'bytes' });
    profilers.start();
    await using server = options.serve
      ? await serveMonitor({ registry, port: options.port, intervalMs: options.interval })
      : null;
    if (server) context.note(`Watch it at ${server.url} (Ctrl-C ends it)`);
    const seconds = options.seconds ?? (options.serve ? Number.POSITIVE_INFINITY : 5);
    const startMs = systemClock.nowMs();
    while (systemClock.nowMs() - startMs < seconds * 1000 && !context.signal.aborted) {
      context.onProgress({
        phase: 'watching',
        done: Math.round((systemClock.nowMs() - startMs) / 1000),
        total: Number.isFinite(seconds) ? seconds : null,
      });
      await systemClock.sleep(options.interval, context.signal).catch(() => undefined);
      const state = await source.read();
      if (state.utilizationFraction !== null) cpu.set(state.utilizationFraction);
      memory.set(totalmem() - freemem());
      history.append(registry.snapshot());
    }
    const state = await source.read();
    const series = history.series();
    const anomalies = detectAnomalies(series);
    const latest = Object.fromEntries(
      series.map((one) => [
        metricKey(one.name, one.labels),
        { unit: one.unit, value: one.values.at(-1) ?? null },
      ]),
    );
    const json = {
      seconds: (systemClock.nowMs() - startMs) / 1000,
      power: state,
      sensors: capabilities,
      metrics: latest,
      anomalies,
    };
    return {
      json,
      text: describe(
        latest,
        anomalies.map((anomaly) => anomaly.explanation),
      ),
    };
  });
}

function metricKey(name: string, labels: Readonly<Record<string, string>>): string {
  const inner = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return inner.length === 0 ? name : `${name}{${inner.join(',')}}`;
}

function describe(
  latest: Record<string, { unit: string; value: number | null }>,
  explanations: readonly string[],
): string {
  const lines = Object.entries(latest)
    .filter(([, { value }]) => value !== null && Number.isFinite(value))
    .map(
      ([name, { unit, value }]) =>
        `${name.padEnd(46)} ${Number(value!.toPrecision(5))} ${unit === '1' ? '' : unit}`,
    );
  return [...lines, '', ...(explanations.length === 0 ? ['nothing looks wrong'] : explanations)].join('\n');
}
