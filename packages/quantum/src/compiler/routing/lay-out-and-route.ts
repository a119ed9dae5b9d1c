import { throwIfCancelled } from '@qedge/core';
import { isControlFlow } from '../../circuit/instruction.ts';
import { isTimeUp, Turn } from '../in-turns.ts';
import type { InteractionCircuit } from '../interaction/interaction.ts';
import { interactionCost } from '../interaction/interaction-cost.ts';
import { mergeInteractions } from '../interaction/merge-interactions.ts';
import { findExactLayout } from '../layout/exact-layout.ts';
import { collectInteractionGraph, type InteractionGraph } from '../layout/interaction-graph.ts';
import type { CircuitUse, PlaceErrors } from '../layout/layout-error.ts';
import { assignRegions } from '../layout/map-regions.ts';
import type { PassContext } from '../pass.ts';
import type { CouplingGraph, CouplingMap } from '../target/coupling-graph.ts';
import { visitBodyPairs } from './circuit-nodes.ts';
import { emitInteractions, type RouteBody, type RoutedInteractions } from './emit-interactions.ts';
import { type RoutingNodes, routingNodesOf } from './interaction-nodes.ts';
import type { RoutingCandidate } from './layout-trial.ts';
import { buildRoutingDag, type RoutingDag, type RoutingNode } from './routing-dag.ts';
import { checkRoutingSettings, type RoutingSettings } from './routing-settings.ts';
import { searchRoutings } from './search-routings.ts';
import { inThreadTrials, type TrialExecutor } from './trial-executor.ts';

/** What {@link layOutAndRoute} may use besides the circuit and the map. */
export interface RoutingOptions {
  /** Error rates by which layouts without swaps are compared; without them the first one found is taken. */
  readonly errors?: PlaceErrors | null | undefined;
  /** Runs the trials; default: in this thread. */
  readonly executor?: TrialExecutor | undefined;
  /** Needed for circuits with control flow. */
  readonly routeBody?: RouteBody | undefined;
}

/**
 * Puts a circuit on a coupling map and inserts swaps where its two-wire steps are not between neighbours, so that few two-qubit
 * gates are left after merging. A layout that needs no swaps is looked for first.
 *
 * The result depends on the context's random stream, the settings and, where a deadline ends the search, on time; not on the
 * executor.
 *
 * @throws UnsupportedError when the circuit does not fit the map; InvalidArgumentError for ccz steps or impossible settings;
 *   CancelledError once the context's signal is aborted.
 */
export async function layOutAndRoute(
  circuit: InteractionCircuit,
  graph: CouplingGraph,
  settings: RoutingSettings,
  context: PassContext,
  { errors = null, executor = inThreadTrials(), routeBody }: RoutingOptions = {},
): Promise<RoutedInteractions> {
  checkRoutingSettings(settings);
  throwIfCancelled(context.signal, 'Routing');
  const steps = routingNodesOf(circuit);
  const pattern = interactionGraphOf(circuit, steps.nodes);
  const regions = assignRegions(pattern, graph);
  const finish = (candidates: readonly RoutingCandidate[]) =>
    mergeBest(circuit, graph, candidates, context, routeBody);
  const exact = findExactLayout(useOf(circuit, pattern), graph, settings.embedding, context, errors);
  if (exact) return finish([exactCandidate(exact, steps.nodes.length)]);
  const problem = {
    map: plainMap(graph),
    wireCount: circuit.wireCount,
    partners: pattern.partners,
    regions,
    dags: dagsOf(steps, circuit.wireCount, settings.commuting),
  };
  return finish(await searchRoutings(problem, settings, context, executor));
}

function exactCandidate(layout: Int32Array, nodeCount: number): RoutingCandidate {
  return { cost: 0, layout, record: Int32Array.from({ length: nodeCount }, (_, node) => node) };
}

/** Merges the candidates exactly, as many as there is time for, and keeps the cheapest, the first among equals. */
async function mergeBest(
  circuit: InteractionCircuit,
  graph: CouplingGraph,
  candidates: readonly RoutingCandidate[],
  context: PassContext,
  routeBody: RouteBody | undefined,
): Promise<RoutedInteractions> {
  const turn = new Turn(context.clock);
  let best: RoutedInteractions | null = null;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const { layout, record } of candidates) {
    if (best && isTimeUp(context)) break;
    if (context.signal) await turn.endIfLong();
    throwIfCancelled(context.signal, 'Routing');
    const routed = emitInteractions(circuit, graph.qubitCount, layout, record, routeBody);
    const interactions = mergeInteractions(routed.interactions, { physical: true, quick: isTimeUp(context) });
    const cost = interactionCost(interactions);
    if (cost >= bestCost) continue;
    best = { ...routed, interactions };
    bestCost = cost;
  }
  return best!;
}

/** Wires count as measured once where the circuit measures nothing. */
function useOf({ interactions, wireCount }: InteractionCircuit, pattern: InteractionGraph): CircuitUse {
  const measurements = new Float64Array(wireCount);
  for (const { instruction } of interactions) {
    if (instruction?.kind === 'measure') measurements[instruction.qubits[0]]!++;
  }
  return {
    pattern,
    measurements: measurements.some((count) => count > 0) ? measurements : measurements.fill(1),
  };
}

function interactionGraphOf(
  { wireCount, interactions }: InteractionCircuit,
  nodes: readonly RoutingNode[],
): InteractionGraph {
  return collectInteractionGraph(wireCount, (visit) => {
    nodes.forEach(({ needsNeighbours, wires, cost }, index) => {
      const { instruction } = interactions[index]!;
      if (needsNeighbours) visit(wires[0]!, wires[1]!, cost);
      else if (instruction && isControlFlow(instruction)) visitBodyPairs(instruction, visit);
    });
  });
}

/** Both views of the circuit, or one where they are the same. */
export function dagsOf(
  { nodes, orderCount }: RoutingNodes,
  wireCount: number,
  commuting: boolean,
): RoutingDag[] {
  const strict = buildRoutingDag(nodes, wireCount, { commuting: false, orderCount });
  if (!commuting) return [strict];
  const loose = buildRoutingDag(nodes, wireCount, { commuting: true, orderCount });
  return loose.groupWires.length === strict.groupWires.length ? [strict] : [loose, strict];
}

/** The map without what only an object has, for other threads. */
function plainMap({
  qubitCount,
  neighbourOffsets,
  neighbours,
  distances,
  faulty,
}: CouplingGraph): CouplingMap {
  return { qubitCount, neighbourOffsets, neighbours, distances, faulty };
}
