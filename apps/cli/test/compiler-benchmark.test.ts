import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkTarget } from '@qedge/quantum';
import { afterAll, describe, expect, it } from 'vitest';
import { makeCircuits, readCircuitFolder, scalingCircuit } from '../src/compiler-benchmark/circuits.ts';
import { type CompilerResult, summarizeResults } from '../src/compiler-benchmark/compiler-result.ts';
import { benchmarkTarget, MAP_NAMES } from '../src/compiler-benchmark/maps.ts';
import { drawScaling } from '../src/compiler-benchmark/measure-scaling.ts';
import { ReferenceCounts } from '../src/compiler-benchmark/reference-counts.ts';
import { runCompilerBenchmark } from '../src/compiler-benchmark/run-compiler-benchmark.ts';
import { repositoryRoot } from './run-qedge.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-compiler-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the circuits and maps of the compiler benchmark', () => {
  it('are usable targets under the names of the stored counts', () => {
    for (const name of MAP_NAMES) {
      const target = checkTarget(benchmarkTarget(name));
      expect(target.name).toBe(name);
      if (target.couplingEdges !== null) {
        const keys = target.couplingEdges.map((edge) => [...edge].sort((a, b) => a - b).join());
        expect(new Set(keys).size).toBe(keys.length);
      }
    }
    expect(benchmarkTarget('tokyo20').couplingEdges).toHaveLength(43);
    expect(benchmarkTarget('heavyhex127_eagle').couplingEdges).toHaveLength(144);
    expect(() => benchmarkTarget('moon')).toThrow(/no such map/);
  });

  it('are made equal for equal seeds, as OpenQASM too', () => {
    const [first, again, other] = [makeCircuits(1), makeCircuits(1), makeCircuits(2)];
    expect(again.map(({ text }) => text)).toEqual(first.map(({ text }) => text));
    expect(other.map(({ text }) => text)).not.toEqual(first.map(({ text }) => text));
    expect(first.every(({ circuit }) => circuit.instructionCount > 0)).toBe(true);
    expect(scalingCircuit(127, 500, 1).instructionCount).toBe(500);
  });
});

describe('summarizeResults', () => {
  const seeds = (gates: readonly number[], cpuMs: number) =>
    gates.map((twoQubitGates, seed) => ({
      ...{ seed, twoQubitGates, cpuMs, oneQubitGates: 0, depth: 1, twoQubitDepth: 4, swapsAdded: 0 },
      ...{ wallMs: 1, verified: true, verification: '' },
    }));
  const peer = (twoQubitGates: number, cpuMs: number) => ({
    ...{ name: 'qiskit', source: 'python', twoQubitGates, cpuMs },
    ...{ depth: 1, twoQubitDepth: 4, wallMs: 2 },
  });
  const result = (circuit: string, gates: readonly number[], theirs: number, cpuMs: number) =>
    ({
      ...{ circuit, map: 'tokyo20', level: 3, qubits: 4 },
      seeds: seeds(gates, 100),
      peers: [peer(theirs, cpuMs)],
    }) as CompilerResult;

  it('takes geometric means, leaves short times out and lists losses', () => {
    const results = [result('a', [10, 30], 40, 200), result('b', [20], 10, 10), result('c', [0], 0, 10)];
    const [summary, ...rest] = summarizeResults(results);
    expect(rest).toEqual([]);
    expect(summary).toMatchObject({
      map: 'tokyo20',
      level: 3,
      peer: 'qiskit',
      circuits: 3,
      cpu: 0.5,
      wall: 0.5,
    });
    // sqrt(20/40 * 20/10)
    expect(summary!.twoQubitGates).toBeCloseTo(1, 12);
    expect(summary!.worstSeed).toBeCloseTo(1.5, 12);
    expect(summary!.losses).toEqual([{ circuit: 'b', ratio: 2 }]);
  });

  it('draws how time grows', () => {
    const text = drawScaling([
      { gates: 1000, cpuMs: 100, peakBytes: 2 ** 27 },
      { gates: 2000, cpuMs: 200, peakBytes: 2 ** 28 },
    ]);
    expect(text).toMatch(/1000 gates █{24} 0\.10 s, 100 µs a gate, 128 MiB\n/);
    expect(text).toMatch(/2000 gates █{48} 0\.20 s, 100 µs a gate, 256 MiB$/);
  });
});

describe('runCompilerBenchmark', () => {
  it('compiles and verifies files, takes stored counts, and names peers that are absent', async () => {
    const text =
      'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; h q[0]; cx q[0],q[1]; cx q[0],q[2]; ccx q[0],q[1],q[2];';
    writeFileSync(join(folder, 'tiny.qasm'), text);
    const counts = { L2: { seeds: [0, 1], n2q: [8, 10], depth2q: [7, 7], cpu_ms: [5, 5] } };
    const stored = { data: { tokyo20: { tiny: counts } } };
    writeFileSync(join(folder, 'reference-qiskit-2.5.2-public.json'), JSON.stringify(stored));
    const report = await runCompilerBenchmark({
      circuits: await readCircuitFolder(folder),
      maps: ['tokyo20'],
      levels: [2],
      seeds: 2,
      timeBudgetMs: null,
      verifiedQubits: 14,
      python: join(folder, 'no-python'),
      script: join(repositoryRoot, 'tooling/peers/compiler/serve.py'),
      references: await ReferenceCounts.read(folder),
      scaling: false,
      signal: new AbortController().signal,
      onProgress: () => {},
    });
    expect(Object.keys(report.missing)).toEqual(['qiskit', 'tket']);
    expect(report.results.map(({ map }) => map)).toEqual(['tokyo20']);
    for (const { seeds } of report.results) {
      expect(seeds.map(({ verified }) => verified)).toEqual([true, true]);
      expect(seeds.every(({ twoQubitGates, cpuMs }) => twoQubitGates > 0 && cpuMs > 0)).toBe(true);
    }
    expect(report.results[0]!.peers).toMatchObject([
      { source: 'reference', twoQubitGates: 9, twoQubitDepth: 7 },
    ]);
    expect(report.summaries).toHaveLength(1);
    expect(await readCircuitFolder(join(folder, 'absent'))).toEqual([]);
  });
});
