import { Circuit } from '../../circuit/circuit.ts';
import type { Interaction, InteractionCircuit } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';
import { crossProduct, perpendicularTo } from './bloch-vector.ts';

/** A place among the three wires of a ccz. */
export type Place = 0 | 1 | 2;

/**
 * A whole ccz: four cx between `centre` and the two others, and an interaction of the others, before or after. `first` is the
 * other wire that meets the centre first.
 */
export interface WholePlan {
  readonly kind: 'whole';
  readonly centre: Place;
  readonly first: Place;
  readonly pairFirst: boolean;
  /** Takes the inverse of every part: a ccz is its own inverse. */
  readonly inverse: boolean;
}

/**
 * One of two ccz between which all gates act along the axes of two wires and along `axis` on the third: Margolus' gate, a ccz
 * with a sign of its own, in three cx on `target`, two of them with `inner`.
 */
export interface MargolusPlan {
  readonly kind: 'margolus';
  readonly target: Place;
  readonly inner: Place;
  readonly outer: Place;
  /** Perpendicular to the ccz's axis on the target. */
  readonly axis: Float64Array;
  /** Position of the other one. */
  readonly mate: number;
}

/**
 * One of two ccz on the same wires, between which all gates act along the axes of two of these: each without the interaction of
 * the two, which cancels.
 */
export interface HalfPlan {
  readonly kind: 'half';
  readonly centre: Place;
  readonly first: Place;
  /** True for one of the two. */
  readonly inverse: boolean;
  readonly mate: number;
}

/** How a ccz becomes cores. */
export type ToffoliPlan = WholePlan | MargolusPlan | HalfPlan;

const EIGHTH = Math.PI / 8;
const QUARTER = Math.PI / 4;

/** The plan of every ccz of which nothing better is known. */
export const PLAIN_PLAN: WholePlan = {
  kind: 'whole',
  centre: 2,
  first: 0,
  pairFirst: false,
  inverse: false,
};

/** The remaining place. */
export function thirdPlace(a: Place, b: Place): Place {
  return (3 - a - b) as Place;
}

/** What a plan makes of a ccz: cores on its places, then one-qubit gates. */
export type ToffoliForm = Pick<InteractionCircuit, 'interactions' | 'frames'>;

/** The form that a plan gives to a ccz with the axes of a step, whatever its wires. */
export function formToffoli(step: Interaction, plan: ToffoliPlan): ToffoliForm {
  const builder = new InteractionBuilder(3);
  const network = new ToffoliNetwork(builder, step.axes);
  switch (plan.kind) {
    case 'margolus':
      network.margolus(plan);
      break;
    case 'half':
      network.half(plan.centre, plan.first, plan.inverse);
      break;
    case 'whole': {
      const second = thirdPlace(plan.centre, plan.first);
      if (plan.pairFirst) network.interaction(plan.first, second, plan.inverse);
      network.half(plan.centre, plan.first, plan.inverse);
      if (!plan.pairFirst) network.interaction(plan.first, second, plan.inverse);
    }
  }
  return builder.finish(new Circuit(3));
}

/** Appends a ccz in a form, on its wires. */
export function appendToffoli(
  builder: InteractionBuilder,
  wires: readonly number[],
  { interactions, frames }: ToffoliForm,
): void {
  for (const { wires: places, axes, angle } of interactions) {
    builder.core(wires[places[0]!]!, wires[places[1]!]!, axes, angle);
  }
  frames.forEach((frame, place) => {
    builder.rotateBy(wires[place]!, frame);
  });
}

/** Writes gates on the places of one ccz, in terms of its axes. */
class ToffoliNetwork {
  readonly #builder: InteractionBuilder;
  readonly #axes: Float64Array;

  constructor(builder: InteractionBuilder, axes: Float64Array) {
    this.#builder = builder;
    this.#axes = axes;
  }

  #axis(place: Place): Float64Array {
    return this.#axes.subarray(3 * place, 3 * place + 3);
  }

  /** `exp(-i angle/2 n.sigma)` about the axis of the ccz, which for z is the phase `angle` on |1> up to a global one. */
  #turn(place: Place, axis: Float64Array, angle: number): void {
    this.#builder.rotateAbout(place, axis, -angle / 2);
  }

  /** A half turn of the target about an axis where the control points against its own; for z and x a cx. */
  #flip(control: Place, target: Place, targetAxis: Float64Array): void {
    const axes = new Float64Array(6);
    axes.set(this.#axis(control));
    axes.set(targetAxis, 3);
    this.#turn(control, this.#axis(control), Math.PI / 2);
    this.#turn(target, targetAxis, Math.PI / 2);
    this.#builder.core(control, target, axes, QUARTER);
  }

  /** `exp(i pi/8 n.sigma (x) m.sigma)`, or its inverse: a controlled quarter phase up to phases of either wire. */
  interaction(a: Place, b: Place, inverse: boolean): void {
    const axes = new Float64Array(6);
    axes.set(this.#axis(a));
    axes.set(this.#axis(b), 3);
    this.#builder.core(a, b, axes, inverse ? -EIGHTH : EIGHTH);
  }

  /**
   * The ccz without {@link interaction} of the centre's two partners (Selinger, "Quantum circuits of T-depth one", 2013): phases
   * of an eighth turn on the parities of the centre with the others. The inverse is the ccz without the inverse interaction.
   */
  half(centre: Place, first: Place, inverse: boolean): void {
    const second = thirdPlace(centre, first);
    const axis = this.#axis(centre);
    const across = perpendicularTo(axis);
    const phase = (sign: number) => this.#turn(centre, axis, sign * QUARTER);
    for (let round = 0; round < 2; round++) {
      if (inverse) this.#flip(second, centre, across);
      phase(1);
      this.#flip(first, centre, across);
      phase(-1);
      if (!inverse) this.#flip(second, centre, across);
    }
    for (const place of [first, second]) this.#turn(place, this.#axis(place), inverse ? -QUARTER : QUARTER);
  }

  margolus({ target, inner, outer, axis }: MargolusPlan): void {
    const x = this.#axis(target);
    const y = crossProduct(axis, x);
    this.#turn(target, y, QUARTER);
    this.#flip(inner, target, x);
    this.#turn(target, y, QUARTER);
    this.#flip(outer, target, x);
    this.#turn(target, y, -QUARTER);
    this.#flip(inner, target, x);
    this.#turn(target, y, -QUARTER);
  }
}
