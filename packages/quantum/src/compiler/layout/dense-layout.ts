import type { Pass } from '../pass.ts';
import { interactionGraphOfCircuit } from '../routing/circuit-nodes.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import { assignRegions } from './map-regions.ts';
import { startingLayout } from './starting-layouts.ts';

/**
 * Puts the circuit on a compact part of the map: qubit after qubit as near as possible to those it shares gates with, where holes
 * would be left otherwise first. Keeps a layout that an earlier pass chose. Throws UnsupportedError, when it runs, for circuits that
 * do not fit.
 */
export function denseLayout(): Pass {
  return {
    name: 'dense layout',
    run(state, { random }) {
      if (state.initialLayout) return state;
      const graph = new CouplingGraph(state.target);
      const pattern = interactionGraphOfCircuit(state.circuit);
      const regions = assignRegions(pattern, graph);
      const layout = startingLayout(graph, pattern, regions, 'grown', random);
      return { ...state, initialLayout: Array.from(layout.subarray(0, state.circuit.qubitCount)) };
    },
  };
}
