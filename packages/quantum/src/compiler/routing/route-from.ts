import { InvalidArgumentError, Random } from '@qedge/core';
import { finishAtOnce } from '../in-turns.ts';
import type { InteractionCircuit } from '../interaction/interaction.ts';
import { fillLayout } from '../layout/starting-layouts.ts';
import type { CouplingGraph } from '../target/coupling-graph.ts';
import { emitInteractions, type RouteBody, type RoutedInteractions } from './emit-interactions.ts';
import { routingNodesOf } from './interaction-nodes.ts';
import { ANYTHING, swapsToGoals } from './return-home.ts';
import { buildRoutingDag } from './routing-dag.ts';
import { HEURISTICS } from './routing-settings.ts';
import { SwapRouter } from './swap-router.ts';

/** How {@link routeFrom} routes. */
export interface RouteFromOptions {
  /** Brings every qubit back to where it began, as the bodies of control flow must. */
  readonly returnToStart: boolean;
  /** Routings that are tried; the cheapest is taken. Default 4. */
  readonly routings?: number;
  /** Breaks ties. Default 0. */
  readonly seed?: number;
  readonly routeBody?: RouteBody | undefined;
}

/**
 * Routes a circuit from a given layout. Swaps are not merged with what is next to them.
 *
 * @param layout the physical qubit of each wire; entries beyond the circuit's wires are ignored.
 * @throws InvalidArgumentError for a layout that is none, or which puts wires that share gates on parts of the map that are not
 *   connected.
 */
export function routeFrom(
  circuit: InteractionCircuit,
  graph: CouplingGraph,
  layout: ArrayLike<number>,
  { returnToStart, routings = 4, seed = 0, routeBody }: RouteFromOptions,
): RoutedInteractions {
  const start = checkLayout(layout, circuit.wireCount, graph);
  const { nodes, orderCount } = routingNodesOf(circuit);
  for (const { needsNeighbours, wires } of nodes) {
    if (needsNeighbours) checkReachable(graph, start[wires[0]!]!, start[wires[1]!]!);
  }
  const dag = buildRoutingDag(nodes, circuit.wireCount, { commuting: true, orderCount });
  const router = new SwapRouter(graph, dag);
  const random = new Random(seed);
  let [best, bestCost] = [new Int32Array(0), Number.POSITIVE_INFINITY];
  for (let routing = 0; routing < routings; routing++) {
    const heuristic = HEURISTICS[routing % HEURISTICS.length]!;
    const options = { heuristic, random, costLimit: bestCost };
    if (!finishAtOnce(router.route(start, options))) continue;
    const goHome = returnToStart ? swapsHome(circuit, graph, start, router.places) : [];
    const cost = router.cost + 3 * goHome.length;
    if (cost >= bestCost) continue;
    best = new Int32Array(router.recordLength + goHome.length);
    best.set(router.record.subarray(0, router.recordLength));
    best.set(goHome, router.recordLength);
    bestCost = cost;
  }
  return emitInteractions(circuit, graph.qubitCount, start, best, routeBody);
}

/** Swaps, as in a record, after which every qubit is where it began. */
function swapsHome(
  { wireOfQubit }: InteractionCircuit,
  graph: CouplingGraph,
  start: Int32Array,
  places: Int32Array,
): number[] {
  const goals = new Int32Array(graph.qubitCount).fill(ANYTHING);
  wireOfQubit.forEach((wire, qubit) => {
    goals[places[wire]!] = start[qubit]!;
  });
  const swaps = swapsToGoals(graph, goals);
  const steps: number[] = [];
  for (let i = 0; i < swaps.length; i += 2) steps.push(-1 - (swaps[i]! * graph.qubitCount + swaps[i + 1]!));
  return steps;
}

/**
 * @returns `[qubitCount]` with spare wires on the places that are left.
 * @throws InvalidArgumentError unless every wire has a working place of its own.
 */
export function checkLayout(layout: ArrayLike<number>, wireCount: number, graph: CouplingGraph): Int32Array {
  const own = Array.from({ length: wireCount }, (_, wire) => layout[wire]);
  const isUsable = own.every((place) => place !== undefined && graph.faulty[place] === 0);
  if (!isUsable || new Set(own).size < wireCount) {
    throw new InvalidArgumentError('A layout is unusable', {
      expected: `${wireCount} different physical qubits that work, in 0..${graph.qubitCount - 1}`,
      actual: own,
    });
  }
  const complete = new Int32Array(graph.qubitCount).fill(-1);
  complete.set(own as number[]);
  return fillLayout(graph, complete, wireCount);
}

/** @throws InvalidArgumentError where no way leads from one place to the other. */
export function checkReachable(graph: CouplingGraph, a: number, b: number): void {
  if (graph.componentOf[a] === graph.componentOf[b]) return;
  throw new InvalidArgumentError('A layout keeps wires apart that share gates', {
    expected: 'physical qubits that can reach one another',
    actual: [a, b],
  });
}
