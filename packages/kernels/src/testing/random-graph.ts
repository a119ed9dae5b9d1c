import { InvalidArgumentError, type OperatorModel, Random } from '@qedge/core';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { VALUE_ARRAYS, type ValueData } from '../graph/operators/operator-definition.ts';
import { newValue } from '../graph/operators/value-data.ts';
import { GraphDraft } from './graph-draft.ts';
import { RANDOM_OPERATORS, type RandomOperatorKind } from './random-operators.ts';

/** What {@link randomGraph} is to make. */
export interface RandomGraphOptions {
  readonly seed: number;
  /** How many operators are drawn, at least 1; some of them are several nodes. Default 12. */
  readonly operators?: number;
  /** Kinds to draw from. Default: all that the generator knows. */
  readonly kinds?: readonly RandomOperatorKind[];
}

/**
 * A reproducible small graph of random operators with random weights: images, matrices and sequences of a few hundred elements, values
 * near 1 in size. What jumps (rounding, comparisons, quantisation) reads inputs of the graph only, so that devices which round
 * differently still agree to a tolerance. All values that nobody reads are outputs.
 *
 * @throws InvalidArgumentError for fewer than 1 operator.
 */
export function randomGraph({ seed, operators = 12, kinds }: RandomGraphOptions): OperatorModel {
  if (!Number.isSafeInteger(operators) || operators < 1) {
    throw new InvalidArgumentError('A random graph needs operators', {
      expected: 'an integer >= 1',
      actual: operators,
    });
  }
  const random = new Random(seed);
  const builder = new GraphBuilder(`random-${seed}`);
  const draft = new GraphDraft(builder, random);
  const names = kinds ?? (Object.keys(RANDOM_OPERATORS) as RandomOperatorKind[]);
  for (let added = 0, tries = 0; added < operators && tries < operators * 50; tries++) {
    if (RANDOM_OPERATORS[names[random.integer(names.length)]!](draft)) added++;
  }
  for (const value of draft.unread()) builder.output(value);
  return builder.finish();
}

/** Random numbers for the inputs of a graph: normal ones for float32, small integers for others. */
export function randomGraphInputs({ graph }: OperatorModel, seed: number): Record<string, ValueData> {
  const random = new Random(seed);
  const inputs: Record<string, ValueData> = {};
  for (const name of graph.inputs) {
    const value = newValue(graph.values[name]!);
    for (let i = 0; i < value.data.length; i++) {
      value.data[i] = value.data instanceof VALUE_ARRAYS.float32 ? random.normal() : random.integer(7) - 3;
    }
    inputs[name] = value;
  }
  return inputs;
}
