import { throwIfCancelled } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { trivialPlaces } from '../layout/trivial-layout.ts';
import type { Pass } from '../pass.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import { routingNodesOfCircuit } from './circuit-nodes.ts';
import { CircuitPlacer } from './place-circuit.ts';
import { chosenLayout, returnHome, withPlaced } from './route-circuit.ts';
import { checkLayout, checkReachable } from './route-from.ts';
import { splitWhereLoopsEnd } from './split-body.ts';

/**
 * Puts a circuit on physical qubits; where a two-qubit gate is not between neighbours, its first qubit is swapped along a shortest
 * way. The simplest router, and a bad one. Without a layout, qubit `i` goes to physical qubit `i`.
 *
 * Throws, when it runs, InvalidArgumentError for circuits that do not fit from there, UnsupportedError for gates on more than two
 * qubits.
 */
export function basicSwap(): Pass {
  return {
    name: 'basic swap',
    run(state, { signal }) {
      const graph = new CouplingGraph(state.target);
      const { qubitCount } = state.circuit;
      const layout =
        chosenLayout(state, graph) ?? checkLayout(trivialPlaces(qubitCount, graph), qubitCount, graph);
      throwIfCancelled(signal, 'Routing');
      const placer = new CircuitPlacer(state.circuit, layout, (body, places) =>
        routeBody(body, graph, places),
      );
      routeInOrder(state.circuit, graph, placer);
      return withPlaced(state, layout, placer);
    },
  };
}

/** Puts a body of control flow on physical qubits, from a layout and back to it. */
function routeBody(body: Circuit, graph: CouplingGraph, layout: Int32Array): Circuit {
  const placer = new CircuitPlacer(body, layout, (inner, places) => routeBody(inner, graph, places));
  for (const part of splitWhereLoopsEnd(body)) {
    routeInOrder(part, graph, placer);
    returnHome(placer, graph, layout, body.qubitCount);
  }
  return placer.circuit;
}

function routeInOrder(circuit: Circuit, graph: CouplingGraph, placer: CircuitPlacer): void {
  const { nodes } = routingNodesOfCircuit(circuit);
  circuit.instructions.forEach((instruction, index) => {
    const { needsNeighbours, wires } = nodes[index]!;
    if (needsNeighbours) bringTogether(placer, graph, wires[0]!, wires[1]!);
    placer.append(instruction);
  });
}

function bringTogether(placer: CircuitPlacer, graph: CouplingGraph, a: number, b: number): void {
  const { places } = placer;
  checkReachable(graph, places[a]!, places[b]!);
  const goal = places[b]!;
  while (graph.distance(places[a]!, goal) > 1) {
    const from = places[a]!;
    const left = graph.distance(from, goal);
    placer.swap(from, graph.neighboursOf(from).find((next) => graph.distance(next, goal) < left)!);
  }
}
