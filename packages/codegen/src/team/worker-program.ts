import { CONTROL, FAILURE_TEXT_BYTES, RELEASE_ALL, THREAD_WORDS, TURNS_PER_CLOCK } from './control-words.ts';

/** What a worker is told when it starts. */
export interface WorkerStart {
  readonly control: SharedArrayBuffer;
  /** Its index in the team, 1 or more. */
  readonly thread: number;
  /** How long it spins for before it sleeps, in microseconds. */
  readonly spinMicroseconds: number;
  /** The path from which koffi loads; null where there is none, or where it is not needed. */
  readonly koffiPath: string | null;
}

/** The C function that lets another thread run on this core. */
export const SCHED_YIELD = 'int sched_yield()';

/** One thread's share of a step. */
export interface PortablePart {
  readonly kernel: unknown;
  readonly block: number;
}

/** What a worker is sent while it lives. */
export type TeamMessage =
  | {
      readonly plan: number;
      readonly participants: number;
      /** This thread's part of each step; null where it has none. */
      readonly steps: readonly (PortablePart | null)[];
      /** Where modules look for their memory. */
      readonly memoryImport: { readonly module: string; readonly name: string };
    }
  | { readonly forget: number }
  /** Ends the thread by itself, after all that was sent before. */
  | { readonly end: true };

/**
 * What a worker runs, as text, because a published package cannot know where a bundler will put its files. It defines
 * `startTeamWorker(start, koffi, yieldThread, end)`, which returns what handles each message.
 *
 * Between runs the worker spins, then sleeps on its bell. It can hear messages only after it has returned to its event loop; so it
 * does that when more were sent than it has handled, and the handler of the last one lets it wait for runs again.
 */
const TEAM_WORKER = `
function startTeamWorker({ control, thread, spinMicroseconds }, koffi, yieldThread, end) {
  const words = new Int32Array(control);
  const own = thread * ${THREAD_WORDS};
  const [BELL, RUN, MAIL] = [own + ${CONTROL.bell}, own + ${CONTROL.run}, own + ${CONTROL.mail}];
  const [ASLEEP, BEGUN] = [own + ${CONTROL.asleep}, own + ${CONTROL.begun}];
  const [ARRIVED, SLEEPERS] = [${CONTROL.arrived}, ${CONTROL.sleepers}];
  const [FAILED, PLAN] = [${CONTROL.failed}, ${CONTROL.plan}];
  const pause = Atomics.pause ?? (() => {});
  const plans = new Map();
  let type;
  let handled = 0;
  let lastRun = 0;

  // Whether the word reaches the target soon. Differences are right even where a count has wrapped around.
  function spin(word, target) {
    let end = 0;
    for (let turn = 1; (Atomics.load(words, word) - target | 0) < 0; turn++) {
      pause();
      if (turn % ${TURNS_PER_CLOCK} !== 0) continue;
      yieldThread();
      const now = performance.now();
      if (end === 0) end = now + spinMicroseconds / 1000;
      else if (now > end) return false;
    }
    return true;
  }

  function loadKernels() {
    const instances = new Map();
    return (kernel) => {
      if (kernel.kind === 'machine-code') {
        // Once per thread: koffi keeps a type until the thread ends.
        type ??= koffi.proto('void', ['int64_t']);
        return koffi.decode(BigInt(kernel.address), type);
      }
      const { module, memory, name, memoryImport } = kernel;
      let ofMemory = instances.get(module);
      if (!ofMemory) instances.set(module, ofMemory = new Map());
      let instance = ofMemory.get(memory);
      if (!instance) {
        instance = new WebAssembly.Instance(module, { [memoryImport.module]: { [memoryImport.name]: memory } });
        ofMemory.set(memory, instance);
      }
      return instance.exports[name];
    };
  }

  function addPlan({ plan, participants, steps, memoryImport }) {
    const load = loadKernels();
    plans.set(plan, {
      participants,
      steps: steps.map((part) => part && { run: load({ ...part.kernel, memoryImport }), block: part.block }),
    });
  }

  function awaitAll(target) {
    while (!spin(ARRIVED, target)) {
      Atomics.add(words, SLEEPERS, 1);
      const seen = Atomics.load(words, ARRIVED);
      if (seen < target) Atomics.wait(words, ARRIVED, seen);
      Atomics.sub(words, SLEEPERS, 1);
    }
  }

  function execute({ participants, steps }) {
    let target = 0;
    for (let step = 0; step < steps.length; step++) {
      awaitAll(target);
      if (Atomics.load(words, FAILED) !== 0) return;
      const part = steps[step];
      if (part) part.run(part.block);
      target += participants;
      if (Atomics.add(words, ARRIVED, 1) + 1 === target && Atomics.load(words, SLEEPERS) > 0) {
        Atomics.notify(words, ARRIVED);
      }
    }
  }

  function fail(error) {
    const text = String(error?.message ?? error).slice(0, ${FAILURE_TEXT_BYTES / 2 - 2});
    if (Atomics.compareExchange(words, FAILED, 0, thread + 1) !== 0) return;
    const at = control.byteLength - ${FAILURE_TEXT_BYTES};
    const units = new Uint16Array(control, at + 4, text.length);
    for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
    Atomics.store(words, at / 4, text.length);
    Atomics.add(words, ARRIVED, ${RELEASE_ALL});
    Atomics.notify(words, ARRIVED);
  }

  function serve() {
    for (;;) {
      // In this order: a plan is mailed before the run that needs it.
      const bell = Atomics.load(words, BELL);
      const run = Atomics.load(words, RUN);
      if (Atomics.load(words, MAIL) !== handled) return;
      if (run !== lastRun) {
        lastRun = run;
        Atomics.store(words, BEGUN, run);
        execute(plans.get(Atomics.load(words, PLAN)));
      } else if (!spin(BELL, bell + 1)) {
        Atomics.store(words, ASLEEP, 1);
        Atomics.wait(words, BELL, bell);
        Atomics.store(words, ASLEEP, 0);
      }
    }
  }

  return (message) => {
    if (message.end) return end();
    try {
      if (message.forget === undefined) addPlan(message);
      else plans.delete(message.forget);
      handled = handled + 1 | 0;
      if (handled === Atomics.load(words, MAIL)) serve();
    } catch (error) {
      fail(error);
      throw error;
    }
  };
}
`;

/** The whole program of a worker of Node. */
export const NODE_WORKER_PROGRAM = `'use strict';
const { parentPort, workerData } = require('node:worker_threads');
${TEAM_WORKER}
const koffi = workerData.koffiPath === null ? null : require(workerData.koffiPath);
// koffi allocates the stack of its calls when a library is loaded; without one, the first call of a thread ends the process.
const yieldThread = koffi === null ? () => {} : koffi.load(null).func('${SCHED_YIELD}');
const handle = startTeamWorker(workerData, koffi, yieldThread, () => parentPort.close());
parentPort.on('message', handle);
let name = null;
try { name = require('node:fs').readlinkSync('/proc/thread-self'); } catch {}
parentPort.postMessage({ ready: true, name });
`;

/** The whole program of a browser's worker: its first message is a {@link WorkerStart}. */
export const BROWSER_WORKER_PROGRAM = `'use strict';
${TEAM_WORKER}
self.onmessage = ({ data: start }) => {
  const handle = startTeamWorker(start, null, () => {}, () => self.close());
  self.onmessage = ({ data }) => handle(data);
  self.postMessage({ ready: true, name: null });
};
`;
