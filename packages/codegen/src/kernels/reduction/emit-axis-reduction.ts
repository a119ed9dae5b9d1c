import { AXIS_REDUCTION_ARGUMENTS, type AxisReductionDescription } from '../../description/axis-reduction.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import {
  emitElementLoop,
  emitRowLoop,
  emitStore,
  type Portion,
  WORD_BYTES,
} from '../elements/element-loop.ts';
import { emitRowExtremum, emitRowSum, sumVectors } from '../elements/lane-reduction.ts';

/** Sums run in so many parts on every target, so that their bits do not depend on it. */
const PARTS = 4;
const MOST_PORTIONS = 4;

type Operation = AxisReductionDescription['operation'];

const FLOAT_OPERATIONS = { sum: 'add', mean: 'add', maximum: 'max', minimum: 'min' } as const;
const START = {
  sum: 0,
  mean: 0,
  maximum: Number.NEGATIVE_INFINITY,
  minimum: Number.POSITIVE_INFINITY,
} as const;

/** Divides by the length, or makes +0 of -0. */
function emitEnd(
  target: Target<unknown>,
  operation: Operation,
  length: number,
  result: Vector,
  scratch: Vector,
): void {
  if (operation === 'sum') return;
  target.constant(scratch, operation === 'mean' ? length : 0);
  target.float(operation === 'mean' ? 'divide' : 'add', result, result, scratch);
}

function emitLastAxis(
  target: Target<unknown>,
  { operation, outer, length, outerStride }: AxisReductionDescription,
  input: Pointer,
  output: Pointer,
): void {
  const [value] = target.vectors('value', 1) as [Vector];
  const results = target.vectors('results', Math.max(sumVectors(target.traits.lanes), 4));
  const strides = [
    { pointer: input, bytes: outerStride * WORD_BYTES },
    { pointer: output, bytes: WORD_BYTES },
  ];
  emitRowLoop(target, outer, strides, () => {
    if (operation === 'sum' || operation === 'mean') {
      emitRowSum(target, input, length, results.slice(0, sumVectors(target.traits.lanes)), value);
    } else emitRowExtremum(target, operation, input, length, results, value);
    emitEnd(target, operation, length, results[0]!, value);
    target.store(results[0]!, { base: output, offset: 0 }, 1);
  });
}

/** Reduces some neighbours along the inner axis. @param parts one group of {@link PARTS} per portion. */
function emitPortions(
  target: Target<unknown>,
  { operation, length, axisStride }: AxisReductionDescription,
  input: Pointer,
  portions: readonly Portion[],
  parts: readonly (readonly Vector[])[],
  value: Vector,
): void {
  const used = Math.min(PARTS, length);
  for (const group of parts) {
    for (const part of group.slice(0, used)) target.constant(part, START[operation]);
  }
  const emitElements = (count: number) => {
    for (let a = 0; a < count; a++) {
      for (const [p, { element, lanes }] of portions.entries()) {
        const part = parts[p]![a]!;
        target.load(value, { base: input, offset: (a * axisStride + element) * WORD_BYTES }, lanes);
        target.float(FLOAT_OPERATIONS[operation], part, part, value);
      }
    }
  };
  const turns = Math.floor(length / PARTS);
  target.loop(turns, () => {
    emitElements(PARTS);
    target.advance(input, PARTS * axisStride * WORD_BYTES);
  });
  emitElements(length % PARTS);
  target.advance(input, -turns * PARTS * axisStride * WORD_BYTES);
  for (const [p0, p1, p2, p3] of parts as readonly (readonly [Vector, Vector, Vector, Vector])[]) {
    const add = (to: Vector, from: Vector) => target.float(FLOAT_OPERATIONS[operation], to, to, from);
    if (used > 2) add(p0, p2);
    if (used > 3) add(p1, p3);
    if (used > 1) add(p0, p1);
    emitEnd(target, operation, length, p0, value);
  }
}

/** Emits a reduction along an axis: in lanes along the last one, else many inner indices at a time. */
export function emitAxisReduction(target: Target<unknown>, description: AxisReductionDescription): void {
  const { outer, inner, outerStride, axisStride } = description;
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, AXIS_REDUCTION_ARGUMENTS.input);
  target.argument(output, AXIS_REDUCTION_ARGUMENTS.output);
  if (inner === 1 && axisStride === 1) {
    emitLastAxis(target, description, input, output);
    return;
  }
  const [value] = target.vectors('value', 1) as [Vector];
  const groups = Math.min(MOST_PORTIONS, Math.floor((target.traits.vectors - 1) / PARTS));
  const parts = Array.from({ length: groups }, () => target.vectors('parts', PARTS));
  const strides = [
    { pointer: input, bytes: outerStride * WORD_BYTES },
    { pointer: output, bytes: inner * WORD_BYTES },
  ];
  const streams = [input, output].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  emitRowLoop(target, outer, strides, () => {
    emitElementLoop(target, inner, streams, groups, (portions) => {
      const used = parts.slice(0, portions.length);
      emitPortions(target, description, input, portions, used, value);
      for (const [p, portion] of portions.entries()) emitStore(target, used[p]![0]!, output, portion);
    });
  });
}
