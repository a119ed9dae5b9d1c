import type { Pass } from '../pass.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import { checkWidth } from './map-regions.ts';
import { fillLayout } from './starting-layouts.ts';

/**
 * Puts qubit `i` on physical qubit `i`, where some are faulty on the `i`-th one that works. Keeps a layout that an earlier pass chose.
 * Throws UnsupportedError, when it runs, for circuits with too many qubits.
 */
export function trivialLayout(): Pass {
  return {
    name: 'trivial layout',
    run(state) {
      if (state.initialLayout) return state;
      return {
        ...state,
        initialLayout: trivialPlaces(state.circuit.qubitCount, new CouplingGraph(state.target)),
      };
    },
  };
}

/** The first places that work, in ascending order. */
export function trivialPlaces(wireCount: number, graph: CouplingGraph): number[] {
  checkWidth(wireCount, graph);
  const layout = fillLayout(graph, new Int32Array(graph.qubitCount).fill(-1), wireCount);
  return Array.from(layout.subarray(0, wireCount));
}
