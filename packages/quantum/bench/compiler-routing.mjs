/**
 * @file Two-qubit gates and CPU time on coupling maps, per circuit: beside Qiskit level 3 on the public set, and beside the count
 * before routing on generated circuits; with the spread over seeds.
 *
 * node bench/compiler-routing.mjs --maps DIRECTORY [--map tokyo20,heavyhex27_falcon] [--circuits DIRECTORY] [--level 3]
 *   [--seeds 3] [--only NAME] [--generated] [--layouts 40] [--json]
 *
 * `--circuits` has .qasm files with reference-qiskit-2.5.2-public.json, `--maps` files with `numQubits` and `edges`. CPU time is
 * that of one thread up to the merged interactions, without parsing and without writing gates.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, linkKoffi } from './bundle.mjs';
import { generateCircuits } from './generated-circuits.mjs';

const { values: options } = parseArgs({
  options: {
    maps: { type: 'string' },
    map: { type: 'string', default: 'tokyo20,heavyhex27_falcon,grid10x10,heavyhex127_eagle' },
    circuits: { type: 'string' },
    level: { type: 'string', default: '3' },
    seeds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    generated: { type: 'boolean', default: false },
    layouts: { type: 'string' },
    quiet: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
/** Circuits for which Qiskit takes less say more about starting up than about compiling. */
const LEAST_PEER_MS = 50;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const geometricMean = (values) => Math.exp(mean(values.map(Math.log)));

const folder = mkdtempSync(join(tmpdir(), 'qedge-routing-'));
try {
  linkKoffi(folder);
  const work = await import(await bundle('compiler-routing-work.mjs', folder, { platform: 'node' }));
  const changes = options.layouts ? { layouts: Number(options.layouts) } : {};
  const seeds = Array.from({ length: Number(options.seeds) }, (_, seed) => seed);
  const settings = { level: Number(options.level), seeds, changes };
  for (const name of options.map.split(',')) {
    const { numQubits, edges } = JSON.parse(readFileSync(join(options.maps, `${name}.json`), 'utf8'));
    const graph = new work.CouplingGraph({ name, qubitCount: numQubits, couplingEdges: edges });
    const rows = [];
    for (const { circuit, ...row } of circuitsFor(work, name)) {
      if (circuit.qubitCount > numQubits) continue;
      if (rows.length === 0) for (let i = 0; i < 5; i++) await work.compileForMap(circuit, graph, settings);
      rows.push({ ...row, ...(await work.compileForMap(circuit, graph, settings)) });
    }
    if (options.json) console.log(JSON.stringify({ node: process.version, map: name, ...settings, rows }));
    else print(name, rows);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function circuitsFor(work, map) {
  if (options.generated) {
    return generateCircuits(work.Circuit, 1).filter(({ name }) => name.includes(options.only));
  }
  const directory = options.circuits;
  const path = join(directory, 'reference-qiskit-2.5.2-public.json');
  const reference = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')).data[map] ?? {}) : {};
  const files = readdirSync(directory).filter(
    (file) => file.endsWith('.qasm') && file.includes(options.only),
  );
  return files.map((file) => {
    const name = file.slice(0, -'.qasm'.length);
    const peer = reference[name]?.L3;
    const circuit = work.parseOpenQasm(readFileSync(join(directory, file), 'utf8'));
    return { name, circuit, qiskit: peer ? mean(peer.n2q) : null, qiskitMs: peer ? mean(peer.cpu_ms) : null };
  });
}

function print(map, rows) {
  const cell = (value, digits = 0) => (value == null ? '-' : value.toFixed(digits)).padStart(8);
  if (!options.quiet) {
    console.log(`${map.padEnd(46)}logical    ours   worst  Qiskit   ratio  CPU ms routing  Qiskit   times`);
  }
  const summary = { ratios: [], times: [], worst: [], ours: 0, qiskit: 0, ms: 0, qiskitMs: 0 };
  for (const row of rows) {
    const [cost, worst, ms] = [mean(row.costs), Math.max(...row.costs), row.logicalMs + row.routingMs];
    const peer = row.qiskit ?? (options.generated ? row.logical : null);
    const ratio = peer > 0 ? cost / peer : null;
    const times = row.qiskitMs ? ms / row.qiskitMs : null;
    if (!options.quiet) {
      const counts = cell(row.logical) + cell(cost) + cell(worst) + cell(row.qiskit) + cell(ratio, 3);
      console.log(
        `${row.name.padEnd(45)}${counts}${cell(ms)}${cell(row.routingMs)}${cell(row.qiskitMs)}${cell(times, 2)}`,
      );
    }
    if (cost > 0) summary.worst.push(worst / cost);
    if (ratio > 0) summary.ratios.push(ratio);
    if (row.qiskitMs === null || row.qiskitMs === undefined) continue;
    summary.ours += cost;
    summary.qiskit += row.qiskit;
    summary.ms += ms;
    summary.qiskitMs += row.qiskitMs;
    if (row.qiskitMs >= LEAST_PEER_MS) summary.times.push(times);
  }
  console.log(
    `${map}: geometric mean ${geometricMean(summary.ratios).toFixed(4)} over ${summary.ratios.length}, total ` +
      `${summary.ours.toFixed(0)} / ${summary.qiskit.toFixed(0)}, worst seed ${Math.max(...summary.worst).toFixed(3)} ` +
      `(mean ${geometricMean(summary.worst).toFixed(4)}), CPU ${(summary.ms / summary.qiskitMs).toFixed(2)} of Qiskit's in all, ` +
      `${summary.times.length > 0 ? geometricMean(summary.times).toFixed(2) : '-'} in the mean over circuits above ${LEAST_PEER_MS} ms`,
  );
}
