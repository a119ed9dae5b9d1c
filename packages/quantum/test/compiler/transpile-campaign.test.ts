import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, QedgeError, Random } from '@qedge/core';
import {
  allToAllTarget,
  bitsEqual,
  Circuit,
  type CouplingEdge,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  type OptimizationLevel,
  parameter,
  parseOpenQasm,
  type Target,
  type TranspileResult,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from '../random-circuit.ts';
import { sharedDirectory } from '../shared-data.ts';

const LEVELS: readonly OptimizationLevel[] = [0, 1, 2, 3];
const isFull = process.env.QEDGE_FULL === '1';

function countPairs({ circuit }: Pick<TranspileResult, 'circuit'>): number {
  return circuit.instructions.filter(({ kind, qubits }) => kind === 'gate' && qubits.length === 2).length;
}

/** Compiles, checks everything that a result promises, compiles the result again. */
async function compileAndCheck(circuit: Circuit, target: Target, level: OptimizationLevel, seed = 0) {
  const result = await transpile(circuit, target, { level, seed });
  // Few terms: what is beyond them takes seconds to give up.
  const report = await verifyEquivalence(circuit, result, { target, trials: 1, maxTerms: 512 });
  const what = `level ${level} on ${target.name}: ${report.method}, ${report.reason}`;
  // Wide circuits may be beyond every exact method; the map, the basis and classical bits are checked all the same.
  const isSmall = circuit.qubitCount <= 10 && target.qubitCount <= 14;
  if (isSmall) expect(report.equivalent, what).toBe(true);
  else expect(report.equivalent, what).not.toBe(false);
  return { result, report };
}

async function checkRepeated(result: TranspileResult, target: Target, level: OptimizationLevel) {
  const { result: again } = await compileAndCheck(result.circuit, target, level);
  expect(countPairs(again), `level ${level} on ${target.name}, again`).toBeLessThanOrEqual(
    countPairs(result),
  );
}

const folder = sharedDirectory('qasm');
const files = folder === null ? [] : readdirSync(folder).filter((file) => file.endsWith('.qasm'));
const maps = [
  gridTarget(5, 5),
  heavyHexTarget(27),
  lineTarget(25),
  allToAllTarget(25),
  gridTarget(10, 10),
  heavyHexTarget(127),
];
/** Larger circuits are left to the benchmark, which verifies them too. */
const [SMALL_GATES, FULL_GATES] = [60, 150];

describe.skipIf(folder === null)('collected circuits', () => {
  const small = files.filter((_, index) => isFull || index % 4 === 0);
  it.each(small)('keeps %s on every map, at every level', async (file) => {
    const circuit = parseOpenQasm(readFileSync(join(folder!, file), 'utf8'));
    if (circuit.instructionCount > (isFull ? FULL_GATES : SMALL_GATES)) return;
    for (const [index, target] of maps.entries()) {
      if (circuit.qubitCount > target.qubitCount) continue;
      for (const level of LEVELS) {
        if (!isFull && (index + level) % 4 !== 0) continue;
        const { result } = await compileAndCheck(circuit, target, level);
        await checkRepeated(result, target, level);
      }
    }
  });
});

/** A connected map of random edges. */
function randomMap(qubits: number, random: Random): Target {
  const couplingEdges: CouplingEdge[] = [];
  for (let qubit = 1; qubit < qubits; qubit++) couplingEdges.push([random.integer(qubit), qubit]);
  for (let extra = random.integer(qubits); extra > 0; extra--) {
    const [a, b] = [random.integer(qubits), random.integer(qubits)];
    const isKnown = couplingEdges.some((edge) => edge.includes(a) && edge.includes(b));
    if (a !== b && !isKnown) couplingEdges.push([a, b]);
  }
  return { ...lineTarget(qubits), name: `random map ${JSON.stringify(couplingEdges)}`, couplingEdges };
}

describe('random circuits', () => {
  it.each(LEVELS)('keep their effect on random maps at level %i', async (level) => {
    const any = fc.record({
      seed: fc.integer({ min: 0, max: 1e6 }),
      qubits: fc.integer({ min: 1, max: 5 }),
      spare: fc.integer({ min: 0, max: 4 }),
      length: fc.integer({ min: 0, max: 30 }),
      measured: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(any, async ({ seed, qubits, spare, length, measured }) => {
        const circuit = randomCircuit(seed, qubits, length);
        if (measured) circuit.measureAll();
        const target = randomMap(Math.max(2, qubits + spare), new Random(seed));
        await compileAndCheck(circuit, target, level, seed % 3);
      }),
      { seed: 7, numRuns: isFull ? 60 : 12 },
    );
  });

  it.each(LEVELS)('are not worse when they are compiled again at level %i', async (level) => {
    for (let seed = 0; seed < (isFull ? 20 : 4); seed++) {
      const circuit = randomCircuit(seed, 4, 20);
      const target = gridTarget(2, 3);
      const { result } = await compileAndCheck(circuit, target, level, seed);
      await checkRepeated(result, target, level);
    }
  });
});

/** Programs with measurements in the middle, branches, loops and free parameters. */
const dynamicPrograms: readonly (readonly [string, () => Circuit])[] = [
  [
    'teleportation',
    () =>
      new Circuit(4, 2)
        .ry(0.7, 0)
        .h(1)
        .cx(1, 3)
        .cx(0, 1)
        .h(0)
        .measure(0, 0)
        .measure(1, 1)
        .ifTest(bitsEqual(1, 1), (body) => body.x(3))
        .ifTest(bitsEqual(0, 1), (body) => body.z(3).cx(3, 2)),
  ],
  [
    'a loop until success',
    () =>
      new Circuit(3, 1)
        .h(0)
        .cx(0, 2)
        .measure(0, 0)
        .whileLoop(bitsEqual(0, 1), (body) => body.reset(0).h(0).cx(0, 1).cx(0, 2).measure(0, 0)),
  ],
  [
    'a loop over values, with barriers and resets',
    () =>
      new Circuit(4, 1)
        .h(0)
        .barrier()
        .forLoop(null, [0, 1, 2], (body) => body.cp(0.3, 0, 3).cx(1, 2).cx(0, 2))
        .reset(1)
        .cx(0, 1)
        .measure(1, 0),
  ],
  [
    'a bit that is measured twice',
    () => new Circuit(3, 2).h(0).cx(0, 2).measure(2, 0).cx(0, 1).measure(1, 1).h(2).measure(2, 0),
  ],
];

describe.each(dynamicPrograms)('%s', (_, make) => {
  it.each(LEVELS)('is kept at level %i', async (level) => {
    for (const target of [lineTarget(5), randomMap(6, new Random(1))]) {
      const { report } = await compileAndCheck(make(), target, level);
      expect(report.equivalent).toBe(true);
    }
  });
});

describe('transpile', () => {
  it('keeps free parameters at every level', async () => {
    const [a, b] = [parameter('a'), parameter('b')];
    const circuit = new Circuit(4).ry(a, 0).cx(0, 3).rz(a.plus(b), 3).cx(0, 3).rzz(b, 1, 3).rx(b.times(2), 2);
    for (const level of LEVELS) {
      const { result, report } = await compileAndCheck(circuit, lineTarget(5), level);
      expect([...result.circuit.parameterNames].sort()).toEqual(['a', 'b']);
      expect(report.equivalent).toBe(true);
    }
  });

  it.each(LEVELS)(
    'refuses circuits that are too wide, and gates across gaps, by typed errors at level %i',
    async (level) => {
      await expect(transpile(new Circuit(6), lineTarget(5), { level })).rejects.toThrow(InvalidArgumentError);
      const couplingEdges: CouplingEdge[] = [
        [0, 1],
        [2, 3],
      ];
      const apart: Target = { ...lineTarget(4), couplingEdges };
      const joined = new Circuit(4).cx(0, 1).cx(1, 2).cx(2, 3);
      await expect(transpile(joined, apart, { level })).rejects.toThrow(QedgeError);
    },
  );

  it('uses both parts of a map that falls apart where that is enough', async () => {
    const couplingEdges: CouplingEdge[] = [
      [0, 1],
      [2, 3],
    ];
    const apart: Target = { ...lineTarget(4), couplingEdges };
    const pairs = new Circuit(4).h(0).cx(0, 1).h(2).cx(2, 3);
    for (const level of LEVELS) await compileAndCheck(pairs, apart, level);
  });

  it('keeps an input that runs already where the search finds nothing as cheap', async () => {
    const target = lineTarget(6);
    // On a line, with the swaps of a router that knew the circuit.
    const circuit = new Circuit(6).cx(0, 1).cx(1, 2).cx(2, 1).cx(1, 2).rz(0.3, 1).cx(0, 1).cx(4, 5).cx(3, 4);
    for (const level of LEVELS) {
      const { result } = await compileAndCheck(circuit, target, level);
      expect(countPairs(result)).toBeLessThanOrEqual(countPairs({ circuit }));
    }
  });

  it('gives equal circuits for equal seeds at every level', async () => {
    const circuit = randomCircuit(11, 6, 40);
    for (const level of LEVELS) {
      const [first, second] = await Promise.all(
        [1, 2].map(() => transpile(circuit, heavyHexTarget(27), { level, seed: 5 })),
      );
      expect(first!.circuit.equals(second!.circuit)).toBe(true);
      expect(first!.finalLayout).toEqual(second!.finalLayout);
    }
  });
});
