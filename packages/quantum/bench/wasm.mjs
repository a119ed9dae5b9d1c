/**
 * @file Brickwork circuits through WebAssembly, without machine code, against qsim's AVX2 module.
 *
 * node bench/wasm.mjs [--python python3] [--sizes 20,24] [--threads 1] [--rounds 5] [--seed 1] [--json]
 *
 * Contenders: 128-bit WebAssembly on this Node (before Node 22 without relaxed SIMD, and with it behind its flag) and on the one that
 * `QEDGE_NODE24` names, and there 256-bit WebAssembly (V8's revectorizer); qsim with its best number of fused qubits of 2, 3, 4 (`--python` has the packages of
 * tooling/peers/quantum/requirements.txt). Every contender is a process of its own; they take turns. Milliseconds from |0...0> to the
 * state, single precision, the best of all rounds; planning and code are made before. Amplitudes are compared.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { bundle, linkKoffi } from './bundle.mjs';

const SERVE = join(import.meta.dirname, '../../../tooling/peers/quantum/serve.py');
const GOALS = { 'wasm-strict': 1.4, wasm: 1.4, 'wasm-256': 2.5 };
const DEPTH = 20;
const FUSIONS = [2, 3, 4];
const CHECKED_AMPLITUDES = 64;
/** Of two simulators in single precision. */
const TOLERANCE = 1e-5;

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    sizes: { type: 'string', default: '20,24' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** A process that answers requests line by line. */
class LineProcess {
  static async start(name, command, argv) {
    const process = new LineProcess();
    process.name = name;
    process.child = spawn(command, argv, { stdio: ['pipe', 'pipe', 'ignore'] });
    const failed = new Promise((_, reject) => process.child.once('error', reject));
    process.reader = createInterface({ input: process.child.stdout });
    process.lines = process.reader[Symbol.asyncIterator]();
    const first = await Promise.race([process.lines.next(), failed]);
    const greeting = first.done ? { error: 'it ended at once' } : JSON.parse(first.value);
    if (greeting.error === undefined) return Object.assign(process, { version: greeting.version });
    process.end();
    throw new Error(greeting.error);
  }

  async call(call, parameters = {}) {
    this.child.stdin.write(`${JSON.stringify({ call, ...parameters })}\n`);
    const { done, value } = await this.lines.next();
    const answer = done ? { error: 'it ended' } : JSON.parse(value);
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`);
    return answer.value;
  }

  end() {
    this.reader.close();
    this.child.kill();
  }
}

async function startContenders(script, absent) {
  const started = [];
  const start = async (isa, executable, argv) => {
    try {
      const name = `${isa} (${executable})`;
      started.push(Object.assign(await LineProcess.start(name, executable, argv), { isa }));
    } catch (error) {
      absent.push(`${isa} on ${executable}: ${error.message}`);
    }
  };
  // Relaxed SIMD needs a flag before Node 22.
  const isOld = Number(process.versions.node.split('.')[0]) < 22;
  if (isOld) await start('wasm-strict', process.execPath, [script, 'wasm-strict', options.threads]);
  const flags = isOld ? ['--experimental-wasm-relaxed-simd'] : [];
  await start('wasm', process.execPath, [...flags, script, 'wasm', options.threads]);
  const newer = process.env.QEDGE_NODE24;
  if (newer) await start('wasm', newer, [script, 'wasm', options.threads]);
  await start('wasm-256', newer ?? process.execPath, [script, 'wasm-256', options.threads]);
  const peerArguments = [SERVE, 'qsim', '--threads', options.threads, '--option', 'variant=avx2'];
  await start('qsim', options.python, peerArguments);
  return started;
}

/** The best number of fused qubits, by two runs of each. */
async function chooseFusion(qsim) {
  let [best, least] = [FUSIONS[0], Number.POSITIVE_INFINITY];
  for (const fusion of FUSIONS) {
    const seconds = Math.min(await qsim.call('run', { fusion }), await qsim.call('run', { fusion }));
    if (seconds < least) [best, least] = [fusion, seconds];
  }
  return best;
}

async function measureSize(circuit, ours, qsim) {
  const seconds = new Map([...ours, qsim].map((contender) => [contender, []]));
  const fixed = [];
  for (const contender of seconds.keys()) await contender.call('prepare', { circuit });
  const fusion = await chooseFusion(qsim);
  // The first runs of WebAssembly are of code that V8 has not optimised yet.
  for (const our of ours) await our.call('run');
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const our of ours) seconds.get(our).push(await our.call('run'));
    seconds.get(qsim).push(await qsim.call('run', { fusion }));
    fixed.push(await qsim.call('run_fixed'));
  }
  const difference = await largestDifference(circuit.qubitCount, [...ours, qsim]);
  const milliseconds = (list) => 1000 * Math.min(...list);
  const theirs = milliseconds(seconds.get(qsim));
  const withoutMemory = theirs - milliseconds(fixed);
  return {
    qubits: circuit.qubitCount,
    qsim: { version: qsim.version, fusion, milliseconds: theirs, withoutMemory },
    ours: ours.map((our) => {
      const own = milliseconds(seconds.get(our));
      const ratio = theirs / own;
      const goal = GOALS[our.isa];
      return {
        version: our.version,
        milliseconds: own,
        ratio,
        goal,
        met: ratio >= goal,
        ratioWithoutMemory: withoutMemory / own,
      };
    }),
    difference,
  };
}

/** @throws Error where amplitudes differ by more than single precision may. */
async function largestDifference(qubitCount, contenders) {
  const size = 2 ** qubitCount;
  const indices = Array.from({ length: CHECKED_AMPLITUDES }, (_, i) =>
    Math.floor((i * 0.618034 * size) % size),
  );
  const [expected, ...others] = await Promise.all(
    contenders.map((each) => each.call('amplitudes', { indices })),
  );
  let largest = 0;
  for (const amplitudes of others) {
    for (const [i, [re, im]] of amplitudes.entries()) {
      largest = Math.max(largest, Math.hypot(re - expected[i][0], im - expected[i][1]));
    }
  }
  if (largest <= TOLERANCE) return largest;
  throw new Error(`Amplitudes of ${qubitCount} qubits differ by ${largest}`);
}

function print({ threads, absent, results }) {
  console.log(`Brickwork of depth ${DEPTH}, single precision, ${threads} thread(s)`);
  for (const why of absent) console.log(`absent: ${why}`);
  for (const { qubits, qsim, ours, difference } of results) {
    const net = `${qsim.withoutMemory.toFixed(1)} without the cost of its memory`;
    console.log(
      `\n${qubits} qubits: ${qsim.version}, f = ${qsim.fusion}: ${qsim.milliseconds.toFixed(1)} ms (${net})`,
    );
    for (const { version, milliseconds, ratio, goal, met, ratioWithoutMemory } of ours) {
      const judged = `goal ${goal}: ${met ? 'met' : 'missed'}`;
      const times = `${ratio.toFixed(2)} times as fast (${ratioWithoutMemory.toFixed(2)} without)`;
      console.log(`  ${version}: ${milliseconds.toFixed(1)} ms, ${times}; ${judged}`);
    }
    console.log(`  largest difference of an amplitude: ${difference.toExponential(1)}`);
  }
}

async function main() {
  if (options.help) {
    const [description] = readFileSync(import.meta.filename, 'utf8').split('*/');
    console.log(description.replace(/^\/\*\*\n| \* ?(@file )?/gm, '').trim());
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'qedge-wasm-bench-'));
  let contenders = [];
  try {
    linkKoffi(folder);
    const script = await bundle('wasm-process.mjs', folder, { platform: 'node' });
    const { brickwork } = await import(await bundle('circuits.mjs', folder, { platform: 'node' }));
    const absent = [];
    contenders = await startContenders(script, absent);
    const qsim = contenders.find(({ isa }) => isa === 'qsim');
    if (qsim === undefined) throw new Error(`There is nothing to compare with: ${absent.join('; ')}`);
    const ours = contenders.filter((contender) => contender !== qsim);
    const results = [];
    for (const qubits of options.sizes.split(',').map(Number)) {
      process.stderr.write(`${qubits} qubits\n`);
      results.push(await measureSize(brickwork(qubits, DEPTH, Number(options.seed)), ours, qsim));
    }
    const report = { threads: Number(options.threads), absent, results };
    if (options.json) console.log(JSON.stringify(report));
    else print(report);
  } finally {
    for (const contender of contenders) contender.end();
    rmSync(folder, { recursive: true });
  }
}

await main();
