import {
  elementCount,
  type Operator,
  type PointwiseExpression,
  type PointwiseFunction,
  type PointwiseOperation,
  type Random,
  type Shape,
} from '@qedge/core';
import type { GraphBuilder } from '../graph/graph-builder.ts';

/** Values stay smaller than this, so that plain-loop references are quick. */
const MOST_ELEMENTS = 3000;

/** A graph that is being drawn. */
export class GraphDraft {
  readonly builder: GraphBuilder;
  readonly random: Random;
  readonly #values: string[] = [];
  readonly #read = new Set<string>();
  readonly #inputs: string[] = [];

  constructor(builder: GraphBuilder, random: Random) {
    this.builder = builder;
    this.random = random;
    const channels = 1 + random.integer(6);
    this.#addInput([1 + random.integer(2), 2 + random.integer(5), 1 + random.integer(5), channels]);
    this.#addInput([2 + random.integer(4), channels]);
    this.#addInput([1 + random.integer(4), 1 + random.integer(2), 1 + random.integer(5)]);
  }

  #addInput(shape: Shape): void {
    const name = this.builder.input(`input${this.#inputs.length}`, { dtype: 'float32', shape });
    this.#inputs.push(name);
    this.#values.push(name);
  }

  shape(value: string): Shape {
    return this.builder.spec(value).shape;
  }

  /** A number in `low..high`. */
  between(low: number, high: number): number {
    return low + this.random.integer(high - low + 1);
  }

  choose<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.random.integer(choices.length)]!;
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  /** A float32 value; of those with the rank, or the shape, if given. Late ones are more likely. */
  value(fits: (shape: Shape) => boolean = () => true): string | null {
    const found = this.#values.filter(
      (name) => this.builder.spec(name).dtype === 'float32' && fits(this.shape(name)),
    );
    if (found.length === 0) return null;
    const recent = this.chance(0.6) ? found.slice(-3) : found;
    return this.choose(recent);
  }

  /** An input of the graph: its numbers are the same on every device. */
  input(): string {
    return this.choose(this.#inputs);
  }

  /** A constant with normal numbers, times `scale`. */
  weights(shape: Shape, scale = 1): string {
    const data = Float32Array.from({ length: elementCount(shape) }, () => this.random.normal() * scale);
    return this.builder.constant('weights', { dtype: 'float32', shape, data });
  }

  /** Adds a node unless it would be too large; returns whether it was added. */
  add(operator: Operator, inputs: readonly (string | null)[]): boolean {
    const outputs = this.builder.add(operator, inputs);
    for (const input of inputs) if (input !== null) this.#read.add(input);
    // What is too large ends here, as an output.
    this.#values.push(...outputs);
    return true;
  }

  /** Adds a node whose output is read by the next one only. */
  step(operator: Operator, inputs: readonly (string | null)[]): string {
    const [output] = this.builder.add(operator, inputs);
    for (const input of inputs) if (input !== null) this.#read.add(input);
    this.#values.push(output);
    return output;
  }

  isSmall(shape: Shape): boolean {
    return elementCount(shape) <= MOST_ELEMENTS;
  }

  /** Values made by nodes that no node reads. */
  unread(): string[] {
    return this.#values.filter((value) => !this.#read.has(value) && !this.#inputs.includes(value));
  }
}

/** Adds operators to a draft; says whether it found values that they fit. */
export type Draw = (draft: GraphDraft) => boolean;

/** Functions that do not jump. */
export const FUNCTIONS: readonly PointwiseFunction[] = [
  ...(['relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'gelu-tanh', 'silu', 'hard-swish'] as const).map(
    (kind) => ({ kind }),
  ),
  ...(['softplus', 'absolute', 'negate', 'error-function'] as const).map((kind) => ({ kind })),
  { kind: 'clip', low: -0.5, high: 1.25 },
  { kind: 'leaky-relu', alpha: 0.1 },
  { kind: 'elu', alpha: 1 },
  { kind: 'hard-sigmoid', alpha: 0.2, beta: 0.5 },
];

/** Terms of expressions, shorter to write; `x` is the first input. */
export const apply = (fn: PointwiseFunction, to: PointwiseExpression): PointwiseExpression => ({
  apply: fn,
  to,
});
export const binary = (
  operation: PointwiseOperation,
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression => ({ operation, a, b });
export const x: PointwiseExpression = { input: 0 };
export const number = (constant: number): PointwiseExpression => ({ constant });
/** An activation, or none. */
export const activation = (draft: GraphDraft) => (draft.chance(0.3) ? draft.choose(FUNCTIONS) : null);
