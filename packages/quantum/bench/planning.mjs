/**
 * @file From circuits to code, in fresh processes: the first circuit of a process and later ones, by phases (lowering, planning,
 * generating, loading), what a user waits for (`compile` of a simulator), and binding new parameters.
 *
 * node bench/planning.mjs [--isas avx512,avx2,wasm] [--processes 5] [--later 40] [--binds 50] [--seed 1] [--json]
 *
 * Runs on this Node and on the one that `QEDGE_NODE24` names, in turns. Milliseconds, the best of all processes and the median in
 * brackets; "on a processor" are those that the thread was not made to wait (Linux). Later circuits have another structure than those
 * before them, and the last half of them counts. Goals: brickwork 30 first and 6 later, variational circuits 1 later, binding 0.2.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, linkKoffi } from './bundle.mjs';

const WORKS = [
  { name: 'brickwork 24 x 20', goals: { first: 30, later: 6, bind: 0.2 } },
  { name: 'variational, 100 gates', goals: { first: null, later: 1, bind: 0.2 } },
];
const PHASES = ['lower', 'plan', 'generate', 'load', 'total'];

const { values: options } = parseArgs({
  options: {
    isas: { type: 'string', default: 'avx512,avx2,wasm' },
    processes: { type: 'string', default: '5' },
    later: { type: 'string', default: '40' },
    binds: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Runs one process. @returns what it found, or why it could not. */
function measure(script, executable, isa, work, kind) {
  const task = {
    isa,
    work,
    seed: Number(options.seed),
    later: Number(options.later),
    binds: Number(options.binds),
  };
  const version = execFileSync(executable, ['--version'], { encoding: 'utf8' }).trim();
  // Relaxed SIMD is on by default since Node 22.
  const flags = Number(version.slice(1).split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd'] : [];
  const argv = [...flags, script, JSON.stringify(task), kind];
  try {
    const output = execFileSync(executable, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return JSON.parse(output);
  } catch (error) {
    const why =
      String(error.stderr ?? error)
        .split('\n')
        .find((line) => line.includes('Error')) ?? String(error);
    return { node: version, error: why };
  }
}

const best = (values) => Math.min(...values);
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const summary = (values) => ({ best: best(values), median: median(values) });
const lastHalf = (values) => values.slice(values.length >> 1);

function summarise(executableResults, { isa, work, goals }) {
  const failed = executableResults.find(({ phases }) => phases.error !== undefined);
  if (failed !== undefined) return { isa, work, node: failed.phases.node, error: failed.phases.error };
  const all = executableResults.map(({ phases }) => phases);
  const simulators = executableResults.map(({ simulator }) => simulator);
  const later = all.flatMap((run) => lastHalf(run.later));
  const perPhase = (runs) =>
    Object.fromEntries(PHASES.map((phase) => [phase, summary(runs.map((run) => run.phases[phase]))]));
  const result = {
    isa,
    work,
    node: all[0].node,
    createMachine: summary(all.map(({ create }) => create)),
    firstOnProcessor:
      all[0].firstOnProcessor === null ? null : summary(all.map((run) => run.firstOnProcessor)),
    first: perPhase(all.map(({ first }) => first)),
    later: perPhase(later),
    firstBind: summary(all.map(({ first }) => first.bind.first)),
    bind: summary(later.map(({ bind }) => bind.best)),
    codeBytes: later[0].codeBytes,
    compile: {
      first: summary(simulators.map(({ first }) => first)),
      later: summary(simulators.flatMap((run) => lastHalf(run.later))),
    },
  };
  const met = (goal, value) => (goal === null ? null : value <= goal);
  return {
    ...result,
    goals,
    met: {
      first: met(goals.first, result.first.total.best),
      later: met(goals.later, result.later.total.best),
      bind: met(goals.bind, result.bind.best),
    },
  };
}

const show = ({ best, median }) => `${best.toFixed(2)} (${median.toFixed(2)})`;

function print(results) {
  for (const result of results) {
    console.log(`\n${result.work}, ${result.isa}, Node ${result.node}`);
    if (result.error !== undefined) {
      console.log(`  absent: ${result.error}`);
      continue;
    }
    const { first, later, goals, met } = result;
    for (const [name, phases] of Object.entries({ first, later })) {
      const text = Object.entries(phases)
        .map(([phase, times]) => `${phase} ${show(times)}`)
        .join(', ');
      const goal = goals[name] === null ? '' : `; goal ${goals[name]}: ${met[name] ? 'met' : 'missed'}`;
      console.log(`  ${name}: ${text}${goal}`);
    }
    if (result.firstOnProcessor !== null) {
      console.log(`  first, on a processor: ${show(result.firstOnProcessor)}`);
    }
    const { compile, firstBind, bind, createMachine, codeBytes } = result;
    console.log(`  compile of a simulator: first ${show(compile.first)}, later ${show(compile.later)}`);
    const goal = `goal ${goals.bind}: ${met.bind ? 'met' : 'missed'}`;
    console.log(`  bind: first ${show(firstBind)}, later ${show(bind)}; ${goal}`);
    console.log(`  machine created and checked: ${show(createMachine)}; code: ${codeBytes} bytes`);
  }
}

async function main() {
  if (options.help) {
    const [description] = readFileSync(import.meta.filename, 'utf8').split('*/');
    console.log(description.replace(/^\/\*\*\n| \* ?(@file )?/gm, '').trim());
    return;
  }
  const executables = [process.execPath, process.env.QEDGE_NODE24].filter(Boolean);
  if (executables.length === 1)
    process.stderr.write('QEDGE_NODE24 is not set: this Node alone is measured\n');
  const folder = mkdtempSync(join(tmpdir(), 'qedge-planning-bench-'));
  try {
    linkKoffi(folder);
    const script = await bundle('planning-process.mjs', folder, { platform: 'node' });
    const cases = options.isas
      .split(',')
      .flatMap((isa) =>
        WORKS.flatMap(({ name, goals }) =>
          executables.map((path) => ({ isa, work: name, goals, path, runs: [] })),
        ),
      );
    for (let round = 1; round <= Number(options.processes); round++) {
      process.stderr.write(`processes, round ${round} of ${options.processes}\n`);
      for (const { isa, work, path, runs } of cases) {
        const phases = measure(script, path, isa, work, 'phases');
        const simulator = phases.error === undefined ? measure(script, path, isa, work, 'simulator') : null;
        runs.push({ phases, simulator });
      }
    }
    const results = cases.map((each) => summarise(each.runs, each));
    if (options.json) console.log(JSON.stringify(results));
    else print(results);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
