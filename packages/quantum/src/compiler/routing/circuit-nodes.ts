import { UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { collectParameterNames } from '../../circuit/circuit-parameters.ts';
import { gateDefinition } from '../../circuit/gate-definition.ts';
import {
  bodiesOf,
  type ControlFlowInstruction,
  type Instruction,
  instructionName,
  isControlFlow,
  isUnitaryKind,
} from '../../circuit/instruction.ts';
import { collectInteractionGraph, type InteractionGraph } from '../layout/interaction-graph.ts';
import { classicalOrder, type RoutingNodes } from './interaction-nodes.ts';
import type { RoutingNode } from './routing-dag.ts';

/** @throws UnsupportedError for gates on more than two qubits. */
export function routingNodesOfCircuit(circuit: Circuit): RoutingNodes {
  const { clbitCount } = circuit;
  const names = new Set(circuit.variables.map(({ name }) => name));
  const nodes = circuit.instructions.map((instruction): RoutingNode => {
    const needsNeighbours = isPair(instruction);
    return {
      wires: instruction.qubits,
      needsNeighbours,
      axes: null,
      order: usesNames(instruction, names) ? [clbitCount] : classicalOrder(instruction, clbitCount),
      ...(needsNeighbours ? costsOf(instruction) : NO_COSTS),
    };
  });
  return { nodes, orderCount: clbitCount + 1 };
}

/** Which qubits of a circuit share gates; bodies of control flow included. */
export function interactionGraphOfCircuit(circuit: Circuit): InteractionGraph {
  return collectInteractionGraph(circuit.qubitCount, (visit) => visitPairs(circuit, visit));
}

const NO_COSTS = { cost: 0, costWithSwap: 0 };

function isPair(instruction: Instruction): boolean {
  if (!isUnitaryKind(instruction) || instruction.qubits.length < 2) return false;
  if (instruction.qubits.length === 2) return true;
  throw new UnsupportedError('Gates on more than two qubits cannot be routed', {
    expected: 'gates on one or two qubits',
    actual: `"${instructionName(instruction)}" on ${instruction.qubits.length} qubits`,
    remedy: 'Unroll them first',
  });
}

/** Alone, and with a swap on the same pair once both are merged, for gates that can be told by their name. */
function costsOf(instruction: Instruction): { cost: number; costWithSwap: number } {
  if (instruction.kind !== 'gate') return { cost: 3, costWithSwap: 3 };
  if (instruction.name === 'swap') return { cost: 3, costWithSwap: 0 };
  if (instruction.name === 'iswap') return { cost: 2, costWithSwap: 1 };
  return gateDefinition(instruction.name).parameterCount === 0
    ? { cost: 1, costWithSwap: 2 }
    : { cost: 2, costWithSwap: 3 };
}

function usesNames(instruction: Instruction, names: ReadonlySet<string>): boolean {
  if (names.size === 0) return false;
  const used = new Set<string>();
  collectParameterNames(instruction, used);
  return [...used].some((name) => names.has(name));
}

type VisitPair = (a: number, b: number, weight: number) => void;

function visitPairs(circuit: Circuit, visit: VisitPair): void {
  for (const instruction of circuit.instructions) {
    if (isControlFlow(instruction)) visitBodyPairs(instruction, visit);
    else if (isPair(instruction))
      visit(instruction.qubits[0]!, instruction.qubits[1]!, costsOf(instruction).cost);
  }
}

/** Visits the pairs of qubits that share gates in bodies of control flow; of a gate on more than two, neighbours in its list. */
export function visitBodyPairs(instruction: ControlFlowInstruction, visit: VisitPair): void {
  for (const body of bodiesOf(instruction)) {
    for (const inner of body.instructions) {
      if (isControlFlow(inner)) visitBodyPairs(inner, visit);
      else if (isUnitaryKind(inner)) {
        const weight = inner.qubits.length === 2 ? costsOf(inner).cost : 1;
        for (let i = 1; i < inner.qubits.length; i++) visit(inner.qubits[i - 1]!, inner.qubits[i]!, weight);
      }
    }
  }
}
