import { compareAxes } from '../interaction/axis.ts';
import { type Interaction, InteractionKind } from '../interaction/interaction.ts';
import { arePerpendicular, crossProduct, dotProduct, perpendicularTo } from './bloch-vector.ts';
import { placeOfWire, stepsOnWires } from './commutation.ts';

/** How many steps of a wire decide which of its axes shall be Z. */
const LOOK_AHEAD = 16;

/** Two perpendicular axes; Y is their vector product `z x x`. */
export interface WireBasis {
  readonly z: Float64Array;
  readonly x: Float64Array;
}

/** What a step is on one wire: along Z, or across it and then of the class of cx. */
export type WireRole = 'along' | 'across';

/** A basis, and how many of the next steps on the wire fit in it. */
export interface WireBasisChoice {
  readonly basis: WireBasis;
  readonly fitting: number;
}

/** What a step is on its wire number `k`; null where it is neither. */
export function roleAlong(z: Float64Array, step: Interaction, k: number): WireRole | null {
  if (compareAxes(z, 0, step.axes, 3 * k) !== 0) return 'along';
  return step.cost === 1 && arePerpendicular(z, 0, step.axes, 3 * k) ? 'across' : null;
}

/** Chooses bases in which the steps that follow on a wire are along or across Z, and remembers the choices. */
export class WireBasisChoices {
  /** The steps of each wire, and where each of them stands there. */
  readonly #steps: readonly (readonly Interaction[])[];
  readonly #placeOf: readonly ReadonlyMap<Interaction, number>[];
  /** For each step those along and across on its first wire, then on its second. */
  readonly #known = new Map<Interaction, (WireBasisChoice | undefined)[]>();

  constructor(wireCount: number, steps: readonly Interaction[]) {
    this.#steps = stepsOnWires(wireCount, steps).map((positions) => positions.map((i) => steps[i]!));
    this.#placeOf = this.#steps.map((own) => new Map(own.map((step, place) => [step, place])));
  }

  /** The basis of a wire that begins with a step in which this has a role. */
  choose(step: Interaction, k: number, role: WireRole): WireBasisChoice {
    let known = this.#known.get(step);
    if (known === undefined) {
      known = [undefined, undefined, undefined, undefined];
      this.#known.set(step, known);
    }
    const at = 2 * k + (role === 'along' ? 0 : 1);
    known[at] ??= this.#search(step, k, role);
    return known[at];
  }

  #search(step: Interaction, k: number, role: WireRole): WireBasisChoice {
    const axis = step.axes.slice(3 * k, 3 * k + 3);
    const wire = step.wires[k]!;
    const steps = this.#steps[wire]!;
    const place = this.#placeOf[wire]!.get(step)!;
    const candidates = role === 'along' ? [axis] : perpendicularCandidates(steps, place, wire, axis);
    let best: WireBasisChoice | null = null;
    for (const z of candidates) {
      const fitting = countFitting(steps, place, wire, z);
      if (best === null || fitting > best.fitting) best = { basis: { z, x: perpendicularTo(z) }, fitting };
    }
    return best!;
  }
}

function countFitting(
  steps: readonly Interaction[],
  place: number,
  wire: number,
  axis: Float64Array,
): number {
  let z = axis;
  const end = Math.min(steps.length, place + LOOK_AHEAD);
  for (let i = place; i < end; i++) {
    const step = steps[i]!;
    if (step.kind !== InteractionKind.core) return i - place;
    const k = placeOfWire(step, wire);
    const role = roleAlong(z, step, k);
    if (role === null) return i - place;
    if (role === 'across') z = crossProduct(step.axes.subarray(3 * k, 3 * k + 3), z);
  }
  return end - place;
}

/** Axes across a wire's first one along or across which the next different one may be. */
function perpendicularCandidates(
  steps: readonly Interaction[],
  place: number,
  wire: number,
  axis: Float64Array,
): Float64Array[] {
  for (let i = place + 1; i < Math.min(steps.length, place + LOOK_AHEAD); i++) {
    const step = steps[i]!;
    if (step.kind !== InteractionKind.core) break;
    const k = placeOfWire(step, wire);
    if (compareAxes(axis, 0, step.axes, 3 * k) !== 0) continue;
    const across = crossProduct(axis, step.axes.subarray(3 * k, 3 * k + 3));
    const length = Math.sqrt(dotProduct(across, 0, across, 0));
    const first = across.map((value) => value / length);
    return [first, crossProduct(axis, first)];
  }
  return [perpendicularTo(axis)];
}
