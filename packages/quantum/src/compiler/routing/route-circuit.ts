import { Random } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { finishAtOnce } from '../in-turns.ts';
import { assignRegions } from '../layout/map-regions.ts';
import type { CompilationState, PassContext } from '../pass.ts';
import type { CouplingGraph, CouplingMap } from '../target/coupling-graph.ts';
import { interactionGraphOfCircuit, routingNodesOfCircuit } from './circuit-nodes.ts';
import type { RoutingCandidate, TrialProblem } from './layout-trial.ts';
import { CircuitPlacer } from './place-circuit.ts';
import { ANYTHING, swapsToGoals } from './return-home.ts';
import { checkLayout } from './route-from.ts';
import { buildRoutingDag } from './routing-dag.ts';
import { HEURISTICS, type RoutingSettings } from './routing-settings.ts';
import { searchRoutings } from './search-routings.ts';
import { splitWhereLoopsEnd } from './split-body.ts';
import { SwapRouter } from './swap-router.ts';
import { inThreadTrials } from './trial-executor.ts';

/** Finds layouts and swaps for a circuit; one-qubit gates and measurements are in the way as they are. */
export async function searchCircuitRoutings(
  circuit: Circuit,
  graph: CouplingGraph,
  settings: RoutingSettings,
  context: PassContext,
  layout: Int32Array | null,
): Promise<RoutingCandidate> {
  const pattern = interactionGraphOfCircuit(circuit);
  const steps = routingNodesOfCircuit(circuit);
  const { qubitCount, neighbourOffsets, neighbours, distances, faulty } = graph;
  const problem: TrialProblem = {
    map: { qubitCount, neighbourOffsets, neighbours, distances, faulty },
    wireCount: circuit.qubitCount,
    partners: pattern.partners,
    regions: layout ? [] : assignRegions(pattern, graph),
    dags: [
      buildRoutingDag(steps.nodes, circuit.qubitCount, { commuting: false, orderCount: steps.orderCount }),
    ],
  };
  const [best] = await searchRoutings(problem, settings, context, inThreadTrials(), layout);
  return best!;
}

/** The layout that a state has chosen, with spare wires; null where it has none. */
export function chosenLayout(state: CompilationState, graph: CouplingGraph): Int32Array | null {
  return state.initialLayout && checkLayout(state.initialLayout, state.circuit.qubitCount, graph);
}

/** The state with its circuit on physical qubits. */
export function placeRouted(
  state: CompilationState,
  graph: CouplingMap,
  layout: Int32Array,
  record: Int32Array,
): CompilationState {
  const placer = new CircuitPlacer(state.circuit, layout, (body, places) => routeThere(body, graph, places));
  placer.follow(state.circuit.instructions, record);
  return withPlaced(state, layout, placer);
}

export function withPlaced(
  state: CompilationState,
  layout: Int32Array,
  { circuit, places, swaps }: CircuitPlacer,
): CompilationState {
  return {
    ...state,
    circuit,
    initialLayout: Array.from(layout.subarray(0, state.circuit.qubitCount)),
    finalLayout: Array.from(places.subarray(0, state.circuit.qubitCount)),
    properties: new Map(state.properties).set('swapsAdded', swaps),
  };
}

/** Puts a body of control flow on physical qubits, from a layout and back to it. */
export function routeThere(body: Circuit, map: CouplingMap, layout: Int32Array): Circuit {
  const placer = new CircuitPlacer(body, layout, (inner, places) => routeThere(inner, map, places));
  for (const part of splitWhereLoopsEnd(body)) {
    const { nodes, orderCount } = routingNodesOfCircuit(part);
    const dag = buildRoutingDag(nodes, part.qubitCount, { commuting: false, orderCount });
    const router = new SwapRouter(map, dag);
    const options = {
      heuristic: HEURISTICS[0]!,
      random: new Random(0),
      costLimit: Number.POSITIVE_INFINITY,
    };
    finishAtOnce(router.route(placer.places, options));
    placer.follow(part.instructions, router.record.subarray(0, router.recordLength));
    returnHome(placer, map, layout, body.qubitCount);
  }
  return placer.circuit;
}

/** Swaps every wire of a circuit back to where it was. */
export function returnHome(
  placer: CircuitPlacer,
  map: CouplingMap,
  layout: Int32Array,
  wireCount: number,
): void {
  const goals = new Int32Array(map.qubitCount).fill(ANYTHING);
  for (let wire = 0; wire < wireCount; wire++) goals[placer.places[wire]!] = layout[wire]!;
  const swaps = swapsToGoals(map, goals);
  for (let i = 0; i < swaps.length; i += 2) placer.swap(swaps[i]!, swaps[i + 1]!);
}
