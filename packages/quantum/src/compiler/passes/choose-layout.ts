import type { Circuit } from '../../circuit/circuit.ts';
import type { Pass } from '../pass.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';

/** Puts qubit `i` on physical qubit `i`. */
export const trivialLayout: Pass = {
  name: 'trivial layout',
  run: (state) => ({
    ...state,
    initialLayout: Array.from({ length: state.circuit.qubitCount }, (_, qubit) => qubit),
  }),
};

/** Puts qubits that share many gates close together, greedily. */
export const greedyLayout: Pass = {
  name: 'greedy layout',
  run: (state) => ({
    ...state,
    initialLayout: placeGreedily(state.circuit, new CouplingGraph(state.target)),
  }),
};

/**
 * A layout by greedy placement: the busiest qubit goes to the best connected place, then always the qubit with most gates to
 * those placed, on the free place with the least weighted distance to its partners.
 *
 * @returns the physical qubit of each qubit.
 */
export function placeGreedily(circuit: Circuit, graph: CouplingGraph): number[] {
  const n = circuit.qubitCount;
  const weights = interactionWeights(circuit);
  const layout: number[] = Array.from({ length: n }, () => -1);
  const free = new Set(Array.from({ length: graph.qubitCount }, (_, place) => place));
  const toPlaced = new Float64Array(n);
  const total = weights.map((row) => row.reduce((sum, weight) => sum + weight, 0));
  for (let placed = 0; placed < n; placed++) {
    const qubit = bestIndex(n, (q) =>
      layout[q]! >= 0 ? Number.NEGATIVE_INFINITY : toPlaced[q]! * 1e6 + total[q]!,
    );
    let [bestPlace, bestCost] = [-1, Number.POSITIVE_INFINITY];
    for (const place of free) {
      let cost = -1e-3 * [...graph.neighboursOf(place)].filter((neighbour) => free.has(neighbour)).length;
      layout.forEach((other, partner) => {
        // The small constant keeps qubits without gates between them together too.
        if (other >= 0) cost += (weights[qubit]![partner]! + 1e-6) * graph.distance(place, other);
      });
      if (cost < bestCost) [bestPlace, bestCost] = [place, cost];
    }
    layout[qubit] = bestPlace;
    free.delete(bestPlace);
    weights[qubit]!.forEach((weight, partner) => {
      toPlaced[partner] = toPlaced[partner]! + weight;
    });
  }
  return layout;
}

/** How many gates each pair of qubits shares. */
function interactionWeights(circuit: Circuit): Float64Array[] {
  const weights = Array.from({ length: circuit.qubitCount }, () => new Float64Array(circuit.qubitCount));
  for (const { kind, qubits } of circuit.instructions) {
    if (kind !== 'gate' || qubits.length !== 2) continue;
    const [a, b] = qubits as [number, number];
    weights[a]![b]!++;
    weights[b]![a]!++;
  }
  return weights;
}

function bestIndex(count: number, score: (index: number) => number): number {
  let best = 0;
  for (let index = 1; index < count; index++) if (score(index) > score(best)) best = index;
  return best;
}
