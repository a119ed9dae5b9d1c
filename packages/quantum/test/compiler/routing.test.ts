import { ManualClock, Random, systemClock } from '@qedge/core';
import { Circuit, lineTarget, parameter } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { type InteractionCircuit, InteractionKind } from '../../src/compiler/interaction/interaction.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import type { PassContext } from '../../src/compiler/pass.ts';
import type { RoutedInteractions } from '../../src/compiler/routing/emit-interactions.ts';
import { layOutAndRoute } from '../../src/compiler/routing/lay-out-and-route.ts';
import { routeFrom } from '../../src/compiler/routing/route-from.ts';
import { type RoutingSettings, routingOfLevel } from '../../src/compiler/routing/routing-settings.ts';
import { inThreadTrials, type TrialExecutor } from '../../src/compiler/routing/trial-executor.ts';
import type { CouplingGraph } from '../../src/compiler/target/coupling-graph.ts';
import { overlap, randomState, runCircuit, runInteractions } from './interaction-state.ts';
import { type Edge, graphOf, randomConnectedEdges, randomPairCircuit, spreadState } from './routed-state.ts';

const LINE_5: Edge[] = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
];
/** Some hundred gates: amplitudes agree to about 1e-12. */
const TOLERANCE = 1e-9;

function contextOf(seed: number, more: Partial<PassContext> = {}): PassContext {
  return { random: new Random(seed), clock: systemClock, deadlineMs: Number.POSITIVE_INFINITY, ...more };
}

function expectOnMap({ interactions }: RoutedInteractions, graph: CouplingGraph): void {
  expect(interactions.wireCount).toBe(graph.qubitCount);
  for (const { kind, wires } of interactions.interactions) {
    if (kind !== InteractionKind.core && kind !== InteractionKind.block) continue;
    expect(graph.distance(wires[0]!, wires[1]!)).toBe(1);
  }
}

/** What the routed circuit makes of a random state is what the circuit makes of it, spare qubits in |0>. */
function expectSameEffect(circuit: Circuit, routed: RoutedInteractions, graph: CouplingGraph): void {
  const state = randomState(circuit.qubitCount, 5);
  const expected = spreadState(runCircuit(circuit, state), routed.finalLayout, graph.qubitCount);
  const actual = runInteractions(
    routed.interactions,
    spreadState(state, routed.initialLayout, graph.qubitCount),
  );
  expect(Math.abs(overlap(expected, actual) - 1)).toBeLessThan(TOLERANCE);
}

function sameRouting(a: RoutedInteractions, b: RoutedInteractions): void {
  expect(a.initialLayout).toEqual(b.initialLayout);
  expect(a.finalLayout).toEqual(b.finalLayout);
  const plain = ({ interactions }: RoutedInteractions) =>
    interactions.interactions.map(({ kind, wires, axes, angle, matrix }) => [
      kind,
      wires,
      axes,
      angle,
      matrix,
    ]);
  expect(plain(a)).toEqual(plain(b));
}

describe('laying out and routing', () => {
  it.each([1, 2, 3] as const)(
    'keeps the effect of random circuits on random maps at level %i',
    async (level) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 1e6 }),
          fc.integer({ min: 2, max: 5 }),
          fc.integer({ min: 0, max: 2 }),
          fc.integer({ min: 0, max: 40 }),
          async (seed, qubitCount, spare, gates) => {
            const random = new Random(seed);
            const circuit = randomPairCircuit(random, qubitCount, gates);
            const placeCount = qubitCount + spare;
            const graph = graphOf(placeCount, randomConnectedEdges(random, placeCount, random.integer(4)));
            const interactions = collectInteractions(circuit);
            const routed = await layOutAndRoute(interactions, graph, routingOfLevel(level), contextOf(seed));
            expectOnMap(routed, graph);
            expectSameEffect(circuit, routed, graph);
          },
        ),
        { numRuns: 40, seed: 20 + level },
      );
    },
  );

  it('adds no swaps where the circuit fits the map, whatever the names', async () => {
    const random = new Random(1);
    for (let trial = 0; trial < 10; trial++) {
      const names = random.shuffle([0, 1, 2, 3, 4, 5, 6, 7]);
      const circuit = new Circuit(8);
      for (let i = 0; i + 1 < 8; i++)
        circuit
          .cx(names[i]!, names[i + 1]!)
          .ry(0.3, names[i]!)
          .rzz(0.4, names[i]!, names[i + 1]!);
      const rows = Array.from({ length: 3 }, (_, y) => Array.from({ length: 3 }, (__, x) => 3 * y + x));
      const edges = rows.flatMap((row, y) =>
        row.flatMap((place, x): Edge[] => [
          ...(x < 2 ? [[place, place + 1] as const] : []),
          ...(y < 2 ? [[place, place + 3] as const] : []),
        ]),
      );
      const interactions = collectInteractions(circuit);
      const routed = await layOutAndRoute(
        interactions,
        graphOf(9, edges),
        routingOfLevel(1),
        contextOf(trial),
      );
      expect(routed.swapsAdded).toBe(0);
      expect(interactionCost(routed.interactions)).toBeLessThanOrEqual(interactionCost(interactions));
    }
  });

  it('leaves a circuit that is on the map where it is', async () => {
    const circuit = new Circuit(4).cx(0, 1).cx(1, 2).cx(2, 3).h(2).cx(2, 1);
    const routed = await layOutAndRoute(
      collectInteractions(circuit),
      graphOf(5, LINE_5),
      routingOfLevel(3),
      contextOf(0),
    );
    expect(routed.initialLayout).toEqual([0, 1, 2, 3]);
    expect(routed.finalLayout).toEqual([0, 1, 2, 3]);
    expect(routed.swapsAdded).toBe(0);
  });

  it('gives the same result for the same seed, in whatever order and number trials run', async () => {
    const random = new Random(3);
    const circuit = collectInteractions(randomPairCircuit(random, 6, 60));
    const graph = graphOf(7, randomConnectedEdges(random, 7, 1));
    const settings: RoutingSettings = { ...routingOfLevel(3), layouts: 10 };
    const route = (executor?: TrialExecutor) =>
      layOutAndRoute(circuit, graph, settings, contextOf(9), { executor });
    const one = await route();
    sameRouting(one, await route());
    // Each trial apart and the last one first, as threads might do it.
    const apart: TrialExecutor = {
      async run(run) {
        const found = [];
        for (const trial of run.trials.toReversed()) {
          found.unshift((await inThreadTrials().run({ ...run, trials: [trial] }))[0]!);
        }
        return found;
      },
    };
    sameRouting(one, await route(apart));
  });

  it('keeps measurements, barriers and classical order', async () => {
    const circuit = new Circuit(4, 2);
    circuit.cx(0, 3).measure(0, 0).barrier(0, 1, 2).cx(1, 3).reset(0).cx(0, 2).measure(3, 1).measure(2, 0);
    const graph = graphOf(5, LINE_5);
    const routed = await layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(3), contextOf(0));
    expectOnMap(routed, graph);
    const fences = routed.interactions.interactions.filter(({ kind }) => kind === InteractionKind.fence);
    const kinds = fences.map(({ instruction }) => instruction!.kind);
    expect(kinds.filter((kind) => kind === 'measure')).toHaveLength(3);
    expect(kinds.indexOf('measure')).toBeLessThan(kinds.indexOf('barrier'));
    expect(kinds.indexOf('barrier')).toBeLessThan(kinds.indexOf('reset'));
    const intoBit0 = fences.flatMap(({ instruction }) =>
      instruction!.kind === 'measure' && instruction!.clbit === 0 ? [instruction!.qubits[0]] : [],
    );
    expect(intoBit0).toHaveLength(2);
    // The first measurement is of qubit 0, at once after its first gate; the last one of qubit 2, where it ends.
    expect(intoBit0[1]).toBe(routed.finalLayout[2]);
  });

  it('keeps free angles', async () => {
    const theta = parameter('theta');
    const circuit = new Circuit(4).rzz(theta, 0, 3).rx(theta, 0).rzz(theta, 0, 2).cx(1, 3).cx(2, 1).cx(0, 1);
    const graph = graphOf(4, LINE_5.slice(0, 3));
    const routed = await layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(3), contextOf(0));
    expectOnMap(routed, graph);
    const free = routed.interactions.interactions.filter(({ angle }) => typeof angle !== 'number');
    expect(free).toHaveLength(3);
  });

  it('places independent parts on parts of a map that is not connected', async () => {
    const edges: Edge[] = [
      [0, 1],
      [1, 2],
      [3, 4],
      [4, 5],
      [5, 6],
    ];
    const graph = graphOf(8, edges);
    const circuit = new Circuit(7).cx(0, 2).cx(2, 4).cx(4, 6).cx(6, 0).cx(0, 4).h(5).cx(1, 3).cx(3, 1).x(5);
    const routed = await layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(2), contextOf(0));
    expectOnMap(routed, graph);
    expectSameEffect(circuit, routed, graph);
  });

  it('keeps qubits together that share gates in bodies of control flow alone', async () => {
    const graph = graphOf(6, [
      [0, 1],
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
    const circuit = new Circuit(4, 1).cx(2, 3).measure(2, 0);
    circuit.ifTest({ kind: 'bit', clbit: 0 }, (body) => body.ccx(0, 1, 3));
    let places: number[] = [];
    const routed = await layOutAndRoute(
      collectInteractions(circuit),
      graph,
      routingOfLevel(2),
      contextOf(0),
      {
        routeBody: (instruction, at) => {
          places = [...at.subarray(0, 4)];
          return instruction;
        },
      },
    );
    expectOnMap(routed, graph);
    expect(places.every((place) => place >= 2)).toBe(true);
  });

  it('refuses circuits that do not fit, in typed errors', async () => {
    const route = (circuit: Circuit, graph: CouplingGraph) =>
      layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(1), contextOf(0));
    await expect(route(new Circuit(6).cx(0, 5), graphOf(5, LINE_5))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      actual: 6,
    });
    const apart = graphOf(4, [
      [0, 1],
      [2, 3],
    ]);
    const chain = new Circuit(3).cx(0, 1).cx(1, 2);
    await expect(route(chain, apart)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(route(new Circuit(2).cx(0, 1), graphOf(3, []))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    const uncoupled = await route(new Circuit(3).h(0).h(2), graphOf(3, []));
    expect(uncoupled.swapsAdded).toBe(0);
  });

  it('places nothing on faulty qubits', async () => {
    const graph = new (await import('../../src/compiler/target/coupling-graph.ts')).CouplingGraph({
      ...lineTarget(6),
      faultyQubits: [1],
    });
    const circuit = new Circuit(5).cx(0, 1).cx(1, 2).cx(2, 0).h(4);
    const routed = await layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(3), contextOf(0));
    expect(routed.initialLayout).not.toContain(1);
    expect(routed.finalLayout).not.toContain(1);
    expectOnMap(routed, graph);
    const full = new Circuit(6).h(5);
    await expect(
      layOutAndRoute(collectInteractions(full), graph, routingOfLevel(1), contextOf(0)),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED', actual: 6 });
  });

  it('settles for a routing when the time is up, and stops when it is told to', async () => {
    const random = new Random(5);
    const circuit = randomPairCircuit(random, 6, 80);
    const graph = graphOf(6, LINE_5.concat([[4, 5]]));
    const late = contextOf(0, { clock: new ManualClock(10), deadlineMs: 5 });
    const routed = await layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(3), late);
    expectOnMap(routed, graph);
    expectSameEffect(circuit, routed, graph);
    const stopped = contextOf(0, { signal: AbortSignal.abort() });
    await expect(
      layOutAndRoute(collectInteractions(circuit), graph, routingOfLevel(3), stopped),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    const stop = new AbortController();
    const large = collectInteractions(randomPairCircuit(random, 20, 2000));
    const line = graphOf(
      20,
      Array.from({ length: 19 }, (_, i): Edge => [i, i + 1]),
    );
    setTimeout(() => stop.abort(), 10);
    await expect(
      layOutAndRoute(
        large,
        line,
        { ...routingOfLevel(3), layouts: 100_000, patience: 100_000 },
        contextOf(0, { signal: stop.signal }),
      ),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('refuses settings that make no sense', async () => {
    const circuit = collectInteractions(new Circuit(2).cx(0, 1));
    for (const change of [{ layouts: 0 }, { iterations: -1 }, { finalists: 1.5 }, { patience: Number.NaN }]) {
      await expect(
        layOutAndRoute(circuit, graphOf(2, [[0, 1]]), { ...routingOfLevel(1), ...change }, contextOf(0)),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });
});

describe('routing from a layout', () => {
  it('brings every qubit back to where it began', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 2, max: 5 }), (seed, qubitCount) => {
        const random = new Random(seed);
        const circuit = randomPairCircuit(random, qubitCount, 15);
        const graph = graphOf(6, randomConnectedEdges(random, 6, random.integer(3)));
        const layout = [...random.shuffle([0, 1, 2, 3, 4, 5])].slice(0, qubitCount);
        const routed = routeFrom(collectInteractions(circuit), graph, layout, { returnToStart: true, seed });
        expect(routed.initialLayout).toEqual(layout);
        expect(routed.finalLayout).toEqual(layout);
        expectOnMap(routed, graph);
        expectSameEffect(circuit, routed, graph);
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('refuses layouts that are none', () => {
    const circuit: InteractionCircuit = collectInteractions(new Circuit(2).cx(0, 1));
    const graph = graphOf(4, [
      [0, 1],
      [2, 3],
    ]);
    for (const layout of [[0], [0, 0], [0, 4], [-1, 0], [0.5, 1], [1, 2]]) {
      expect(() => routeFrom(circuit, graph, layout, { returnToStart: false })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
  });

  it('asks for a way to route bodies of control flow, and hands it the layout at which they begin', () => {
    const circuit = new Circuit(3, 1);
    circuit.cx(0, 1).cx(1, 2).cx(0, 2).measure(0, 0);
    circuit.ifTest({ kind: 'bit', clbit: 0 }, (body) => body.x(2));
    const graph = graphOf(3, LINE_5.slice(0, 2));
    const interactions = collectInteractions(circuit);
    expect(() => routeFrom(interactions, graph, [0, 1, 2], { returnToStart: false })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    const seen: number[][] = [];
    const routed = routeFrom(interactions, graph, [0, 1, 2], {
      returnToStart: false,
      routeBody: (instruction, places) => {
        seen.push([...places]);
        return instruction;
      },
    });
    // No gate comes after it, so it begins where the circuit ends.
    expect(seen).toEqual([routed.finalLayout]);
  });
});
