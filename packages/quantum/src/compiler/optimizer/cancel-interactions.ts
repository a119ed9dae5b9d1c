import { addAngles, scaleAngle } from '../../circuit/parameter.ts';
import { compareAxes } from '../interaction/axis.ts';
import { Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';
import { coreCost } from '../interaction/two-qubit-class.ts';
import { actsAlong, haveSameWires, placeOfWire } from './commutation.ts';

/** How many steps of a wire are looked back over. */
const LOOK_BACK = 64;
const MOST_ROUNDS = 5;
const HALF_PI = Math.PI / 2;
const QUARTER_PI = Math.PI / 4;
const NOTHING = new Float64Array(0);

/**
 * Unites steps on the same wires with parallel axes that can be brought together by commuting: cores and rotations add their
 * angles, equal ccz cancel, and ccz that differ in the direction of some axes leave one to three cores. Repeats until nothing
 * changes.
 */
export function cancelInteractions(circuit: InteractionCircuit): InteractionCircuit {
  let current = circuit;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = cancelOnce(current);
    if (next === null) break;
    current = next;
  }
  return current;
}

function cancelOnce(circuit: InteractionCircuit): InteractionCircuit | null {
  const canceller = new Canceller(circuit.wireCount);
  for (const step of circuit.interactions) canceller.add(step);
  if (!canceller.changed) return null;
  const builder = new InteractionBuilder(circuit.wireCount);
  for (const step of canceller.kept) if (step !== null) builder.append(step);
  return builder.finishReplacing(circuit);
}

class Canceller {
  readonly kept: (Interaction | null)[] = [];
  changed = false;
  /** For each wire the positions in `kept` that still act on it. */
  readonly #onWire: number[][];

  constructor(wireCount: number) {
    this.#onWire = Array.from({ length: wireCount }, () => []);
  }

  add(step: Interaction): void {
    const earlier = this.#findEqual(step);
    if (earlier < 0) {
      for (const wire of step.wires) this.#onWire[wire]!.push(this.kept.length);
      this.kept.push(step);
      return;
    }
    this.changed = true;
    const previous = this.kept[earlier]!;
    this.kept[earlier] = null;
    for (const wire of previous.wires) {
      const positions = this.#onWire[wire]!;
      positions.splice(positions.lastIndexOf(earlier), 1);
    }
    for (const rest of unite(previous, step)) this.add(rest);
  }

  /** The latest step with the same wires and axes to which this one can move back; -1 where there is none. */
  #findEqual(step: Interaction): number {
    if (step.kind === InteractionKind.block || step.kind === InteractionKind.fence) return -1;
    const wire = step.wires[0]!;
    const positions = this.#onWire[wire]!;
    const last = Math.max(0, positions.length - LOOK_BACK);
    for (let i = positions.length - 1; i >= last; i--) {
      const other = this.kept[positions[i]!]!;
      if (!actsAlong(other, wire, step.axes, 0)) return -1;
      if (other.kind !== step.kind || !haveSameWires(other, step)) continue;
      return this.#movesBackTo(positions[i]!, step) ? positions[i]! : -1;
    }
    return -1;
  }

  #movesBackTo(position: number, step: Interaction): boolean {
    for (let k = 1; k < step.wires.length; k++) {
      const wire = step.wires[k]!;
      const positions = this.#onWire[wire]!;
      for (let i = positions.length - 1; positions[i]! >= position; i--) {
        if (!actsAlong(this.kept[positions[i]!]!, wire, step.axes, 3 * k)) return false;
        if (positions.length - i > LOOK_BACK) return false;
      }
    }
    return true;
  }
}

/** What two steps with equal wires and parallel axes are together. */
function unite(a: Interaction, b: Interaction): Interaction[] {
  const signs = a.wires.map((wire, k) => compareAxes(a.axes, 3 * k, b.axes, 3 * placeOfWire(b, wire)));
  if (a.kind === InteractionKind.ccz) return uniteToffolis(a, signs);
  const sign = signs.reduce<number>((product, other) => product * other, 1);
  const angle = addAngles(a.angle, scaleAngle(b.angle, sign));
  if (a.kind === InteractionKind.rotation) return [rotation(a, 0, angle)];
  if (typeof angle !== 'number') return [core(a, 0, 1, angle)];
  const halfTurns = Math.round(angle / HALF_PI);
  const rest = angle - halfTurns * HALF_PI;
  const steps = coreCost(rest) === 0 ? [] : [core(a, 0, 1, rest)];
  return halfTurns % 2 === 0 ? steps : [...steps, rotation(a, 0, HALF_PI), rotation(a, 1, HALF_PI)];
}

/**
 * Two ccz whose axes differ in sign on the wires where `signs` is -1. With bits that are 1 against the axes of the first one:
 * xyz + (1-x)yz = yz, xyz + (1-x)(1-y)z = z + xz + yz and xyz + (1-x)(1-y)(1-z) = 1 + x + y + z + xy + xz + yz, modulo 2.
 */
function uniteToffolis(a: Interaction, signs: readonly number[]): Interaction[] {
  const opposite = [0, 1, 2].filter((k) => signs[k]! < 0);
  const same = [0, 1, 2].filter((k) => signs[k]! > 0);
  switch (opposite.length) {
    case 0:
      return [];
    case 1:
      return controlledZ(a, same[0]!, same[1]!);
    case 2:
      return [...opposite.flatMap((k) => controlledZ(a, k, same[0]!)), rotation(a, same[0]!, HALF_PI)];
    default:
      return [
        ...[...controlledZ(a, 0, 1), ...controlledZ(a, 0, 2), ...controlledZ(a, 1, 2)],
        ...[0, 1, 2].map((k) => rotation(a, k, HALF_PI)),
      ];
  }
}

/** The sign where two wires of a step both point against their axes. */
function controlledZ(step: Interaction, first: number, second: number): Interaction[] {
  return [
    core(step, first, second, QUARTER_PI),
    rotation(step, first, -QUARTER_PI),
    rotation(step, second, -QUARTER_PI),
  ];
}

function axisOf(step: Interaction, k: number): Float64Array {
  return step.axes.subarray(3 * k, 3 * k + 3);
}

function rotation(step: Interaction, k: number, angle: Interaction['angle']): Interaction {
  const kind = InteractionKind.rotation;
  return new Interaction(kind, [step.wires[k]!], axisOf(step, k), angle, NOTHING, 0, null, []);
}

function core(step: Interaction, first: number, second: number, angle: Interaction['angle']): Interaction {
  const axes = new Float64Array(6);
  axes.set(axisOf(step, first));
  axes.set(axisOf(step, second), 3);
  const wires = [step.wires[first]!, step.wires[second]!];
  const cost = typeof angle === 'number' ? coreCost(angle) : 2;
  return new Interaction(InteractionKind.core, wires, axes, angle, NOTHING, cost, null, []);
}
