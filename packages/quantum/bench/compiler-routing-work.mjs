/** @file What `compiler-routing.mjs` counts and times, with the package's sources. */
import { Random, systemClock } from '@qedge/core';
import { Circuit } from '../src/circuit/circuit.ts';
import { collectInteractions } from '../src/compiler/interaction/collect-interactions.ts';
import { interactionCost } from '../src/compiler/interaction/interaction-cost.ts';
import { liftToffolis } from '../src/compiler/optimizer/lift-toffolis.ts';
import { optimizeInteractions } from '../src/compiler/optimizer/optimize-interactions.ts';
import { quickOptimizer, thoroughOptimizer } from '../src/compiler/optimizer/optimizer-settings.ts';
import { layOutAndRoute } from '../src/compiler/routing/lay-out-and-route.ts';
import { routingOfLevel } from '../src/compiler/routing/routing-settings.ts';
import { CouplingGraph } from '../src/compiler/target/coupling-graph.ts';
import { parseOpenQasm } from '../src/openqasm/parse-openqasm.ts';

export { Circuit, CouplingGraph, parseOpenQasm };

function contextOf(seed) {
  return { random: new Random(seed), clock: systemClock, deadlineMs: Number.POSITIVE_INFINITY };
}

function cpuMsSince(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Compiles a circuit for a map once for each seed.
 *
 * @returns two-qubit gates before routing and after it, and CPU milliseconds before and in routing, the mean over the seeds.
 * @throws Error when a gate is not between neighbours.
 */
export async function compileForMap(circuit, graph, { level, seeds, changes = {} }) {
  const settings = { ...routingOfLevel(level), ...changes };
  const optimizer = level === 3 ? thoroughOptimizer : quickOptimizer;
  const result = { logical: 0, costs: [], swaps: [], logicalMs: 0, routingMs: 0 };
  for (const seed of seeds) {
    let before = process.cpuUsage();
    const optimized = optimizeInteractions(
      collectInteractions(liftToffolis(circuit)),
      optimizer,
      contextOf(seed),
    );
    result.logicalMs += cpuMsSince(before) / seeds.length;
    result.logical = interactionCost(optimized);
    before = process.cpuUsage();
    const routed = await layOutAndRoute(optimized, graph, settings, contextOf(seed));
    result.routingMs += cpuMsSince(before) / seeds.length;
    result.costs.push(interactionCost(routed.interactions));
    result.swaps.push(routed.swapsAdded);
    checkMap(routed.interactions, graph);
  }
  return result;
}

function checkMap({ interactions }, graph) {
  for (const { kind, wires } of interactions) {
    const needsNeighbours = kind === 1 || kind === 2;
    if (needsNeighbours && graph.distance(wires[0], wires[1]) !== 1) {
      throw new Error(`A gate is between ${wires}, which are not coupled`);
    }
  }
}
