import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledError, InvalidArgumentError, Random, UnsupportedError } from '@qedge/core';
import {
  allToAllTarget,
  Circuit,
  GATE_NAMES,
  gateDefinition,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  parameter,
  parseOpenQasm2,
  ringTarget,
  type Stages,
  type Target,
  transpile,
  uccsd,
  verifyEquivalence,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from './random-circuit.ts';
import { sharedDirectory } from './shared-data.ts';

const coupling = sharedDirectory('coupling');
const qasm = sharedDirectory('qasm');

/** Every gate is in the basis and every pair is coupled. */
function expectLegal(circuit: Circuit, target: Target): void {
  const pairs = new Set((target.couplingEdges ?? []).flatMap(([a, b]) => [`${a},${b}`, `${b},${a}`]));
  expect(circuit.qubitCount).toBe(target.qubitCount);
  for (const instruction of circuit.instructions) {
    if (instruction.kind !== 'gate') continue;
    expect(target.basisGates).toContain(instruction.name);
    if (instruction.qubits.length === 2 && target.couplingEdges)
      expect(pairs).toContain(instruction.qubits.join(','));
  }
}

const targets: Target[] = [
  lineTarget(5),
  ringTarget(6),
  gridTarget(2, 3, ['rz', 'sx', 'x', 'cz']),
  heavyHexTarget(27),
  heavyHexTarget(27, ['rz', 'sx', 'x', 'ecr']),
  allToAllTarget(5),
  lineTarget(5, ['rz', 'sx', 'cx']),
];

describe.each(
  targets.map((target) => [`${target.name} with ${target.basisGates.join(', ')}`, target] as const),
)('transpile for %s', (_, target) => {
  it.each([0, 1, 2, 3] as const)(
    'keeps the effect of random circuits at level %i, legally',
    async (level) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 1e6 }),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 0, max: 25 }),
          async (seed, qubits, length) => {
            const circuit = randomCircuit(seed, qubits, length);
            const compiled = await transpile(circuit, target, { seed, level });
            expectLegal(compiled.circuit, target);
            const report = await verifyEquivalence(circuit, compiled, { trials: 2 });
            expect(report.worstInfidelity).toBeLessThan(1e-9);
            expect(report.equivalent).toBe(true);
          },
        ),
        { seed: 1, numRuns: level >= 2 ? 6 : 12 },
      );
    },
  );
});

describe('transpile', () => {
  it('gives equal circuits for equal seeds', async () => {
    const circuit = randomCircuit(5, 7, 60);
    const [a, b] = [
      await transpile(circuit, heavyHexTarget(), { seed: 3 }),
      await transpile(circuit, heavyHexTarget(), { seed: 3 }),
    ];
    expect(a.circuit.toJSON()).toEqual(b.circuit.toJSON());
    expect([a.initialLayout, a.finalLayout]).toEqual([b.initialLayout, b.finalLayout]);
  });

  it('keeps measurements on their classical bits, also in the middle', async () => {
    const circuit = new Circuit(4, 4)
      .h(0)
      .cx(0, 3)
      .measure(3, 1)
      .cx(0, 1)
      .cx(0, 2)
      .cp(0.7, 2, 1)
      .measure(0, 0);
    circuit.barrier().measure(1, 3).measure(2, 2);
    for (const level of [0, 1, 2, 3] as const) {
      const compiled = await transpile(circuit, lineTarget(4), { level, seed: 1 });
      expectLegal(compiled.circuit, lineTarget(4));
      expect((await verifyEquivalence(circuit, compiled)).equivalent).toBe(true);
    }
  });

  it('keeps free parameters linear', async () => {
    const { circuit } = uccsd({ electrons: 2, orbitals: 2 });
    const mixed = circuit.compose(
      new Circuit(4)
        .u(parameter('a'), parameter('b'), parameter('a').times(-2), 1)
        .crx(parameter('c'), 0, 3)
        .ryy(parameter('c').plus(1), 1, 3),
    );
    for (const level of [0, 1, 2, 3] as const) {
      const compiled = await transpile(mixed, lineTarget(4), { level });
      expectLegal(compiled.circuit, lineTarget(4));
      expect([...compiled.circuit.parameterNames].sort()).toEqual([...mixed.parameterNames].sort());
      expect((await verifyEquivalence(mixed, compiled)).equivalent).toBe(true);
    }
  });

  it('needs no more gates for one gate of the library than level 1 does', async () => {
    for (const name of GATE_NAMES) {
      const { qubitCount, parameterCount } = gateDefinition(name);
      if (qubitCount < 2) continue;
      const angles = Array.from({ length: parameterCount }, (_, i) => 0.7 + 0.3 * i);
      const circuit = new Circuit(qubitCount).gate(
        name,
        Array.from({ length: qubitCount }, (_, qubit) => qubit),
        angles,
      );
      const counts: number[] = [];
      for (const level of [1, 2] as const) {
        const compiled = await transpile(circuit, allToAllTarget(qubitCount), { level });
        counts.push(compiled.circuit.gateCounts().cx ?? 0);
      }
      expect(counts[1], name).toBeLessThanOrEqual(counts[0]!);
    }
  });

  it('needs no swaps where the circuit fits the map', async () => {
    const ghz = new Circuit(8).h(3);
    for (let q = 3; q > 0; q--) ghz.cx(q, q - 1);
    for (let q = 3; q < 7; q++) ghz.cx(q, q + 1);
    for (const target of [lineTarget(8), heavyHexTarget()]) {
      const { circuit } = await transpile(ghz, target, { level: 2 });
      expect(circuit.gateCounts().cx).toBe(7);
    }
  });

  it('finds that cancelling gates leave nothing', async () => {
    // The inverses of these are written with other gates, which only a resynthesis would recognise.
    const others = ['iswap', 'csx', 'c3sx', 'rcccx'];
    const circuits = Array.from({ length: 24 }, (_, seed) => randomCircuit(seed, 4, 20)).filter((circuit) =>
      others.every((name) => circuit.gateCounts()[name] === undefined),
    );
    expect(circuits.length).toBeGreaterThan(3);
    for (const random of circuits) {
      const { circuit } = await transpile(random.compose(random.inverse()), lineTarget(4));
      expect(circuit.instructions.length).toBe(0);
    }
  });

  it('compiles every unitary kind, controls of any state and many qubits included', async () => {
    const matrix = new Circuit(3).h(0).ccx(0, 1, 2).u(1, 2, 3, 1).iswap(0, 2).toMatrix();
    const original = new Circuit(5)
      .unitary(matrix, [0, 2, 4])
      .diagonal([0.1, 0.5, -0.3, 2, 1.1, -1.7, 0.4, 0.9], [1, 3, 0])
      .permute([1, 2, 0], [0, 1, 4])
      .pauliEvolution([['XYIZX', 0.4]], parameter('time'))
      .append({
        kind: 'controlled',
        qubits: [2, 0, 3],
        controls: [2, 0],
        controlState: [0, 1],
        body: { kind: 'gate', name: 'ry', qubits: [3], parameters: [0.7] },
      })
      .mcp(0.6, [0, 1, 2, 3], 4)
      .delay(10, 'ns', 2)
      .mcx([4, 2, 0], 1);
    for (const level of [0, 1, 2, 3] as const) {
      const result = await transpile(original, lineTarget(5), { level });
      expect(result.circuit.parameterNames).toEqual(['time']);
      expect((await verifyEquivalence(original, result)).worstInfidelity).toBeLessThan(1e-9);
    }
  });

  it('makes Clifford gates and T of each other at every level, at higher ones with no more gates on two qubits', async () => {
    const basis = ['cx', 'h', 't', 'tdg', 's', 'sdg'] as const;
    for (const target of [lineTarget(4, basis), allToAllTarget(4, basis)]) {
      for (let seed = 0; seed < 2; seed++) {
        const random = new Random(seed);
        const circuit = new Circuit(4).ccx(0, 1, 2);
        for (let i = 0; i < 12; i++) {
          const [a, b, c] = random.shuffle([0, 1, 2, 3]) as [number, number, number, number];
          circuit.h(a).t(b).cswap(a, b, c).sx(c).swap(a, c).cs(b, c);
        }
        const counts: number[] = [];
        for (const level of [1, 2, 3] as const) {
          const compiled = await transpile(circuit, target, { level });
          expectLegal(compiled.circuit, target);
          expect((await verifyEquivalence(circuit, compiled)).equivalent).toBe(true);
          counts.push(compiled.circuit.gateCounts().cx!);
        }
        expect(counts).toEqual(counts.toSorted((x, y) => y - x));
      }
    }
  });

  it('records what every pass did', async () => {
    const { passes } = await transpile(randomCircuit(2, 5, 30), lineTarget(5));
    expect(passes.map(({ name }) => name)).toContain('lay out and route interactions');
    for (let i = 1; i < passes.length; i++) expect(passes[i]!.gatesBefore).toBe(passes[i - 1]!.gatesAfter);
    expect(passes.every(({ durationMs }) => durationMs >= 0)).toBe(true);
  });

  it('is cancelled by its signal', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const run = transpile(randomCircuit(1, 20, 3000), heavyHexTarget(), {
      level: 2,
      signal: controller.signal,
    });
    await expect(run).rejects.toThrow(CancelledError);
  });

  it('handles circuits without gates or qubits', async () => {
    for (const circuit of [new Circuit(0), new Circuit(3), new Circuit(2, 2).measureAll()]) {
      const compiled = await transpile(circuit, lineTarget(3));
      expect(compiled.circuit.instructions.length).toBe(circuit.instructions.length);
      expect(compiled.initialLayout.length).toBe(circuit.qubitCount);
    }
  });

  it('makes no barrier of all qubits where one stood on left out qubits alone', async () => {
    const target: Target = { ...lineTarget(4), faultyQubits: [0] };
    const circuit = new Circuit(4).h(1).barrier(0).h(1).cx(2, 3);
    const { circuit: compiled } = await transpile(circuit, target, { level: 1 });
    expect(compiled.instructions.some(({ kind }) => kind === 'barrier')).toBe(false);
  });

  it('leaves faulty qubits idle, and compiles what it made for such a target again', async () => {
    const target: Target = { ...lineTarget(6), faultyQubits: [0, 4] };
    const circuit = new Circuit(3, 1).h(0).cx(0, 2).measure(2, 0);
    for (const level of [0, 1, 2, 3] as const) {
      const first = await transpile(circuit, target, { level });
      const second = await transpile(first.circuit.barrier(), target, { level });
      for (const [before, after] of [
        [circuit, first],
        [first.circuit, second],
      ] as const) {
        expectLegal(after.circuit, target);
        const used = after.circuit.instructions.filter(({ kind }) => kind !== 'barrier');
        expect(used.flatMap(({ qubits }) => qubits).filter((qubit) => qubit === 0 || qubit === 4)).toEqual(
          [],
        );
        expect((await verifyEquivalence(before, after, { target })).equivalent).toBe(true);
      }
      expect(second.swapsAdded).toBe(0);
      expect([...second.initialLayout].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    }
    // Four qubits work; idle ones are no use where five are needed.
    const wide = new Circuit(6).h(0).h(1).h(2).h(3).h(5);
    await expect(transpile(wide, target)).rejects.toThrow(UnsupportedError);
  });

  it('refuses what cannot be done', async () => {
    await expect(transpile('OPENQASM 3;' as unknown as Circuit, lineTarget(3))).rejects.toThrow(/a Circuit/);
    const withoutRouting = transpile(new Circuit(2).cx(0, 1), lineTarget(3), {
      customize: (stages) => ({ ...stages, routing: [], translation: [] }),
    });
    await expect(withoutRouting).rejects.toThrow(/without a layout/);
    const withoutStages = transpile(new Circuit(2), lineTarget(3), {
      customize: () => undefined as unknown as Stages,
    });
    await expect(withoutStages).rejects.toThrow(InvalidArgumentError);
    await expect(withoutStages).rejects.toThrow(/customize.*got undefined/s);
    await expect(transpile(new Circuit(4), lineTarget(3))).rejects.toThrow(/at most 3 qubits, got 4/);
    await expect(transpile(new Circuit(2).cx(0, 1), lineTarget(2, ['rz', 'sx']))).rejects.toThrow(
      /gate cx cannot be made/,
    );
    await expect(transpile(new Circuit(1).h(0), lineTarget(2, ['rx', 'cx']))).rejects.toThrow(
      /cannot be made in this basis/,
    );
    const apart: Target = {
      ...lineTarget(4),
      couplingEdges: [
        [0, 1],
        [2, 3],
      ],
    };
    expect((await transpile(new Circuit(4).cx(0, 3).cx(1, 2), apart)).swapsAdded).toBe(0);
    const broken: Target = { ...lineTarget(4), faultyEdges: [[1, 2]] };
    for (const level of [0, 1, 2, 3] as const) {
      for (const target of [apart, broken]) {
        const refused = transpile(new Circuit(4).cx(0, 1).cx(1, 2), target, { level });
        await expect(refused).rejects.toThrow(UnsupportedError);
        await expect(refused).rejects.toThrow(/parts of the coupling map.*whose qubits are connected/s);
      }
    }
    const loop = new Circuit(4, 1).whileLoop({ kind: 'bit', clbit: 0 }, (body) => body.cx(1, 2));
    await expect(transpile(loop, apart, { level: 0 })).rejects.toThrow(/physical qubits 1 and 2/);
    expect((await transpile(new Circuit(4).cx(1, 0).cx(2, 3), apart, { level: 0 })).swapsAdded).toBe(0);
    await expect(transpile(new Circuit(1), { ...lineTarget(2), couplingEdges: [[0, 5]] })).rejects.toThrow(
      /edges/,
    );
    await expect(transpile(new Circuit(1), lineTarget(2), { level: 4 as 3 })).rejects.toThrow(/0, 1, 2 or 3/);
  });
});

describe.skipIf(coupling === null)('topologies', () => {
  it.each([
    ['heavyhex27_falcon', heavyHexTarget(27)],
    ['line25', lineTarget(25)],
    ['ring25', ringTarget(25)],
    ['grid5x5', gridTarget(5, 5)],
  ])('equal the published map %s', (name, target) => {
    const published = JSON.parse(readFileSync(join(coupling!, `${name}.json`), 'utf8'));
    const ordered = [...target.couplingEdges!].sort(([a, b], [c, d]) => a - c || b - d);
    expect(ordered).toEqual(published.edges);
    expect(target.qubitCount).toBe(published.numQubits);
  });
});

describe.skipIf(qasm === null)('published circuits', () => {
  it.each(['revlib_4gt13_92', 'revlib_rd84_142', 'qasmbench_qaoa_n6', 'feynman_mod5_4', 'qasmbench_dnn_n8'])(
    'compile %s for a 27-qubit heavy hexagon, correctly',
    async (name) => {
      const circuit = parseOpenQasm2(readFileSync(join(qasm!, `${name}.qasm`), 'utf8'));
      const compiled = await transpile(circuit, heavyHexTarget());
      expectLegal(compiled.circuit, heavyHexTarget());
      if (circuit.qubitCount + circuit.clbitCount <= 14) {
        const report = await verifyEquivalence(circuit, compiled, { trials: 1 });
        expect(report.worstInfidelity).toBeLessThan(1e-9);
      }
    },
  );
});
