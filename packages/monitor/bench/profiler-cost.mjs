// What the profilers cost: node bench/profiler-cost.mjs (after a build). Samples as fast as it can for two seconds and reports
// processor time per sample; at one sample per second a microsecond is 0.0001 % of a processor.
import { MetricRegistry } from '@qedge/monitor';
import { createProfilers } from '@qedge/monitor/node';

const PER_BATCH = 200;
const profilers = createProfilers({ registry: new MetricRegistry(), intervalMs: 3_600_000 });
profilers.start();
const costs = [];
for (const until = performance.now() + 2000; performance.now() < until; ) {
  const before = process.cpuUsage();
  for (let i = 0; i < PER_BATCH; i++) profilers.sample();
  const { user, system } = process.cpuUsage(before);
  costs.push((user + system) / PER_BATCH);
  await new Promise((resolve) => setImmediate(resolve));
}
profilers.dispose();
costs.sort((a, b) => a - b);
console.log(
  `node ${process.version}: ${costs.length * PER_BATCH} samples, processor time per sample: least ${costs[0].toFixed(0)} µs, median ${costs[costs.length >> 1].toFixed(0)} µs`,
);
