// Taking a tensor from a pool against making one. Needs a build: `npx tsup`, then
// `node --expose-gc bench/memory.mjs`. The two sides of a pair alternate within one process; the best and the median are printed.
import { cpus } from 'node:os';
import { TensorPool } from '@qedge/memory';

function summarize(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return { best: sorted[0], median: sorted[sorted.length >> 1] };
}

function timed(work) {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
}

/** Alternates the sides; `rounds` samples of each, in milliseconds per repetition; the first round is a warm-up. */
function compare(sides, rounds, repetitions = 1) {
  const samples = new Map(sides.map(([name]) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, work, release] of sides) {
      // A forced collection between short loops would be measured instead of them.
      if (repetitions === 1) globalThis.gc?.();
      const [durationMs, result] = timed(work);
      if (round >= 0) samples.get(name).push(durationMs / repetitions);
      release?.(result);
    }
  }
  return [...samples].map(([name, list]) => ({ name, ...summarize(list) }));
}

function print(title, rows, unit, scale) {
  console.log(`\n${title}`);
  for (const { name, best, median } of rows) {
    console.log(
      `  ${name.padEnd(46)} best ${(best * scale).toFixed(3)} ${unit}, median ${(median * scale).toFixed(3)} ${unit}`,
    );
  }
}

function benchPool() {
  const repetitions = 20_000;
  const shape = [25_088];
  const pool = new TensorPool();
  pool.preallocate([{ dtype: 'float32', shape }]);
  let sink = 0;
  const acquire = (options) => () => {
    for (let i = 0; i < repetitions; i++) {
      const tensor = pool.acquire('float32', shape, options);
      sink += tensor.data.length;
      tensor.dispose();
    }
  };
  const allocate = () => {
    for (let i = 0; i < repetitions; i++) sink += new Float32Array(25_088).length;
  };
  const rows = compare(
    [
      ['TensorPool acquire + dispose', acquire()],
      ['TensorPool acquire({ clear: true }) + dispose', acquire({ clear: true })],
      ['new Float32Array(25088)', allocate],
    ],
    9,
    repetitions,
  );
  if (!(sink > 0)) throw new Error('nothing was done');
  print('One tensor of 25 088 floats', rows, 'ns', 1e6);
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${process.platform} ${process.arch}`,
);
benchPool();
