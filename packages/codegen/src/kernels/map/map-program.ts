import type { PointwiseExpression, PointwiseFunction, PointwiseOperation } from '@qedge/core';
import { expressionKey } from '../../description/map.ts';
import { POWER_SCRATCH } from './emit-power.ts';
import { functionScratch } from './pointwise-emitters.ts';

/** One step of a program on numbered units; a unit is as many registers as elements are computed together. */
export type MapStep =
  | { readonly kind: 'input'; readonly to: number; readonly input: number }
  | { readonly kind: 'constant'; readonly to: number; readonly value: number }
  | { readonly kind: 'copy'; readonly to: number; readonly from: number }
  | {
      readonly kind: 'apply';
      readonly apply: PointwiseFunction;
      readonly to: number;
      readonly scratch: readonly number[];
    }
  /** `to = to operation b`. */
  | {
      readonly kind: 'operation';
      readonly operation: PointwiseOperation;
      readonly to: number;
      readonly b: number;
      readonly scratch: readonly number[];
    }
  /** `to = condition other than 0 ? a : to`; overwrites condition and a. */
  | {
      readonly kind: 'select';
      readonly to: number;
      readonly condition: number;
      readonly a: number;
      readonly scratch: readonly number[];
    };

/** An expression in steps; equal parts are computed once. */
export interface MapProgram {
  readonly steps: readonly MapStep[];
  readonly units: number;
  readonly result: number;
}

const power = (operation: PointwiseOperation, a: PointwiseExpression, b: PointwiseExpression) => {
  return { operation, a, b };
};
const apply = (kind: 'square-root' | 'reciprocal', to: PointwiseExpression): PointwiseExpression => {
  return { apply: { kind }, to };
};

/** Powers of constant exponents as products and roots, where that is exact but for a few roundings. */
export function expandPower(a: PointwiseExpression, exponent: number): PointwiseExpression | null {
  const square = power('multiply', a, a);
  switch (exponent) {
    case 0:
      return { constant: 1 };
    case 1:
      return a;
    case 2:
      return square;
    case 3:
      return power('multiply', square, a);
    case 4:
      return power('multiply', square, square);
    case -1:
      return apply('reciprocal', a);
    case -2:
      return apply('reciprocal', square);
    case 0.5:
      return apply('square-root', a);
    case -0.5:
      return apply('reciprocal', apply('square-root', a));
    default:
      return null;
  }
}

/** The expression with powers of constant exponents expanded. */
function simplify(expression: PointwiseExpression): PointwiseExpression {
  if ('apply' in expression) return { ...expression, to: simplify(expression.to) };
  if ('operation' in expression) {
    const [a, b] = [simplify(expression.a), simplify(expression.b)];
    const expanded = expression.operation === 'power' && 'constant' in b ? expandPower(a, b.constant) : null;
    return expanded ?? { operation: expression.operation, a, b };
  }
  if ('condition' in expression) {
    const [condition, a, b] = [expression.condition, expression.a, expression.b].map(simplify);
    return { condition: condition!, a: a!, b: b! };
  }
  return expression;
}

const isLeaf = (expression: PointwiseExpression) => 'input' in expression || 'constant' in expression;

function operandsOf(expression: PointwiseExpression): readonly PointwiseExpression[] {
  if ('apply' in expression) return [expression.to];
  if ('operation' in expression) return [expression.a, expression.b];
  if ('condition' in expression) return [expression.condition, expression.a, expression.b];
  return [];
}

/** Assigns units while it goes through an expression, the operand that needs most units first. */
class MapPlanner {
  readonly steps: MapStep[] = [];
  readonly #keys = new Map<PointwiseExpression, string>();
  /** By key: how many operands wait for the value. */
  readonly #uses = new Map<string, number>();
  readonly #needs = new Map<string, number>();
  /** Values that are kept for further uses. */
  readonly #kept = new Map<string, number>();
  readonly #free: number[] = [];
  units = 0;

  constructor(expression: PointwiseExpression) {
    this.#count(expression);
  }

  #key(expression: PointwiseExpression): string {
    let key = this.#keys.get(expression);
    if (key === undefined) {
      key = expressionKey(expression, Number.POSITIVE_INFINITY);
      this.#keys.set(expression, key);
    }
    return key;
  }

  /** Counts uses of each different part, and estimates its need of units as Sethi and Ullman do. */
  #count(expression: PointwiseExpression): void {
    const key = this.#key(expression);
    const uses = this.#uses.get(key) ?? 0;
    this.#uses.set(key, uses + 1);
    if (uses > 0) return;
    const operands = operandsOf(expression);
    for (const operand of operands) this.#count(operand);
    const needs = operands.map((operand) => this.#needs.get(this.#key(operand))!).sort((a, b) => b - a);
    this.#needs.set(key, Math.max(1 + scratchOf(expression), ...needs.map((need, held) => need + held)));
  }

  #take(): number {
    this.#free.sort((a, b) => b - a);
    return this.#free.pop() ?? this.units++;
  }

  #release(units: readonly number[]): void {
    this.#free.push(...units);
  }

  /** Emits a part into a unit that its caller may overwrite. */
  plan(expression: PointwiseExpression): number {
    const key = this.#key(expression);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return this.#useAgain(key, kept);
    const unit = this.#compute(expression);
    const left = this.#uses.get(key)! - 1;
    if (isLeaf(expression) || left === 0) return unit;
    this.#uses.set(key, left);
    this.#kept.set(key, unit);
    return this.#copyOf(unit);
  }

  #useAgain(key: string, unit: number): number {
    const left = this.#uses.get(key)! - 1;
    this.#uses.set(key, left);
    if (left > 0) return this.#copyOf(unit);
    this.#kept.delete(key);
    return unit;
  }

  #copyOf(from: number): number {
    const to = this.#take();
    this.steps.push({ kind: 'copy', to, from });
    return to;
  }

  #compute(expression: PointwiseExpression): number {
    if ('input' in expression) {
      const to = this.#take();
      this.steps.push({ kind: 'input', to, input: expression.input });
      return to;
    }
    if ('constant' in expression) {
      const to = this.#take();
      this.steps.push({ kind: 'constant', to, value: expression.constant });
      return to;
    }
    const units = this.#planOperands(operandsOf(expression));
    const scratch = Array.from({ length: scratchOf(expression) }, () => this.#take());
    const [first, second, third] = units as [number, number, number];
    let result = first;
    if ('apply' in expression) {
      this.steps.push({ kind: 'apply', apply: expression.apply, to: first, scratch });
    } else if ('operation' in expression) {
      const { operation } = expression;
      this.steps.push({ kind: 'operation', operation, to: first, b: second, scratch });
    } else {
      this.steps.push({ kind: 'select', to: third, condition: first, a: second, scratch });
      result = third;
    }
    this.#release([...scratch, ...units.filter((unit) => unit !== result)]);
    return result;
  }

  #planOperands(operands: readonly PointwiseExpression[]): number[] {
    const need = (index: number) => this.#needs.get(this.#key(operands[index]!))!;
    const order = operands.map((_, index) => index).sort((a, b) => need(b) - need(a));
    const units: number[] = [];
    for (const index of order) units[index] = this.plan(operands[index]!);
    return units;
  }
}

function scratchOf(expression: PointwiseExpression): number {
  if ('apply' in expression) return functionScratch(expression.apply);
  if ('operation' in expression) {
    if (expression.operation === 'power') return POWER_SCRATCH;
    return ['equal', 'less', 'greater'].includes(expression.operation) ? 1 : 0;
  }
  return 'condition' in expression ? 1 : 0;
}

/** Turns an expression into a program. */
export function planMap(expression: PointwiseExpression): MapProgram {
  const simple = simplify(expression);
  const planner = new MapPlanner(simple);
  const result = planner.plan(simple);
  return { steps: planner.steps, units: planner.units, result };
}
