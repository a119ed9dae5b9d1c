import { Circuit } from '../../circuit/circuit.ts';
import { Interaction, type InteractionCircuit } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';
import { interactionCost } from '../interaction/interaction-cost.ts';
import { mergeInteractions } from '../interaction/merge-interactions.ts';
import type { Replacement } from './region.ts';

/** How many cx steps need after merging, taken by themselves. */
export function regionCost(steps: readonly Interaction[], wires: readonly number[]): number {
  const builder = new InteractionBuilder(wires.length);
  for (const step of steps) builder.append(renameWires(step, wires));
  return mergedCost(builder);
}

/** How many cx a replacement needs after merging. */
export function costOfReplacement(replacement: Replacement): number {
  const builder = new InteractionBuilder(Math.max(...replacement.wires) + 1);
  replacement.append(builder);
  return mergedCost(builder);
}

/** A step on wires numbered by their places in a list. */
export function renameWires(step: Interaction, wires: readonly number[]): Interaction {
  const places = step.wires.map((wire) => wires.indexOf(wire));
  const { kind, axes, angle, matrix, cost } = step;
  return new Interaction(kind, places, axes, angle, matrix, cost, null, []);
}

function mergedCost(builder: InteractionBuilder): number {
  const circuit: InteractionCircuit = builder.finish(new Circuit(builder.wireCount));
  return interactionCost(mergeInteractions(circuit, { physical: false }));
}
