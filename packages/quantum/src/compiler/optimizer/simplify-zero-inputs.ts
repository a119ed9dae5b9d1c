import { compareAxes } from '../interaction/axis.ts';
import { type Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';

const Z_AXIS = Float64Array.of(0, 0, 1);
const QUARTER = Math.PI / 4;

/**
 * Uses that every qubit starts in |0>: an interaction along z with a wire on which nothing has acted is a rotation of the other
 * wire, a ccz nothing or a core of the others. Fences, and steps in any other direction, end what is known of their wires.
 *
 * Changes the unitary: the result does the same to |0...0> alone, up to a global phase.
 */
export function simplifyZeroInputs(circuit: InteractionCircuit): InteractionCircuit {
  // One-qubit gates stand behind the steps of a circuit in this form, so that untouched wires are in |0>; those that a
  // simplification leaves are pushed behind the later steps, which may be simplified in turn.
  let current = circuit;
  for (;;) {
    const next = simplifyOnce(current);
    if (next === null) return current;
    current = next;
  }
}

function simplifyOnce(circuit: InteractionCircuit): InteractionCircuit | null {
  const builder = new InteractionBuilder(circuit.wireCount);
  const isZero = new Uint8Array(circuit.wireCount).fill(1);
  let changed = false;
  for (const step of circuit.interactions) {
    const known = step.wires.findIndex((wire, k) => isZero[wire] === 1 && actsAlongZ(step, k) !== 0);
    if (known >= 0) {
      appendReduced(builder, step, known);
      changed = true;
      // What is left acts on the others, and is looked at in the next round.
      step.wires.forEach((wire, k) => {
        if (k !== known) isZero[wire] = 0;
      });
      continue;
    }
    builder.append(step);
    for (const wire of step.wires) isZero[wire] = 0;
  }
  return changed ? builder.finishReplacing(circuit) : null;
}

/** 1 where a step acts along z on its wire number `k`, -1 where against it, else 0. */
function actsAlongZ(step: Interaction, k: number): -1 | 0 | 1 {
  if (step.kind === InteractionKind.block || step.kind === InteractionKind.fence) return 0;
  return compareAxes(step.axes, 3 * k, Z_AXIS, 0);
}

/** Appends what a step does to its other wires while wire number `known` is in |0>. */
function appendReduced(builder: InteractionBuilder, step: Interaction, known: number): void {
  const { kind, wires, axes, angle } = step;
  const sign = actsAlongZ(step, known);
  const others = wires.flatMap((_, k) => (k === known ? [] : [k]));
  const axisOf = (k: number) => axes.subarray(3 * k, 3 * k + 3);
  if (kind === InteractionKind.rotation) return;
  if (kind === InteractionKind.core) {
    const [other] = others as [number];
    const turned = sign > 0 ? axisOf(other) : axisOf(other).map((value) => -value);
    builder.rotateAbout(wires[other]!, turned, angle);
    return;
  }
  if (sign > 0) return;
  // Against its axis the sign is that of the two others: a cz in their axes.
  const [a, b] = others as [number, number];
  const pair = Float64Array.of(...axisOf(a), ...axisOf(b));
  builder.rotateAbout(wires[a]!, axisOf(a), -QUARTER);
  builder.rotateAbout(wires[b]!, axisOf(b), -QUARTER);
  builder.core(wires[a]!, wires[b]!, pair, QUARTER);
}
