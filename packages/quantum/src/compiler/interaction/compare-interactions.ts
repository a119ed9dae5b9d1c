import { isControlFlow } from '../../circuit/instruction.ts';
import type { Interaction, InteractionCircuit } from './interaction.ts';

/** Whether two forms of a circuit have the same steps in the same order, number by number; never where control flow is among them. */
export function areEqual(a: InteractionCircuit, b: InteractionCircuit): boolean {
  return (
    a.interactions.length === b.interactions.length &&
    a.interactions.every((step, i) => isSameStep(step, b.interactions[i]!))
  );
}

function isSameStep(a: Interaction, b: Interaction): boolean {
  if (a.kind !== b.kind || a.instruction !== b.instruction || !haveSameNumbers(a.wires, b.wires))
    return false;
  if (a.instruction && isControlFlow(a.instruction)) return false;
  if (!haveSameNumbers(a.axes, b.axes) || !haveSameNumbers(a.matrix, b.matrix)) return false;
  if (typeof a.angle === 'number' || typeof b.angle === 'number') return a.angle === b.angle;
  return a.angle.text === b.angle.text;
}

function haveSameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
