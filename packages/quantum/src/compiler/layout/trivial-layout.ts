import { UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import type { Pass } from '../pass.ts';
import { interactionGraphOfCircuit } from '../routing/circuit-nodes.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import { checkWidth } from './map-regions.ts';
import { fillLayout } from './starting-layouts.ts';

/**
 * Puts qubit `i` on physical qubit `i`, where some are faulty on the `i`-th one that works. Keeps a layout that an earlier pass chose.
 * Throws UnsupportedError, when it runs, for circuits with too many qubits; on maps in several parts also for gates between qubits that
 * come to lie in different ones, or on more than two qubits.
 */
export function trivialLayout(): Pass {
  return {
    name: 'trivial layout',
    run(state) {
      if (state.initialLayout) return state;
      const graph = new CouplingGraph(state.target);
      const places = trivialPlaces(state.circuit.qubitCount, graph);
      if (graph.componentSizes.length > 1) checkParts(state.circuit, places, graph);
      return { ...state, initialLayout: places };
    },
  };
}

/** @throws UnsupportedError for gates between places that no way connects. */
function checkParts(circuit: Circuit, places: readonly number[], graph: CouplingGraph): void {
  const partOf = (qubit: number) => graph.componentOf[places[qubit]!];
  for (const { a, b } of interactionGraphOfCircuit(circuit).edges) {
    if (partOf(a) === partOf(b)) continue;
    throw new UnsupportedError('The circuit does not fit the parts of the coupling map as it is numbered', {
      expected: 'gates between qubits that working couplings connect',
      actual: `a gate between physical qubits ${places[a]} and ${places[b]}`,
      remedy: 'Choose a target whose qubits are connected, or a level above 0, which chooses a layout',
    });
  }
}

/** The first places that work, in ascending order. */
export function trivialPlaces(wireCount: number, graph: CouplingGraph): number[] {
  checkWidth(wireCount, graph);
  const layout = fillLayout(graph, new Int32Array(graph.qubitCount).fill(-1), wireCount);
  return Array.from(layout.subarray(0, wireCount));
}
