// A worker of the browser benchmark: `@qedge/quantum`, float32.
import { createStateVectorSimulator } from '@qedge/quantum';
import { toCircuit } from './circuits.mjs';

/** A browser's clock has steps of up to 100 microseconds. */
const LEAST_SECONDS = 0.03;

let simulator = null;
let compiled = null;

const CALLS = {
  async open({ threads }) {
    simulator = await createStateVectorSimulator({ precision: 'f32', threads });
    return { target: simulator.target, threads: simulator.threads };
  },
  /** Seconds from a circuit to its state, code included; `@qedge/quantum` has not seen one of its size before. */
  prepare({ circuit }) {
    compiled?.dispose();
    const built = toCircuit(circuit);
    const start = performance.now();
    compiled = simulator.compile(built);
    compiled.run().dispose();
    return { firstSeconds: (performance.now() - start) / 1000 };
  },
  /** Seconds of one run, the best of `repeats`. Short ones are timed many at once. */
  time({ repeats }) {
    timeRuns(1);
    let count = 1;
    while (timeRuns(count) < LEAST_SECONDS) count *= 2;
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < repeats; i++) best = Math.min(best, timeRuns(count) / count);
    return best;
  },
  amplitudes() {
    using state = compiled.run();
    return Array.from(state.amplitudes());
  },
};

function timeRuns(count) {
  const start = performance.now();
  for (let i = 0; i < count; i++) compiled.run().dispose();
  return (performance.now() - start) / 1000;
}

globalThis.onmessage = async ({ data: { call, ...parameters } }) => {
  try {
    globalThis.postMessage({ value: await CALLS[call](parameters) });
  } catch (error) {
    globalThis.postMessage({ error: String(error) });
  }
};
