import type { Interaction } from '../interaction/interaction.ts';
import type { ToffoliPlan } from './toffoli-plan.ts';

/** Axes and angles that agree to so many parts of 1 count as the same shape. */
const GRAIN = 1e5;

/** Small numbers for steps and plans that differ at most in their wires. */
export class StepShapes {
  readonly #known = new Map<string, number>();

  #numberOf(text: string): number {
    let shape = this.#known.get(text);
    if (shape === undefined) {
      shape = this.#known.size + 1;
      this.#known.set(text, shape);
    }
    return shape;
  }

  shapeOf(step: Interaction): number {
    const angle = typeof step.angle === 'number' ? round(step.angle) : step.angle.text;
    return this.#numberOf(`${step.kind} ${angle} ${step.cost} ${listed(step.axes)} ${listed(step.matrix)}`);
  }

  /** 0 for no plan. */
  shapeOfPlan(plan: ToffoliPlan | null): number {
    if (plan === null) return 0;
    switch (plan.kind) {
      case 'whole':
        return this.#numberOf(`w${plan.centre}${plan.first}${plan.pairFirst}${plan.inverse}`);
      case 'half':
        return this.#numberOf(`h${plan.centre}${plan.first}${plan.inverse}`);
      case 'margolus':
        return this.#numberOf(`m${plan.target}${plan.inner}${listed(plan.axis)}`);
    }
  }
}

function round(value: number): number {
  // -0 is 0.
  return Math.round(value * GRAIN) + 0;
}

function listed(values: Float64Array): string {
  let text = '';
  for (const value of values) text += `${round(value)},`;
  return text;
}
