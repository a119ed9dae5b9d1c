// What one record costs, beside prom-client: node bench/record-cost.mjs (after a build).
// All subjects take turns in every round, in rotated order, so that a busy neighbour hits them alike. Each sample is processor
// time of the process over one batch; the least of all rounds is the cost, the median shows how noisy the machine was.
import { cpus } from 'node:os';
import { MetricRegistry } from '@qedge/monitor';
import prometheus from 'prom-client';

const ROUNDS = 31;
const BATCH = 400_000;

const values = Float64Array.from({ length: 4096 }, (_, i) => Math.exp(((i * 2654435761) % 4096) / 512));
const registry = new MetricRegistry();
const labels = { precision: 'int8', device: 'cpu' };
const names = Object.keys(labels);
const bound = registry.counter('bound_total', labels);
const gauge = registry.gauge('gauge', labels);
const histogram = registry.histogram('latency_ms', labels);
const peerCounter = new prometheus.Counter({ name: 'peer_total', help: 'c', labelNames: names });
const peerBound = peerCounter.labels(...Object.values(labels));
const peerPlain = new prometheus.Counter({ name: 'plain_total', help: 'c' });
const peerGauge = new prometheus.Gauge({ name: 'peer_gauge', help: 'g', labelNames: names }).labels(
  ...Object.values(labels),
);
const peerHistogram = new prometheus.Histogram({ name: 'peer_ms', help: 'h', labelNames: names });
const peerBoundHistogram = peerHistogram.labels(...Object.values(labels));

let sink = 0;
const subjects = {
  'a call that does next to nothing': (i) => {
    sink += i;
  },
  'qedge counter, bound': () => bound.increment(),
  'prom-client counter without labels': () => peerPlain.inc(),
  'prom-client counter, labels() kept': () => peerBound.inc(),
  'prom-client counter, labels per call': () => peerCounter.inc(labels),
  'qedge gauge, bound': (i) => gauge.set(values[i]),
  'prom-client gauge, labels() kept': (i) => peerGauge.set(values[i]),
  'qedge histogram, bound': (i) => histogram.record(values[i]),
  'prom-client histogram, labels() kept': (i) => peerBoundHistogram.observe(values[i]),
  'prom-client histogram, labels per call': (i) => peerHistogram.observe(labels, values[i]),
};

// Each subject gets a loop of its own, so that none is slowed down by a call site that has seen many functions.
const loops = Object.fromEntries(
  Object.entries(subjects).map(([name, record]) => [
    name,
    new Function('record', 'count', 'for (let i = 0; i < count; i++) record(i & 4095);').bind(null, record),
  ]),
);
const order = Object.keys(loops);
const samples = Object.fromEntries(order.map((name) => [name, []]));
for (const name of order) loops[name](BATCH);
for (let round = 0; round < ROUNDS; round++) {
  for (let at = 0; at < order.length; at++) {
    const name = order[(at + round) % order.length];
    const before = process.cpuUsage();
    loops[name](BATCH);
    const { user, system } = process.cpuUsage(before);
    samples[name].push(((user + system) * 1000) / BATCH);
  }
}
const least = (list) => Math.min(...list);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
console.log(
  `node ${process.version}, ${cpus()[0]?.model}, ${ROUNDS} rounds of ${BATCH}, ns per record with its loop`,
);
console.table(
  Object.fromEntries(
    order.map((name) => [
      name,
      { least: Number(least(samples[name]).toFixed(1)), median: Number(median(samples[name]).toFixed(1)) },
    ]),
  ),
);
if (histogram.count === 0 || bound.value === 0 || Number.isNaN(sink)) throw new Error('nothing was recorded');
