// A process of the planning benchmark: the phases from a circuit to code for one instruction set. Prints JSON.
import { readFileSync } from 'node:fs';
import { createKernelHost } from '@qedge/codegen/node';
import { Random } from '@qedge/core';
import { Circuit } from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { liftAngles } from '../src/simulation/program/lift-angles.ts';
import { lowerCircuit } from '../src/state-vector/lowering/lower-circuit.ts';
import { createStateMachine } from '../src/state-vector/machine/create-node-machine.ts';
import { planSweeps } from '../src/state-vector/planner/plan-sweeps.ts';
import { brickwork, toCircuit } from './circuits.mjs';

const { isa, work, seed, later, binds } = JSON.parse(process.argv[2]);

/** Circuits of one kind, each of another structure (up to 24 and 50 of them): engines remember those that they have seen. */
const WORKS = {
  'brickwork 24 x 20': (index) => {
    const { qubitCount, gates } = brickwork(24, 20, seed + index);
    return toCircuit({ qubitCount, gates: [['h', [index % 24], []], ...gates] });
  },
  'variational, 100 gates': (index) => {
    const random = new Random(seed + index);
    const circuit = new Circuit(10);
    for (let layer = 0; layer < 5; layer++) {
      for (let qubit = 0; qubit < 10; qubit++) circuit.ry(random.uniform() * Math.PI, qubit);
      for (let qubit = 0; qubit < 10; qubit++) {
        const pair = [qubit, (qubit + 1) % 10];
        circuit.cx(...(index === 10 * layer + qubit ? pair.reverse() : pair));
      }
    }
    return circuit;
  },
};

const now = () => performance.now();

/**
 * Milliseconds that this thread has had a processor, in steps of some; null where the system does not tell. On busy machines more goes by
 * on the clock.
 */
function threadMilliseconds() {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return null;
  }
}

/** Tells generation from loading: `assemble` of every host calls one function for each kernel, which generates it. */
function watchGeneration() {
  const { host } = createKernelHost({ isa });
  const prototype = Object.getPrototypeOf(host);
  host.dispose();
  const { assemble } = prototype;
  const watch = { milliseconds: 0 };
  prototype.assemble = function assembleWatched(kernels, memory, element) {
    const watched = kernels.map(({ key, emit }) => ({
      key,
      emit(target) {
        const start = now();
        emit(target);
        watch.milliseconds += now() - start;
      },
    }));
    return assemble.call(this, watched, memory, element);
  };
  return watch;
}

function runPhases(machine, watch, circuit) {
  const places = Array.from({ length: circuit.qubitCount }, (_, qubit) => qubit);
  const { instructions, angles } = liftAngles(circuit.instructions, places);
  const start = now();
  const lowered = lowerCircuit(instructions, circuit.qubitCount, { keep: 'all', startsAtZero: true });
  const afterLowering = now();
  const planned = planSweeps(lowered, machine.layoutOf(circuit.qubitCount), machine.shape);
  const afterPlanning = now();
  watch.milliseconds = 0;
  const loaded = machine.load(planned.program);
  const afterLoading = now();
  const phases = {
    lower: afterLowering - start,
    plan: afterPlanning - afterLowering,
    generate: watch.milliseconds,
    load: afterLoading - afterPlanning - watch.milliseconds,
    total: afterLoading - start,
  };
  return { phases, planned, loaded, angles };
}

async function measurePhases() {
  const start = now();
  const machine = await createStateMachine({ element: 'float32', isa });
  const create = now() - start;
  const watch = watchGeneration();
  const circuits = Array.from({ length: later + 1 }, (_, index) => WORKS[work](index));
  for (const { instructions } of circuits) instructions.length;
  const random = new Random(seed);
  const threadStart = threadMilliseconds();
  let firstOnProcessor = null;
  const all = circuits.map((circuit) => {
    const { phases, planned, loaded, angles } = runPhases(machine, watch, circuit);
    if (threadStart !== null) firstOnProcessor ??= threadMilliseconds() - threadStart;
    const bindTimes = Array.from({ length: binds }, () => {
      const values = Float64Array.from(angles, () => random.uniform() * 2 * Math.PI);
      const begin = now();
      planned.bind(values, loaded.tables);
      return now() - begin;
    });
    const { codeBytes } = loaded;
    loaded.dispose();
    return { phases, bind: { first: bindTimes[0], best: Math.min(...bindTimes) }, codeBytes };
  });
  machine.dispose();
  return { create, firstOnProcessor, first: all[0], later: all.slice(1) };
}

/** What a user waits for: `compile` of a simulator. */
async function measureSimulator() {
  const start = now();
  const simulator = await createStateVectorSimulator({ precision: 'f32', isa });
  const create = now() - start;
  const circuits = Array.from({ length: later + 1 }, (_, index) => WORKS[work](index));
  for (const { instructions } of circuits) instructions.length;
  const times = circuits.map((circuit) => {
    const begin = now();
    simulator.compile(circuit).dispose();
    return now() - begin;
  });
  simulator.dispose();
  return { create, first: times[0], later: times.slice(1) };
}

const phases = await (process.argv[3] === 'simulator' ? measureSimulator() : measurePhases());
console.log(JSON.stringify({ node: process.version, ...phases }));
