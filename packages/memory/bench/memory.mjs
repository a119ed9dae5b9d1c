// Taking a tensor from a pool against making one, and planning arenas. Needs a build: `npx tsup`, then
// `node --expose-gc bench/memory.mjs`. The two sides of a pair alternate within one process; the best and the median are printed.
import { cpus } from 'node:os';
import { planArena, TensorPool } from '@qedge/memory';

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

/** Short loops, so that some of them run undisturbed. */
function benchPool(shape, title) {
  const repetitions = 5000;
  const elements = shape.reduce((a, b) => a * b, 1);
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
    for (let i = 0; i < repetitions; i++) sink += new Float32Array(elements).length;
  };
  const rows = [
    ...compare([['TensorPool acquire + dispose', acquire()]], 400, repetitions),
    ...compare(
      [
        ['TensorPool acquire({ clear: true }) + dispose', acquire({ clear: true })],
        [`new Float32Array(${elements})`, allocate],
      ],
      9,
      repetitions,
    ),
  ];
  if (!(sink > 0)) throw new Error('nothing was done');
  print(title, rows, 'ns', 1e6);
}

/** Lifetimes from a linear congruential generator: equal in every run. */
function randomLifetimes(count, longest) {
  let state = 1;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, (_, index) => {
    const firstUse = random(count);
    const byteLength = 64 * (1 + random(1000));
    return { name: `buffer ${index}`, byteLength, firstUse, lastUse: firstUse + random(longest) };
  });
}

function benchArena() {
  console.log('\nPlan an arena, best of 3');
  for (const [count, longest] of [
    [24, 8],
    [100, 10],
    [1000, 12],
    [5000, 20],
    [5000, 1500],
  ]) {
    const buffers = randomLifetimes(count, longest);
    for (const searchSteps of [0, 1e7]) {
      const runs = [1, 2, 3].map(() => timed(() => planArena(buffers, { searchSteps })));
      const durationMs = Math.min(...runs.map(([duration]) => duration));
      const { byteLength, lowerBoundBytes, optimal } = runs[0][1];
      const gap = (100 * (byteLength / lowerBoundBytes - 1)).toFixed(2);
      console.log(
        `  ${count} buffers of up to ${longest} steps, ${searchSteps} search steps: ${durationMs.toFixed(1)} ms, ` +
          `${gap} % above the lower bound${optimal ? ' (optimal)' : ''}`,
      );
    }
  }
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${process.platform} ${process.arch}`,
);
benchPool([25_088], 'One tensor of 25 088 floats');
benchPool([1, 28, 28, 32], 'The same with four axes');
benchArena();
