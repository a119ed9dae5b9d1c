// A process of the WebAssembly benchmark: a simulator that answers requests, JSON objects on lines, as tooling/peers/quantum/serve.py does.
import { createInterface } from 'node:readline';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { toCircuit } from './circuits.mjs';

const [isa, threads] = process.argv.slice(2);
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

let compiled = null;
let simulator = null;

const CALLS = {
  prepare({ circuit }) {
    compiled?.dispose();
    compiled = simulator.compile(toCircuit(circuit));
    return compiled.timings;
  },
  run() {
    const start = performance.now();
    const state = compiled.run();
    const seconds = (performance.now() - start) / 1000;
    state.dispose();
    return seconds;
  },
  amplitudes({ indices }) {
    using state = compiled.run();
    return indices.map((index) => state.amplitude(index));
  },
};

try {
  simulator = await createStateVectorSimulator({ precision: 'f32', isa, threads: Number(threads) });
  answer({ version: `${simulator.target}, Node ${process.version}` });
} catch (error) {
  answer({ error: String(error) });
  process.exit(1);
}
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { call, ...parameters } = JSON.parse(line);
    answer({ value: CALLS[call](parameters) });
  } catch (error) {
    answer({ error: String(error) });
  }
}
simulator.dispose();
