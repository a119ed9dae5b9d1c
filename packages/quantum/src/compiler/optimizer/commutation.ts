import { compareAxes } from '../interaction/axis.ts';
import { type Interaction, InteractionKind } from '../interaction/interaction.ts';

/** Where a wire stands among those of a step; -1 where it is none of them. */
export function placeOfWire(step: Interaction, wire: number): number {
  const { wires } = step;
  for (let k = 0; k < wires.length; k++) if (wires[k] === wire) return k;
  return -1;
}

/** Whether a step acts on a wire along the axis at `at`, so that all that does so too commutes with it there. */
export function actsAlong(step: Interaction, wire: number, axes: Float64Array, at: number): boolean {
  if (step.kind === InteractionKind.block || step.kind === InteractionKind.fence) return false;
  return compareAxes(step.axes, 3 * placeOfWire(step, wire), axes, at) !== 0;
}

/** Whether two steps act on the same wires, whatever their order. */
export function haveSameWires(a: Interaction, b: Interaction): boolean {
  if (a.wires.length !== b.wires.length) return false;
  for (const wire of a.wires) if (placeOfWire(b, wire) < 0) return false;
  return true;
}

/** The steps of a circuit that act on each wire, as ascending positions. */
export function stepsOnWires(wireCount: number, steps: readonly Interaction[]): number[][] {
  const onWire: number[][] = Array.from({ length: wireCount }, () => []);
  for (let i = 0; i < steps.length; i++) for (const wire of steps[i]!.wires) onWire[wire]!.push(i);
  return onWire;
}

/** The index of the first entry of an ascending list that is not below a position. */
export function firstFrom(positions: readonly number[], position: number): number {
  let [low, high] = [0, positions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle]! < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
