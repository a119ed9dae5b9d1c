import type { Circuit } from '../../circuit/circuit.ts';
import { bodiesOf, isControlFlow } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { interactionGraphOfCircuit } from '../routing/circuit-nodes.ts';
import { CircuitPlacer } from '../routing/place-circuit.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import type { EmbeddingLimits } from './embedding-search.ts';
import { findExactLayout } from './exact-layout.ts';
import { layoutError, placeErrorsOf } from './layout-error.ts';

const DEFAULT_LIMITS: EmbeddingLimits = { stepsPerAttempt: 2000, attempts: 20 };

/**
 * Chooses a layout in which every two-qubit gate is between neighbours; where the target has error rates, the likeliest to succeed
 * among those found. Leaves the state as it is when there is none, or none was found within the limits, or an earlier pass chose one.
 */
export function vf2Layout(limits: EmbeddingLimits = DEFAULT_LIMITS): Pass {
  return {
    name: 'vf2 layout',
    run(state, context) {
      if (state.initialLayout || state.circuit.qubitCount > state.target.qubitCount) return state;
      const pattern = interactionGraphOfCircuit(state.circuit);
      const errors = placeErrorsOf(state.target);
      const measurements = measurementsOf(state.circuit);
      const graph = new CouplingGraph(state.target);
      const layout = findExactLayout({ pattern, measurements }, graph, limits, context, errors);
      if (!layout) return state;
      return { ...state, initialLayout: Array.from(layout.subarray(0, state.circuit.qubitCount)) };
    },
  };
}

/**
 * Moves a routed circuit as a whole to where its gates and measurements are likelier to succeed. Leaves it where it is when the
 * target has no error rates or no better place was found.
 */
export function vf2PostLayout(limits: EmbeddingLimits = DEFAULT_LIMITS): Pass {
  return {
    name: 'vf2 post-layout',
    run(state, context) {
      const { circuit, target, initialLayout, finalLayout } = state;
      const errors = placeErrorsOf(target);
      if (!errors || !initialLayout || !finalLayout) return state;
      const use = { pattern: interactionGraphOfCircuit(circuit), measurements: measurementsOf(circuit) };
      const moved = findExactLayout(use, new CouplingGraph(target), limits, context, errors);
      if (!moved) return state;
      const stay = Int32Array.from(moved.keys());
      if (layoutError(use, moved, errors) >= layoutError(use, stay, errors)) return state;
      const move = (place: number) => moved[place]!;
      return {
        ...state,
        circuit: placeAll(circuit, moved),
        initialLayout: initialLayout.map(move),
        finalLayout: finalLayout.map(move),
      };
    },
  };
}

/** The circuit on other physical qubits, bodies included. */
function placeAll(circuit: Circuit, layout: Int32Array): Circuit {
  const placer = new CircuitPlacer(circuit, layout, placeAll);
  for (const instruction of circuit.instructions) placer.append(instruction);
  return placer.circuit;
}

/** How often each qubit is measured, bodies included. */
function measurementsOf(circuit: Circuit, counts = new Float64Array(circuit.qubitCount)): Float64Array {
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'measure') counts[instruction.qubits[0]]!++;
    if (isControlFlow(instruction)) for (const body of bodiesOf(instruction)) measurementsOf(body, counts);
  }
  return counts;
}
