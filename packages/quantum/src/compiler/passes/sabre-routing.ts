import { InvalidArgumentError, type Random, throwIfCancelled } from '@qedge/core';
import { Circuit } from '../../circuit/circuit.ts';
import { dependencyGraph } from '../dependency-graph.ts';
import type { CompilationState, Pass } from '../pass.ts';
import { type RoutedOrder, type SabreHeuristic, SabreRouter } from '../sabre-router.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import { placeGreedily } from './choose-layout.ts';

/** How hard {@link sabreRouting} tries. */
export interface SabreOptions {
  /**
   * Layouts to start from when none is chosen yet: greedy, trivial, then random ones. Each is improved by routing the circuit
   * forwards and backwards.
   */
  readonly layouts: number;
  /** Forward and backward rounds for each layout. */
  readonly rounds: number;
  /** Routings of each layout with other random choices; the one with the fewest swaps is kept. */
  readonly trials: number;
}

/** Which of these is better depends on the circuit, so trials take turns. */
const HEURISTICS: readonly SabreHeuristic[] = [
  { lookAhead: 20, decay: 0.78, patience: 10 },
  { lookAhead: 20, decay: 0.5, patience: 10 },
];

/**
 * Puts a circuit on physical qubits and inserts swaps until every two-qubit gate is between neighbours. Keeps the layout that an
 * earlier pass chose, or chooses one. Gates must act on at most two qubits.
 *
 * @throws InvalidArgumentError for numbers below 1 (0 rounds are allowed).
 */
export function sabreRouting({ layouts, rounds, trials }: SabreOptions): Pass {
  const counts = [layouts, rounds, trials];
  if (!counts.every(Number.isInteger) || layouts < 1 || rounds < 0 || trials < 1) {
    throw new InvalidArgumentError('The router was given impossible numbers', {
      expected: 'layouts >= 1, rounds >= 0 and trials >= 1',
      actual: counts,
    });
  }
  return {
    name: 'sabre routing',
    async run(state, { random, clock, signal }) {
      const graph = new CouplingGraph(state.target);
      const forward = dependencyGraph(state.circuit);
      const backward = dependencyGraph(state.circuit, 'backward');
      let best: (RoutedOrder & { start: Int32Array; end: Int32Array }) | null = null;
      for (const start of startingLayouts(state, graph, layouts, random)) {
        // Lets the event loop run, so that a signal can arrive.
        await clock.sleep(0);
        throwIfCancelled(signal, 'Routing');
        for (let round = 0; round < (state.initialLayout ? 0 : rounds); round++) {
          new SabreRouter(graph, forward, start, random, HEURISTICS[0]!).run(signal);
          new SabreRouter(graph, backward, start, random, HEURISTICS[0]!).run(signal);
        }
        for (let trial = 0; trial < trials; trial++) {
          const end = start.slice();
          const heuristic = HEURISTICS[trial % HEURISTICS.length]!;
          const routed = new SabreRouter(graph, forward, end, random, heuristic).run(signal);
          if (best === null || routed.swapCount < best.swapCount)
            best = { ...routed, start: start.slice(), end };
          if (best.swapCount === 0) break;
        }
        if (best?.swapCount === 0) break;
      }
      return placeCircuit(state, best!);
    },
  };
}

/** Complete layouts (spare qubits included) to begin with. */
function* startingLayouts(
  { circuit, initialLayout }: CompilationState,
  graph: CouplingGraph,
  count: number,
  random: Random,
): Generator<Int32Array> {
  if (initialLayout) {
    yield completeLayout(initialLayout, graph.qubitCount);
    return;
  }
  yield completeLayout(placeGreedily(circuit, graph), graph.qubitCount);
  if (count > 1) yield Int32Array.from({ length: graph.qubitCount }, (_, qubit) => qubit);
  for (let i = 2; i < count; i++) {
    yield random.shuffle(Int32Array.from({ length: graph.qubitCount }, (_, qubit) => qubit));
  }
}

function completeLayout(layout: readonly number[], placeCount: number): Int32Array {
  const taken = new Set(layout);
  const spare = Array.from({ length: placeCount }, (_, place) => place).filter((place) => !taken.has(place));
  return Int32Array.from([...layout, ...spare]);
}

/** Writes the routed circuit on physical qubits. */
function placeCircuit(
  state: CompilationState,
  { steps, start, end }: RoutedOrder & { readonly start: Int32Array; readonly end: Int32Array },
): CompilationState {
  const { circuit, target } = state;
  const placed = new Circuit(target.qubitCount, circuit.clbitCount);
  for (const { name, start, size } of circuit.classicalRegisters) placed.nameClbits(name, start, size);
  const physical = start.slice();
  const virtual = new Int32Array(physical.length);
  physical.forEach((place, qubit) => {
    virtual[place] = qubit;
  });
  for (const step of steps) {
    if (typeof step === 'number') {
      const instruction = circuit.instructions[step]!;
      const qubits = instruction.qubits.map((qubit) => physical[qubit]!);
      placed.append({ ...instruction, qubits } as typeof instruction);
      continue;
    }
    const [a, b] = step;
    placed.swap(a, b);
    const [first, second] = [virtual[a]!, virtual[b]!];
    [virtual[a], virtual[b]] = [second, first];
    [physical[first], physical[second]] = [b, a];
  }
  return {
    ...state,
    circuit: placed,
    initialLayout: Array.from(start.subarray(0, circuit.qubitCount)),
    finalLayout: Array.from(end.subarray(0, circuit.qubitCount)),
  };
}
