import { compareAxes } from '../interaction/axis.ts';
import { type Interaction, InteractionKind } from '../interaction/interaction.ts';
import { arePerpendicular } from './bloch-vector.ts';
import { actsAlong, firstFrom, placeOfWire, stepsOnWires } from './commutation.ts';
import { type Place, type ToffoliPlan, thirdPlace } from './toffoli-plan.ts';

/** With how many later ccz on its wires each one is compared. */
const MOST_PARTNERS = 12;
const PLACES: readonly Place[] = [0, 1, 2];

/**
 * Finds pairs of ccz that need less than two whole ones, since what is left out of both cancels (relative-phase Toffoli gates:
 * Margolus 1994; Maslov, "Advantages of using relative-phase Toffoli gates", 2016).
 *
 * @returns for each step its plan; null for steps that are in no pair.
 */
export function pairToffolis(wireCount: number, steps: readonly Interaction[]): (ToffoliPlan | null)[] {
  const search = new PairSearch(wireCount, steps);
  const candidates = search.candidates();
  // Near ones first: they leave the most gates on other wires free.
  for (const [i, j] of candidates) search.tryMargolus(i, j);
  for (const [i, j] of candidates) search.tryHalves(i, j);
  return search.plans;
}

class PairSearch {
  readonly plans: (ToffoliPlan | null)[];
  readonly #steps: readonly Interaction[];
  readonly #onWire: number[][];

  constructor(wireCount: number, steps: readonly Interaction[]) {
    this.plans = steps.map(() => null);
    this.#steps = steps;
    this.#onWire = stepsOnWires(wireCount, steps);
  }

  /** Positions of pairs on the same three wires, by distance. */
  candidates(): (readonly [number, number])[] {
    const recent = new Map<string, number[]>();
    const found: (readonly [number, number])[] = [];
    this.#steps.forEach((step, j) => {
      if (step.kind !== InteractionKind.ccz) return;
      const key = [...step.wires].sort((a, b) => a - b).join();
      const earlier = recent.get(key) ?? [];
      for (const i of earlier) found.push([i, j]);
      earlier.push(j);
      if (earlier.length > MOST_PARTNERS) earlier.shift();
      recent.set(key, earlier);
    });
    return found.sort(([i, j], [k, l]) => j - i - (l - k) || i - k);
  }

  #isFree(i: number, j: number): boolean {
    return this.plans[i] === null && this.plans[j] === null;
  }

  /** Whether a step, as planned, acts on a wire along an axis. */
  #actsAlong(position: number, wire: number, axes: Float64Array, at: number): boolean {
    const step = this.#steps[position]!;
    const plan = this.plans[position];
    if (plan?.kind === 'margolus' && step.wires[plan.target] === wire) return false;
    return actsAlong(step, wire, axes, at);
  }

  /** Positions between two on a wire. */
  *#between(wire: number, i: number, j: number): Generator<number> {
    const positions = this.#onWire[wire]!;
    for (let k = firstFrom(positions, i + 1); positions[k]! < j; k++) yield positions[k]!;
  }

  /** Whether both act along the same axis of a wire, and all between them too. */
  #isDiagonal(i: number, j: number, place: Place): boolean {
    const [a, b] = [this.#steps[i]!, this.#steps[j]!];
    const wire = a.wires[place]!;
    if (compareAxes(a.axes, 3 * place, b.axes, 3 * placeOfWire(b, wire)) <= 0) return false;
    for (const k of this.#between(wire, i, j)) if (!this.#actsAlong(k, wire, a.axes, 3 * place)) return false;
    return true;
  }

  /** The one axis of all gates between on a wire where it is perpendicular to the pair's own; else null. */
  #axisAcross(i: number, j: number, place: Place): Float64Array | null {
    const [a, b] = [this.#steps[i]!, this.#steps[j]!];
    const wire = a.wires[place]!;
    if (compareAxes(a.axes, 3 * place, b.axes, 3 * placeOfWire(b, wire)) <= 0) return null;
    let axis: Float64Array | null = null;
    for (const k of this.#between(wire, i, j)) {
      const { axes } = this.#steps[k]!;
      const at = 3 * placeOfWire(this.#steps[k]!, wire);
      if (axis === null) {
        axis = axes.slice(at, at + 3);
        if (axis.length < 3 || !arePerpendicular(axis, 0, a.axes, 3 * place)) return null;
      }
      if (!this.#actsAlong(k, wire, axis, 0)) return null;
    }
    return axis;
  }

  tryMargolus(i: number, j: number): void {
    if (!this.#isFree(i, j)) return;
    for (const target of PLACES) {
      const [inner, outer] = PLACES.filter((place) => place !== target) as [Place, Place];
      if (!this.#isDiagonal(i, j, inner) || !this.#isDiagonal(i, j, outer)) continue;
      const axis = this.#axisAcross(i, j, target);
      if (axis === null) continue;
      const plan = { kind: 'margolus', target, inner, outer, axis } as const;
      this.plans[i] = { ...plan, mate: j };
      this.plans[j] = {
        ...plan,
        target: this.#mirror(i, j, target),
        inner: this.#mirror(i, j, inner),
        outer: this.#mirror(i, j, outer),
        mate: i,
      };
      return;
    }
  }

  tryHalves(i: number, j: number): void {
    if (!this.#isFree(i, j)) return;
    const diagonal = PLACES.filter((place) => this.#isDiagonal(i, j, place));
    if (diagonal.length < 2) return;
    const [first, second] = diagonal as [Place, Place];
    const centre = thirdPlace(first, second);
    this.plans[i] = { kind: 'half', centre, first, inverse: false, mate: j };
    this.plans[j] = {
      kind: 'half',
      centre: this.#mirror(i, j, centre),
      first: this.#mirror(i, j, first),
      inverse: true,
      mate: i,
    };
  }

  /** The place in one step of the wire at a place of another. */
  #mirror(i: number, j: number, place: Place): Place {
    return placeOfWire(this.#steps[j]!, this.#steps[i]!.wires[place]!) as Place;
  }
}
