import { InvalidArgumentError } from '@qedge/core';
import { clbitsOf } from '../../circuit/check-control-flow.ts';
import { type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { type Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import { TwoQubitClass } from '../interaction/two-qubit-class.ts';
import type { RoutingNode } from './routing-dag.ts';

/** A circuit as routers see it. */
export interface RoutingNodes {
  /** One for each interaction or instruction, in their order. */
  readonly nodes: readonly RoutingNode[];
  /** How many things the nodes' `order` speaks of: classical bits, and one for all variables and jumps. */
  readonly orderCount: number;
}

/** @throws InvalidArgumentError for steps on three wires. */
export function routingNodesOf(circuit: InteractionCircuit): RoutingNodes {
  const { clbitCount, variables } = circuit.classical;
  const names = new Set(variables.map(({ name }) => name));
  const classifier = new TwoQubitClass();
  const nodes = circuit.interactions.map((interaction): RoutingNode => {
    const { kind, wires, axes, cost } = interaction;
    if (kind === InteractionKind.ccz) {
      throw new InvalidArgumentError('A router was given steps on three wires', {
        expected: 'rotations, cores, blocks and fences',
        actual: `a ccz on the wires ${wires.join(', ')}`,
        remedy: 'Expand ccz steps before routing',
      });
    }
    return {
      wires,
      needsNeighbours: kind === InteractionKind.core || kind === InteractionKind.block,
      axes: kind === InteractionKind.core || kind === InteractionKind.rotation ? axes : null,
      order: orderOf(interaction, clbitCount, names),
      cost,
      costWithSwap: costWithSwapOf(interaction, classifier),
    };
  });
  return { nodes, orderCount: clbitCount + 1 };
}

function costWithSwapOf({ kind, cost, matrix }: Interaction, classifier: TwoQubitClass): number {
  // A swap makes (pi/4, pi/4, pi/4 - angle) of a core's coordinates (angle, 0, 0).
  if (kind === InteractionKind.core) return cost === 0 ? 3 : Math.min(3, cost + 1);
  return kind === InteractionKind.block ? classifier.classify(matrix).costWithSwap : 0;
}

function orderOf(
  { instruction, angle }: Interaction,
  clbitCount: number,
  variables: ReadonlySet<string>,
): readonly number[] {
  if (instruction !== null) return classicalOrder(instruction, clbitCount);
  return usesVariable(angle, variables) ? [clbitCount] : [];
}

/** The classical bits of an instruction, and `clbitCount` where it uses variables or jumps. */
export function classicalOrder(instruction: Instruction, clbitCount: number): readonly number[] {
  const { kind } = instruction;
  const usesState =
    isControlFlow(instruction) || kind === 'assign' || kind === 'break' || kind === 'continue';
  return usesState ? [...clbitsOf(instruction), clbitCount] : clbitsOf(instruction);
}

export function usesVariable(value: ParameterValue, variables: ReadonlySet<string>): boolean {
  return typeof value !== 'number' && value.names.some((name) => variables.has(name));
}
