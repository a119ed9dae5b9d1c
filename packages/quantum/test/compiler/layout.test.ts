import { Random, systemClock } from '@qedge/core';
import {
  basicSwap,
  Circuit,
  denseLayout,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  type Pass,
  ringTarget,
  sabreLayout,
  sabreRouting,
  type Target,
  trivialLayout,
  verifyEquivalence,
  vf2Layout,
  vf2PostLayout,
} from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayEmbed } from '../../src/compiler/layout/embedding-conditions.ts';
import { searchEmbeddings } from '../../src/compiler/layout/embedding-search.ts';
import { collectInteractionGraph } from '../../src/compiler/layout/interaction-graph.ts';
import { layoutError, placeErrorsOf } from '../../src/compiler/layout/layout-error.ts';
import { ANYTHING, swapsToGoals } from '../../src/compiler/routing/return-home.ts';
import { CouplingGraph } from '../../src/compiler/target/coupling-graph.ts';
import { overlap, randomState, runCircuit } from './interaction-state.ts';
import {
  type Edge,
  graphOf,
  randomConnectedEdges,
  randomPairCircuit,
  spreadState,
  targetOf,
} from './routed-state.ts';
import { stateAfter } from './run-pass.ts';

const LIMITS = { stepsPerAttempt: 2000, attempts: 12 };

function patternOf(wireCount: number, edges: readonly Edge[]) {
  return collectInteractionGraph(wireCount, (visit) => {
    for (const [a, b] of edges) visit(a, b, 1);
  });
}

function edgesOf(graph: CouplingGraph): Edge[] {
  return Array.from({ length: graph.qubitCount }, (_, a) =>
    [...graph.neighboursOf(a)].map((b): Edge => [a, b]),
  )
    .flat()
    .filter(([a, b]) => a < b);
}

function findEmbedding(wireCount: number, edges: readonly Edge[], graph: CouplingGraph, seed = 0) {
  let layout: Int32Array | null = null;
  const outcome = searchEmbeddings(patternOf(wireCount, edges), graph, new Random(seed), LIMITS, (found) => {
    layout = found.slice();
    return true;
  });
  return { outcome, layout: layout as Int32Array | null };
}

function expectEmbedding(edges: readonly Edge[], graph: CouplingGraph, layout: Int32Array | null): void {
  expect(layout).not.toBeNull();
  const placed = layout!.filter((place) => place >= 0);
  expect(new Set(placed).size).toBe(placed.length);
  for (const [a, b] of edges) expect(graph.distance(layout![a]!, layout![b]!)).toBe(1);
}

describe('the search for embeddings', () => {
  it('finds subgraphs planted in random maps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 2, max: 16 }), (seed, placeCount) => {
        const random = new Random(seed);
        const graph = graphOf(placeCount, randomConnectedEdges(random, placeCount, random.integer(8)));
        const names = random.shuffle(Array.from({ length: placeCount }, (_, i) => i));
        const kept = edgesOf(graph).filter(() => random.integer(4) > 0);
        const planted = kept.map(([a, b]): Edge => [names[a]!, names[b]!]);
        const { outcome, layout } = findEmbedding(placeCount, random.shuffle(planted), graph, seed);
        expect(outcome).toBe('accepted');
        expectEmbedding(planted, graph, layout);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  it.each([
    ['a line of 42 on a heavy hexagon of 127', 42, heavyHexTarget(127)],
    ['a line of 88 on a heavy hexagon of 127', 88, heavyHexTarget(127)],
    ['a line of 100 on a full grid', 100, gridTarget(10, 10)],
    ['a line of 64 on a full ring', 64, ringTarget(64)],
  ])('finds %s', (_, length, target) => {
    const graph = new CouplingGraph(target);
    const names = new Random(length).shuffle(Array.from({ length }, (__, i) => i));
    const edges = names.slice(1).map((name, i): Edge => [names[i]!, name]);
    expectEmbedding(edges, graph, findEmbedding(length, edges, graph).layout);
  });

  it('finds a grid on a full grid of the same size', () => {
    const graph = new CouplingGraph(gridTarget(6, 7));
    const names = new Random(2).shuffle(Array.from({ length: 42 }, (_, i) => i));
    const edges = edgesOf(graph).map(([a, b]): Edge => [names[a]!, names[b]!]);
    expectEmbedding(edges, graph, findEmbedding(42, edges, graph).layout);
  });

  it('proves that there is none by degrees, by colours and by trying all', () => {
    const star: Edge[] = [1, 2, 3, 4].map((leaf) => [0, leaf]);
    const hexagons = new CouplingGraph(heavyHexTarget(27));
    expect(mayEmbed(patternOf(5, star), hexagons)).toBe(false);
    const triangle: Edge[] = [
      [0, 1],
      [1, 2],
      [2, 0],
    ];
    expect(mayEmbed(patternOf(3, triangle), hexagons)).toBe(false);
    // A line over all 127 would need as many places of one colour as of the other.
    const eagle = new CouplingGraph(heavyHexTarget(127));
    const line = Array.from({ length: 126 }, (_, i): Edge => [i, i + 1]);
    expect(mayEmbed(patternOf(127, line), eagle)).toBe(false);
    // Two squares that share a corner fit no two rows.
    const squares: Edge[] = [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 0],
      [0, 4],
      [4, 5],
      [5, 6],
      [6, 0],
    ];
    expect(findEmbedding(7, squares, new CouplingGraph(gridTarget(2, 5))).outcome).toBe('proved');
    expect(findEmbedding(7, squares, new CouplingGraph(gridTarget(3, 3))).outcome).toBe('accepted');
  });
});

describe('bringing tokens home', () => {
  it('ends with every token at its goal, over couplings alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 14 }), (seed, placeCount) => {
        const random = new Random(seed);
        const graph = graphOf(placeCount, randomConnectedEdges(random, placeCount, random.integer(6)));
        const goals = Int32Array.from(
          random.shuffle(Array.from({ length: placeCount }, (_, i) => i)),
          (goal) => (random.integer(3) === 0 ? ANYTHING : goal),
        );
        const tokens = goals.slice();
        const swaps = swapsToGoals(graph, goals.slice());
        for (let i = 0; i < swaps.length; i += 2) {
          const [a, b] = [swaps[i]!, swaps[i + 1]!];
          expect(graph.distance(a, b)).toBe(1);
          [tokens[a], tokens[b]] = [tokens[b]!, tokens[a]!];
        }
        tokens.forEach((goal, place) => {
          if (goal !== ANYTHING) expect(goal).toBe(place);
        });
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

/** Every two-qubit gate between neighbours, and the same effect on a random state. */
async function expectRouted(passes: readonly Pass[], circuit: Circuit, target: Target): Promise<void> {
  let state = await stateAfter({ name: 'nothing', run: (start) => start }, circuit, target);
  const context = { random: new Random(1), clock: systemClock, deadlineMs: Number.POSITIVE_INFINITY };
  for (const pass of passes) {
    const chosen = state.initialLayout;
    state = await pass.run(state, context);
    if (chosen) expect(state.initialLayout).toEqual(chosen);
  }
  const graph = new CouplingGraph(target);
  for (const { kind, qubits } of state.circuit.instructions) {
    if (kind === 'gate' && qubits.length === 2) expect(graph.distance(qubits[0]!, qubits[1]!)).toBe(1);
  }
  const start = randomState(circuit.qubitCount, 4);
  const expected = spreadState(runCircuit(circuit, start), state.finalLayout!, target.qubitCount);
  const actual = runCircuit(state.circuit, spreadState(start, state.initialLayout!, target.qubitCount));
  expect(Math.abs(overlap(expected, actual) - 1)).toBeLessThan(1e-9);
}

describe('passes that lay out and route circuits', () => {
  it.each([
    ['trivial layout and basic swap', [trivialLayout(), basicSwap()]],
    ['basic swap alone', [basicSwap()]],
    ['dense layout and SABRE routing', [denseLayout(), sabreRouting()]],
    ['SABRE layout and basic swap', [sabreLayout(), basicSwap()]],
    ['SABRE layout and routing', [sabreLayout({ layouts: 2 }), sabreRouting({ layouts: 3 })]],
    ['SABRE routing alone', [sabreRouting()]],
    ['VF2 layout, else SABRE', [vf2Layout(), sabreRouting()]],
  ] as const)('keep the effect of circuits: %s', async (_, passes) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 2 }),
        async (seed, qubitCount, spare) => {
          const random = new Random(seed);
          const circuit = qubitCount === 1 ? new Circuit(1).h(0) : randomPairCircuit(random, qubitCount, 20);
          const places = qubitCount + spare;
          const edges = randomConnectedEdges(random, places, random.integer(3));
          await expectRouted(passes, circuit, targetOf(places, edges));
        },
      ),
      { numRuns: 12, seed: 2 },
    );
  });

  it('route bodies of control flow from where they begin and back, also where they leave a loop', async () => {
    const circuit = new Circuit(4, 2);
    circuit.h(0).cx(0, 3).measure(0, 0);
    circuit.ifTest(
      { kind: 'bit', clbit: 0 },
      (body) => body.cx(0, 2).cx(1, 3),
      (body) => body.cx(3, 0),
    );
    circuit.forLoop(null, [0, 1], (body) => {
      body.cx(0, 3).measure(1, 1);
      body.ifTest({ kind: 'bit', clbit: 0 }, (inner) => inner.cx(2, 0).break());
      body.cx(1, 3);
    });
    circuit.cx(0, 2).measure(2, 1);
    for (const pass of [basicSwap(), sabreRouting()]) {
      const state = await stateAfter(pass, circuit, lineTarget(5));
      const graph = new CouplingGraph(lineTarget(5));
      const visit = (part: Circuit): void => {
        for (const instruction of part.instructions) {
          if (instruction.kind === 'gate' && instruction.qubits.length === 2) {
            expect(graph.distance(instruction.qubits[0]!, instruction.qubits[1]!)).toBe(1);
          }
          if (instruction.kind === 'if') {
            visit(instruction.then);
            if (instruction.otherwise) visit(instruction.otherwise);
          }
          if (instruction.kind === 'for') visit(instruction.body);
        }
      };
      visit(state.circuit);
      const { initialLayout, finalLayout } = state;
      const compiled = { circuit: state.circuit, initialLayout: initialLayout!, finalLayout: finalLayout! };
      expect(await verifyEquivalence(circuit, compiled)).toMatchObject({ equivalent: true });
    }
  });

  it('keep a layout that was chosen, refuse one that is none, and circuits that do not fit', async () => {
    const circuit = new Circuit(3).cx(0, 1).cx(1, 2).cx(0, 2);
    const run = (pass: Pass, initialLayout: readonly number[] | null, target = lineTarget(5)) =>
      stateAfter(pass, circuit, target, { initialLayout });
    for (const pass of [
      trivialLayout(),
      denseLayout(),
      sabreLayout(),
      vf2Layout(),
      basicSwap(),
      sabreRouting(),
    ]) {
      expect((await run(pass, [4, 2, 3])).initialLayout).toEqual([4, 2, 3]);
    }
    for (const pass of [basicSwap(), sabreRouting()]) {
      await expect(run(pass, [0, 0, 1])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(run(pass, [0, 1, 5])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(run(pass, null, lineTarget(2))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    }
    const wide = new Circuit(3).ccx(0, 1, 2);
    await expect(stateAfter(sabreRouting(), wide, lineTarget(3))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    expect(() => sabreRouting({ layouts: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('find the places where gates and measurements go wrong least', async () => {
    const target: Target = {
      ...lineTarget(6),
      instructionProperties: [
        { instruction: 'cx', errorRate: 0.05 },
        { instruction: 'cx', qubits: [3, 4], errorRate: 0.001 },
        { instruction: 'cx', qubits: [4, 5], errorRate: 0.002 },
        { instruction: 'measure', qubits: [3], errorRate: 0.2 },
      ],
    };
    const circuit = new Circuit(3, 1).cx(0, 1).cx(0, 1).cx(1, 2).measure(2, 0);
    const laidOut = await stateAfter(vf2Layout(), circuit, target);
    // cx(0, 1) twice on the best pair would put qubit 2 on 5, measured well: 3, 4, 5.
    expect(laidOut.initialLayout).toEqual([3, 4, 5]);
    const placed = await stateAfter(sabreRouting(), circuit, target, { initialLayout: [0, 1, 2] });
    const moved = await stateAfter(vf2PostLayout(), placed.circuit, target, {
      initialLayout: placed.initialLayout,
      finalLayout: placed.finalLayout,
    });
    expect(moved.initialLayout).toEqual([3, 4, 5]);
    expect(moved.finalLayout).toEqual([3, 4, 5]);
    expect(moved.circuit.instructions.at(-1)).toMatchObject({ kind: 'measure', qubits: [5] });
    const errors = placeErrorsOf(target)!;
    const pattern = patternOf(2, [[0, 1]]);
    const use = { pattern, measurements: Float64Array.of(1, 0) };
    // -log(0.999) for the gate, -log(0.8) for the measurement.
    const expected = -Math.log(0.999) - Math.log(0.8);
    expect(layoutError(use, Int32Array.of(3, 4, 0, 1, 2, 5), errors)).toBeCloseTo(expected, 12);
    expect(placeErrorsOf(lineTarget(3))).toBeNull();
  });
});

describe('a coupling graph', () => {
  it('knows distances, parts and faults, and handles 4096 qubits', () => {
    const graph = new CouplingGraph({
      ...targetOf(7, [
        [0, 1],
        [1, 0],
        [1, 2],
        [4, 5],
      ]),
      faultyQubits: [5],
    });
    expect([...graph.neighboursOf(1)]).toEqual([0, 2]);
    expect(graph.distance(0, 2)).toBe(2);
    expect(graph.distance(0, 4)).toBe(0xffff);
    expect([...graph.componentOf]).toEqual([0, 0, 0, 1, 2, 3, 4]);
    expect(graph.componentSizes).toEqual([3, 1, 1, 1, 1]);
    expect(graph.workingCount).toBe(6);
    const large = new CouplingGraph(gridTarget(64, 64));
    expect(large.distance(0, 4095)).toBe(126);
    expect(() => new CouplingGraph(gridTarget(64, 65))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    const complete = graphOf(5, null);
    expect(complete.isComplete).toBe(true);
    expect(complete.distance(0, 4)).toBe(1);
  });
});
