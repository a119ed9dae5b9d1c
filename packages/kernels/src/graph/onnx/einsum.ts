import { elementCount, InvalidArgumentError } from '@qedge/core';
import type { ImportedValue } from './imported-value.ts';
import { multiply } from './matrix-operators.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { reduce } from './reduction-operators.ts';
import { reshape, transpose } from './structure.ts';

const MAX_EQUATION_LENGTH = 200;

/** A value with a letter per axis. */
interface Lettered {
  readonly value: ImportedValue;
  readonly letters: readonly string[];
}

/**
 * Einstein sums of one or two operands without repeated letters in one operand: batches are the letters that all have, sums those that the
 * output lacks.
 */
export const einsum: ImportOperator = (context) => {
  const equation = context.text('equation', '').replaceAll(' ', '');
  context.refuse(equation.length > MAX_EQUATION_LENGTH, 'so long an equation');
  context.refuse(equation.includes('.'), 'an ellipsis');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',').map((term) => [...term]);
  context.refuse(terms.length > 2, 'more than two operands');
  context.refuse(
    terms.some((term) => new Set(term).size !== term.length),
    'a repeated letter',
  );
  const all = terms.flat();
  const once = [...new Set(all)].filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter)).sort();
  const output = right === undefined ? once : [...right];
  const operands = terms.map((letters, index) => lettered(context, context.input(index), letters));
  if (output.some((letter) => !all.includes(letter)) || new Set(output).size !== output.length)
    throw new InvalidArgumentError('The output of an Einsum does not fit', { actual: equation });
  const others = (index: number) => [...output, ...(terms[1 - index] ?? [])];
  const summed = operands.map((operand, index) => sumLetters(context, operand, new Set(others(index))));
  const result = summed.length === 1 ? summed[0]! : contract(context, summed[0]!, summed[1]!, output);
  return arrange(context, result, output);
};

function lettered(context: NodeContext, value: ImportedValue, letters: readonly string[]): Lettered {
  if (letters.length === value.shape.length) return { value, letters };
  throw new InvalidArgumentError('An Einsum has another number of axes', {
    expected: letters.join(''),
    actual: value.shape,
    facts: { node: context.node.name },
  });
}

/** Sums over the letters that nobody else needs. */
function sumLetters(
  context: NodeContext,
  { value, letters }: Lettered,
  needed: ReadonlySet<string>,
): Lettered {
  const axes = letters.flatMap((letter, axis) => (needed.has(letter) ? [] : [axis]));
  return {
    value: reduce(context, value, 'sum', axes, false),
    letters: letters.filter((letter) => needed.has(letter)),
  };
}

/** The axes in the order of `letters`. */
function arrange(
  context: NodeContext,
  { value, letters }: Lettered,
  order: readonly string[],
): ImportedValue {
  return transpose(
    context,
    value,
    order.map((letter) => letters.indexOf(letter)),
  );
}

/** Two operands as one batched product. */
function contract(context: NodeContext, a: Lettered, b: Lettered, output: readonly string[]): Lettered {
  const batch = a.letters.filter((letter) => b.letters.includes(letter) && output.includes(letter));
  const sums = a.letters.filter((letter) => b.letters.includes(letter) && !output.includes(letter));
  const rows = a.letters.filter((letter) => !b.letters.includes(letter));
  const columns = b.letters.filter((letter) => !a.letters.includes(letter));
  const sizes = new Map<string, number>();
  for (const { value, letters } of [a, b]) {
    for (const [axis, letter] of letters.entries()) {
      const size = value.shape[axis]!;
      if ((sizes.get(letter) ?? size) !== size)
        throw new InvalidArgumentError('A letter of an Einsum has two sizes', {
          actual: [sizes.get(letter), size],
        });
      sizes.set(letter, size);
    }
  }
  const size = (letters: readonly string[]) => letters.map((letter) => sizes.get(letter)!);
  const count = (letters: readonly string[]) => elementCount(size(letters));
  const left = arrange(context, a, [...batch, ...rows, ...sums]);
  const right = arrange(context, b, [...batch, ...sums, ...columns]);
  const product = multiply(
    context,
    reshape(context, left, [count(batch), count(rows), count(sums)]),
    reshape(context, right, [count(batch), count(sums), count(columns)]),
  );
  const letters = [...batch, ...rows, ...columns];
  return { value: reshape(context, product, size(letters)), letters };
}
