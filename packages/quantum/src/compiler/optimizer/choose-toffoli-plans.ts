import { Circuit } from '../../circuit/circuit.ts';
import type { Work } from '../in-turns.ts';
import { type Interaction, InteractionKind } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';
import { interactionCost } from '../interaction/interaction-cost.ts';
import { mergeInteractions } from '../interaction/merge-interactions.ts';
import { firstFrom, stepsOnWires } from './commutation.ts';
import { renameWires } from './region-cost.ts';
import { StepShapes } from './step-shapes.ts';
import {
  appendToffoli,
  formToffoli,
  PLAIN_PLAN,
  type Place,
  type ToffoliForm,
  type ToffoliPlan,
  thirdPlace,
  type WholePlan,
} from './toffoli-plan.ts';

/** More than there are shapes of steps. */
const SHAPES = 2 ** 26;
const PLACES: readonly Place[] = [0, 1, 2];
const NO_CLASSICAL = new Circuit();

/** Every way to make a ccz of four cx and an interaction, but for the order of its other wires. */
const WHOLE_PLANS: readonly WholePlan[] = PLACES.flatMap((centre) =>
  [false, true].flatMap((pairFirst) =>
    [false, true].map((inverse): WholePlan => {
      const first = (centre === 0 ? 1 : 0) as Place;
      return { kind: 'whole', centre, first, pairFirst, inverse };
    }),
  ),
);

/**
 * Chooses for every ccz the plan that leaves the fewest gates after merging it with what stands near it on its wires: of whole
 * ones the centre, the side of the interaction and the direction; of pairs the order of the two wires.
 *
 * @param plans as {@link pairToffolis} makes them.
 * @param reach how many steps on each side of each wire count as near.
 */
export function* chooseToffoliPlans(
  wireCount: number,
  steps: readonly Interaction[],
  plans: readonly (ToffoliPlan | null)[],
  { reach, rounds }: { readonly reach: number; readonly rounds: number },
): Work<(ToffoliPlan | null)[]> {
  const choice = new PlanChoice(wireCount, steps, plans, reach);
  for (let round = 0; round < rounds; round++) if (!(yield* choice.improve())) break;
  return choice.plans;
}

class PlanChoice {
  readonly plans: (ToffoliPlan | null)[];
  readonly #steps: readonly Interaction[];
  readonly #onWire: number[][];
  readonly #reach: number;
  readonly #shapes = new StepShapes();
  readonly #shapeOf: number[];
  readonly #costs = new Map<string, number>();
  readonly #forms = new Map<number, ToffoliForm>();

  constructor(
    wireCount: number,
    steps: readonly Interaction[],
    plans: readonly (ToffoliPlan | null)[],
    reach: number,
  ) {
    this.#steps = steps;
    this.#reach = reach;
    this.#onWire = stepsOnWires(wireCount, steps);
    this.#shapeOf = steps.map((step) => this.#shapes.shapeOf(step));
    this.plans = steps.map((step, i) =>
      step.kind === InteractionKind.ccz ? (plans[i] ?? PLAIN_PLAN) : null,
    );
  }

  /** Goes over all ccz once. @returns whether anything changed. */
  *improve(): Work<boolean> {
    let changed = false;
    for (let i = 0; i < this.plans.length; i++) {
      const plan = this.plans[i];
      if (plan && (yield)) return false;
      if (plan?.kind === 'whole') changed = this.#chooseWhole(i) || changed;
      else if (plan && plan.mate > i) changed = this.#chooseOrder(i, plan.mate) || changed;
    }
    return changed;
  }

  #chooseWhole(i: number): boolean {
    const window = this.#windowAround(i);
    if (!this.#sharesPair(i, window)) return false;
    const current = this.plans[i]!;
    let best = current;
    let least = this.#costOf(window);
    for (const plan of WHOLE_PLANS) {
      this.plans[i] = plan;
      const cost = this.#costOf(window);
      if (cost < least) [best, least] = [plan, cost];
    }
    this.plans[i] = best;
    return best !== current;
  }

  #chooseOrder(i: number, j: number): boolean {
    const windows = [this.#windowAround(i), this.#windowAround(j)] as const;
    if (!this.#sharesPair(i, windows[0]) && !this.#sharesPair(j, windows[1])) return false;
    const cost = () => this.#costOf(windows[0]) + this.#costOf(windows[1]);
    const [first, second] = [this.plans[i]!, this.plans[j]!];
    const before = cost();
    this.plans[i] = reorder(first);
    this.plans[j] = reorder(second);
    if (cost() < before) return true;
    this.plans[i] = first;
    this.plans[j] = second;
    return false;
  }

  /** Positions of a step and of those near it on its wires, ascending. */
  #windowAround(position: number): number[] {
    const near = new Set<number>();
    for (const wire of this.#steps[position]!.wires) {
      const positions = this.#onWire[wire]!;
      const place = firstFrom(positions, position);
      const end = Math.min(positions.length, place + this.#reach + 1);
      for (let k = Math.max(0, place - this.#reach); k < end; k++) {
        if (this.#steps[positions[k]!]!.kind !== InteractionKind.fence) near.add(positions[k]!);
      }
    }
    return [...near].sort((a, b) => a - b);
  }

  /** Whether any other step of a window is on two wires of one: else it costs the same in all its forms. */
  #sharesPair(position: number, window: readonly number[]): boolean {
    const { wires } = this.#steps[position]!;
    return window.some((i) => {
      if (i === position) return false;
      let common = 0;
      for (const wire of this.#steps[i]!.wires) if (wires.includes(wire)) common++;
      return common >= 2;
    });
  }

  #costOf(window: readonly number[]): number {
    const wires: number[] = [];
    let key = '';
    for (const i of window) {
      for (const wire of this.#steps[i]!.wires) {
        let place = wires.indexOf(wire);
        if (place < 0) place = wires.push(wire) - 1;
        key += String.fromCharCode(place);
      }
      key += String.fromCharCode(this.#shapeOf[i]!, this.#shapes.shapeOfPlan(this.plans[i]!));
    }
    const known = this.#costs.get(key);
    if (known !== undefined) return known;
    const cost = this.#measure(window, wires);
    this.#costs.set(key, cost);
    return cost;
  }

  /** The form of a ccz, or of one whose axes are very nearly the same. */
  #formOf(i: number, plan: ToffoliPlan): ToffoliForm {
    const key = this.#shapeOf[i]! * SHAPES + this.#shapes.shapeOfPlan(plan);
    let form = this.#forms.get(key);
    if (form === undefined) {
      form = formToffoli(this.#steps[i]!, plan);
      this.#forms.set(key, form);
    }
    return form;
  }

  #measure(window: readonly number[], wires: readonly number[]): number {
    const builder = new InteractionBuilder(wires.length);
    for (const i of window) {
      const step = renameWires(this.#steps[i]!, wires);
      const plan = this.plans[i];
      if (plan) appendToffoli(builder, step.wires, this.#formOf(i, plan));
      else builder.append(step);
    }
    const circuit = builder.finish(NO_CLASSICAL);
    return interactionCost(mergeInteractions(circuit, { physical: false, quick: true }));
  }
}

/** The same with the two wires that are alike exchanged. */
function reorder(plan: ToffoliPlan): ToffoliPlan {
  if (plan.kind === 'margolus') return { ...plan, inner: plan.outer, outer: plan.inner };
  return { ...plan, first: thirdPlace(plan.centre, plan.first) };
}
