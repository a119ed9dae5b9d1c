/**
 * @file Two-qubit gates after logical optimisation, without a coupling map: per circuit beside Qiskit level 3 and tket on
 * the public set where its files are there, and beside block merging alone on generated circuits.
 *
 * node bench/compiler-logical.mjs [--settings thorough-all-to-all] [--circuits DIRECTORY] [--seed 1] [--rounds 3] [--json]
 *
 * DIRECTORY holds .qasm files with reference-qiskit-2.5.2-public.json and reference-tket-2.18.5-public.json.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, linkKoffi } from './bundle.mjs';
import { generateCircuits } from './generated-circuits.mjs';

const { values: options } = parseArgs({
  options: {
    settings: { type: 'string', default: 'thorough-all-to-all' },
    circuits: { type: 'string' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'qedge-compiler-'));
try {
  linkKoffi(folder);
  const work = await import(await bundle('compiler-logical-work.mjs', folder, { platform: 'node' }));
  const rows = [...publicRows(work), ...generatedRows(work)];
  if (options.json) console.log(JSON.stringify({ node: process.version, settings: options.settings, rows }));
  else print(rows);
} finally {
  rmSync(folder, { recursive: true });
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function publicRows(work) {
  const directory = options.circuits;
  if (directory === undefined) return [];
  const reference = (name) => {
    const path = join(directory, name);
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).data.full25 : {};
  };
  const qiskit = reference('reference-qiskit-2.5.2-public.json');
  const tket = reference('reference-tket-2.18.5-public.json');
  const files = readdirSync(directory).filter(
    (file) => file.endsWith('.qasm') && file.includes(options.only),
  );
  const load = (file) => work.parseOpenQasm(readFileSync(join(directory, file), 'utf8'));
  for (const file of files.slice(0, 12)) work.optimizeLogical(load(file), options.settings);
  return files.map((file) => {
    const name = file.slice(0, -'.qasm'.length);
    const level3 = qiskit[name]?.L3;
    return {
      name,
      ...work.optimizeLogical(load(file), options.settings, Number(options.rounds)),
      qiskit: level3 ? mean(level3.n2q) : null,
      qiskitMs: level3 ? mean(level3.cpu_ms) : null,
      tket: tket[name]?.n2q ?? null,
      merged: null,
    };
  });
}

function generatedRows(work) {
  return generateCircuits(work.Circuit, Number(options.seed))
    .filter(({ name }) => name.includes(options.only))
    .map(({ name, circuit }) => ({
      name,
      ...work.optimizeLogical(circuit, options.settings, Number(options.rounds)),
      qiskit: null,
      qiskitMs: null,
      tket: null,
      merged: work.mergeLogical(circuit),
    }));
}

function print(rows) {
  const cell = (value, digits = 0) => (value === null ? '-' : value.toFixed(digits)).padStart(8);
  console.log(`${'circuit'.padEnd(46)}    ours  Qiskit    tket  merged   ratio   CPU ms  Qiskit ms`);
  for (const row of rows) {
    const other = Math.min(row.qiskit ?? Infinity, row.tket ?? Infinity, row.merged ?? Infinity);
    const ratio = other > 0 && other < Infinity ? row.cost / other : null;
    const counts = [row.cost, row.qiskit, row.tket, row.merged].map((value) => cell(value)).join('');
    const worse = ratio !== null && ratio > 1.0001 ? '  worse' : '';
    console.log(
      `${row.name.padEnd(44)}${counts}${cell(ratio, 3)} ${cell(row.cpuMs, 1)} ${cell(row.qiskitMs, 1)}${worse}`,
    );
  }
  summary('against Qiskit', rows, (row) => row.qiskit);
  summary('against the better of Qiskit and tket', rows, (row) =>
    row.qiskit === null ? null : Math.min(row.qiskit, row.tket ?? Infinity),
  );
  summary('generated, against merging alone', rows, (row) => row.merged);
  const timed = rows.filter((row) => row.qiskitMs !== null);
  const total = (key) => timed.reduce((sum, row) => sum + row[key], 0);
  if (timed.length > 0)
    console.log(`CPU ${total('cpuMs').toFixed(0)} ms, Qiskit ${total('qiskitMs').toFixed(0)} ms`);
}

function summary(title, rows, peer) {
  const ratios = rows.filter((row) => peer(row) > 0 && row.cost > 0).map((row) => row.cost / peer(row));
  if (ratios.length === 0) return;
  const geometric = Math.exp(mean(ratios.map(Math.log)));
  const worse = ratios.filter((ratio) => ratio > 1.0001).length;
  console.log(`${title}: geometric mean ${geometric.toFixed(4)} over ${ratios.length}, worse on ${worse}`);
}
