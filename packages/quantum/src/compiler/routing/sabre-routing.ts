import type { Pass } from '../pass.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import { chosenLayout, placeRouted, searchCircuitRoutings } from './route-circuit.ts';
import { checkRoutingSettings, type RoutingSettings, routingOfLevel } from './routing-settings.ts';

/** What of a router's settings matters to passes on circuits. */
export type SabreOptions = Partial<Pick<RoutingSettings, 'layouts' | 'iterations' | 'patience'>>;

/**
 * Puts a circuit on physical qubits and inserts swaps until every two-qubit gate is between neighbours (Li, Ding, Xie,
 * arXiv:1809.02573, with a longer look-ahead). Keeps the layout that an earlier pass chose, and then tries `layouts` heuristics
 * and ways to break ties; else looks for one. Bodies of control flow are routed from the layout at which they begin, and back to
 * it.
 *
 * Throws, when it runs, UnsupportedError for circuits that do not fit or gates on more than two qubits.
 *
 * @param options default: those of level 1.
 * @throws InvalidArgumentError for numbers out of range.
 */
export function sabreRouting(options: SabreOptions = {}): Pass {
  const settings = checkRoutingSettings({ ...routingOfLevel(1), finalists: 1, commuting: false, ...options });
  return {
    name: 'sabre routing',
    async run(state, context) {
      const graph = new CouplingGraph(state.target);
      const layout = chosenLayout(state, graph);
      const effort = layout ? { ...settings, iterations: 0 } : settings;
      const best = await searchCircuitRoutings(state.circuit, graph, effort, context, layout);
      return placeRouted(state, graph, best.layout, best.record);
    },
  };
}

/**
 * Chooses the layout from which routing needs the fewest swaps, by routing forwards and backwards from several. Keeps a layout that
 * an earlier pass chose.
 *
 * @throws InvalidArgumentError for numbers out of range.
 */
export function sabreLayout(options: SabreOptions = {}): Pass {
  const settings = checkRoutingSettings({ ...routingOfLevel(1), finalists: 1, commuting: false, ...options });
  return {
    name: 'sabre layout',
    async run(state, context) {
      if (state.initialLayout) return state;
      const graph = new CouplingGraph(state.target);
      const { layout } = await searchCircuitRoutings(state.circuit, graph, settings, context, null);
      return { ...state, initialLayout: Array.from(layout.subarray(0, state.circuit.qubitCount)) };
    },
  };
}
