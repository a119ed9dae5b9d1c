/**
 * @file Circuits in headless Chromium, with one thread and with several, against the simulators of npm in the same browser:
 * quantum-circuit and qsharp-lang.
 *
 * node bench/browser.mjs [--sizes 12,14,16,18,20] [--circuits qft,brickwork] [--threads 2] [--rounds 3] [--limit 60] [--peers ...]
 *   [--seed 1] [--json]
 *
 * Needs Chromium (`QEDGE_CHROMIUM`, default /usr/bin/chromium); peers come from tooling/peers. Every contender is a worker of its own;
 * they take turns. Seconds of one run from |0...0> to the state: those of `@qedge/quantum` are of a circuit that was compiled before
 * (`first` tells how long compiling it and the first run took together), those of quantum-circuit of `run()`, those of qsharp-lang of a
 * shot of a program that was compiled before. A peer that takes longer than `--limit` seconds for a size (qsharp-lang with the compilation of its
 * program, about one) is stopped, and asked for no larger one. Amplitudes are compared up to 12 qubits.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { bundle } from './bundle.mjs';

const CHROMIUM = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';
const PEERS = join(import.meta.dirname, '../../../tooling/peers');
const GOAL = 1000;
const DEPTH = 20;
const REPEATS = 5;
/** Single precision against double, of amplitudes of at most 1. */
const TOLERANCE = 1e-5;
const MOST_CHECKED_QUBITS = 12;
const PEER_WORKERS = {
  'quantum-circuit': '../../../tooling/peers/quantum/browser-quantum-circuit.mjs',
  'qsharp-lang': '../../../tooling/peers/quantum/browser-qsharp.mjs',
};
const CIRCUITS = ['qft', 'brickwork'];

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '12,14,16,18,20' },
    circuits: { type: 'string', default: CIRCUITS.join() },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    limit: { type: 'string', default: '60' },
    peers: { type: 'string', default: Object.keys(PEER_WORKERS).join() },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const tell = (text) => process.stderr.write(`${text}\n`);

/** A worker in a page: one call at a time. */
class Contender {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.isStopped = false;
  }

  static async start(page, name, url, parameters = {}) {
    await page.evaluate(([name, url]) => globalThis.startWorker(name, url), [name, url]);
    const contender = new Contender(page, name);
    contender.facts = await contender.call('open', parameters, 60);
    return contender;
  }

  /** The answer of the worker, or null when it took longer than `limitSeconds` and was stopped. */
  async call(call, parameters = {}, limitSeconds = 600) {
    const answer = await this.page.evaluate(
      ([name, message, limit]) => globalThis.ask(name, message, limit),
      [this.name, { call, ...parameters }, limitSeconds],
    );
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`);
    this.isStopped = answer.stopped === true;
    return this.isStopped ? null : (answer.value ?? {});
  }
}

/** What a page does: it starts workers, hands them calls, and stops those that take too long. */
const PAGE = `<!doctype html><title>circuits</title><link rel="icon" href="data:,"><script>
const workers = new Map();
globalThis.startWorker = (name, url) => { workers.set(name, new Worker(url, { type: 'module' })); };
globalThis.ask = (name, message, limitSeconds) => new Promise((resolve) => {
  const worker = workers.get(name);
  const timer = setTimeout(() => { worker.terminate(); resolve({ stopped: true }); }, 1000 * limitSeconds);
  worker.onmessage = ({ data }) => { clearTimeout(timer); resolve(data); };
  worker.onerror = ({ message }) => { clearTimeout(timer); resolve({ error: message }); };
  worker.postMessage(message);
});
</script>`;

/** Serves files by path, the page anywhere else; all but `/plain` carry the headers of isolation. */
async function serve(files) {
  const server = createServer((request, response) => {
    if (request.url !== '/plain') {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
    }
    const file = files.get(request.url);
    const type = request.url.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
    response.setHeader('content-type', file === undefined ? 'text/html' : type);
    response.end(file === undefined ? PAGE : readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Bundles the workers. @returns files by path, and why peers are absent. */
async function bundleWorkers(folder, peers) {
  const files = new Map([
    ['/engine.mjs', await bundle('browser-engine.mjs', folder, { platform: 'browser' })],
  ]);
  const absent = new Map();
  const require = createRequire(join(PEERS, 'package.json'));
  for (const peer of peers) {
    try {
      const home = dirname(require.resolve(peer));
      files.set(`/${peer}.mjs`, await bundle(PEER_WORKERS[peer], folder, { platform: 'browser' }));
      if (peer === 'qsharp-lang') files.set('/qsharp.wasm', join(home, '../lib/web/qsc_wasm_bg.wasm'));
    } catch (error) {
      absent.set(peer, error.message.split('\n')[0]);
      tell(`absent: ${peer}: ${absent.get(peer)}`);
    }
  }
  return { files, absent };
}

async function openPage(browser, server, isolated) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/${isolated ? 'isolated' : 'plain'}`);
  if ((await page.evaluate('crossOriginIsolated')) !== isolated) throw new Error('The page is not isolated');
  return page;
}

/** Times of one circuit for every contender, turn by turn. */
async function compare(circuit, ours, peers, { rounds, limitSeconds }) {
  for (const our of ours) our.firstSeconds = (await our.call('prepare', { circuit })).firstSeconds;
  const running = peers.filter(({ isStopped }) => !isStopped);
  for (const peer of running) await peer.call('prepare', { circuit });
  const times = new Map([...ours, ...running].map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    for (const our of ours) times.get(our).push(await our.call('time', { repeats: REPEATS }));
    for (const peer of running) {
      // What takes long needs no repeats to be told from what takes a thousandth.
      if (peer.isStopped || times.get(peer).some((seconds) => seconds > limitSeconds / 10)) continue;
      const seconds = await peer.call('time', {}, limitSeconds);
      if (seconds !== null) times.get(peer).push(seconds);
    }
  }
  return new Map([...times].map(([contender, list]) => [contender, list.length ? Math.min(...list) : null]));
}

/** @throws Error where a contender's amplitudes differ from ours. @returns the largest difference by name. */
async function checkAmplitudes(contenders) {
  const [expected, ...others] = await Promise.all(contenders.map((each) => each.call('amplitudes')));
  return Object.fromEntries(
    others.map((amplitudes, index) => {
      const { name } = contenders[index + 1];
      let largest = amplitudes.length === expected.length ? 0 : Number.NaN;
      for (let i = 0; i < expected.length; i++) {
        largest = Math.max(largest, Math.abs(amplitudes[i] - expected[i]));
      }
      if (!(largest <= TOLERANCE)) throw new Error(`${name} differs from ours by ${largest}`);
      return [name, largest];
    }),
  );
}

async function measure(ours, peers, settings) {
  const results = [];
  for (const name of settings.circuits) {
    for (const peer of peers) if (peer.isStopped) await restart(peer);
    for (const qubits of settings.sizes) {
      tell(`${name}, ${qubits} qubits`);
      const circuit = settings.build(name, qubits);
      const times = await compare(circuit, ours, peers, settings);
      const checked = [...times].filter(([, seconds]) => seconds !== null).map(([contender]) => contender);
      const differences = qubits <= MOST_CHECKED_QUBITS ? await checkAmplitudes(checked) : null;
      results.push({
        circuit: name,
        qubits,
        gates: circuit.gates.length,
        ours: ours.map((our) => ({
          threads: our.facts.threads,
          target: our.facts.target,
          seconds: times.get(our),
          firstSeconds: our.firstSeconds,
        })),
        peers: peers.map((peer) => comparePeer(peer, times, ours, settings)),
        differences,
      });
    }
  }
  return results;
}

/** Ratios to each of ours. For a peer that was stopped they are what its limit says: at least. */
function comparePeer(peer, times, ours, { limitSeconds }) {
  const measured = times.get(peer) ?? null;
  const wasAsked = times.has(peer);
  const seconds = measured ?? (wasAsked ? limitSeconds : null);
  const ratios = ours.map((our) => (seconds === null ? null : seconds / times.get(our)));
  const met = ratios.map((ratio) => (ratio === null ? null : ratio >= GOAL));
  return {
    name: peer.name,
    seconds: measured,
    stoppedAfterSeconds: wasAsked && measured === null ? seconds : null,
    ratios,
    met,
  };
}

async function restart(peer) {
  const { url, parameters } = peer.origin;
  const fresh = await Contender.start(peer.page, peer.name, url, parameters);
  peer.isStopped = fresh.isStopped;
}

function print({ browser, results, absent }) {
  console.log(
    `Chromium ${browser}, single precision; peers have double precision. Goal: ${GOAL} times as fast.`,
  );
  for (const [name, why] of Object.entries(absent)) console.log(`${name} is absent: ${why}`);
  for (const { circuit, qubits, gates, ours, peers } of results) {
    console.log(`\n${circuit}, ${qubits} qubits, ${gates} gates`);
    for (const { threads, target, seconds, firstSeconds } of ours) {
      const first = `first, compiled and run: ${(1000 * firstSeconds).toFixed(1)} ms`;
      console.log(`  ${target}, ${threads} thread(s): ${(1000 * seconds).toFixed(3)} ms (${first})`);
    }
    for (const { name, seconds, stoppedAfterSeconds, ratios, met } of peers) {
      if (seconds === null && stoppedAfterSeconds === null) {
        console.log(`  ${name}: not run, it was stopped at a smaller size`);
        continue;
      }
      const isStopped = seconds === null;
      const time = isStopped ? `stopped after ${stoppedAfterSeconds} s` : `${seconds.toFixed(4)} s`;
      const text = ratios.map(
        (ratio, i) => `${isStopped ? '>' : ''}${ratio.toFixed(0)}${met[i] ? '' : ' (below the goal)'}`,
      );
      console.log(`  ${name}: ${time}; ratios ${text.join(', ')}`);
    }
  }
}

async function main() {
  if (options.help) {
    console.log(
      readFileSync(import.meta.filename, 'utf8')
        .split('*/')[0]
        .replace(/^\/?\*\*?[ ]?|^ \* ?/gm, '')
        .trim(),
    );
    return;
  }
  const integers = (text) => text.split(',').map(Number);
  if (!existsSync(CHROMIUM)) throw new Error(`There is no ${CHROMIUM}; QEDGE_CHROMIUM names another one`);
  const folder = mkdtempSync(join(tmpdir(), 'qedge-browser-bench-'));
  let browser = null;
  let server = null;
  try {
    const { files, absent } = await bundleWorkers(folder, options.peers.split(',').filter(Boolean));
    const circuits = await import(await bundle('circuits.mjs', folder, { platform: 'node' }));
    const build = (name, qubits) =>
      name === 'qft'
        ? circuits.quantumFourierTransform(qubits, Number(options.seed))
        : circuits.brickwork(qubits, DEPTH, Number(options.seed));
    server = await serve(files);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    const plain = await openPage(browser, server, false);
    const isolated = await openPage(browser, server, true);
    const ours = [
      await Contender.start(plain, 'ours', '/engine.mjs', { threads: 1 }),
      await Contender.start(isolated, 'ours with threads', '/engine.mjs', {
        threads: Number(options.threads),
      }),
    ];
    const peers = [];
    for (const name of options.peers.split(',').filter((name) => files.has(`/${name}.mjs`))) {
      const origin = { url: `/${name}.mjs`, parameters: { wasmUrl: '/qsharp.wasm' } };
      peers.push(
        Object.assign(await Contender.start(plain, name, origin.url, origin.parameters), { origin }),
      );
    }
    const results = await measure(ours, peers, {
      sizes: integers(options.sizes),
      circuits: options.circuits.split(','),
      rounds: Number(options.rounds),
      limitSeconds: Number(options.limit),
      build,
    });
    const report = { browser: browser.version(), goal: GOAL, absent: Object.fromEntries(absent), results };
    if (options.json) console.log(JSON.stringify(report));
    else print(report);
  } finally {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
