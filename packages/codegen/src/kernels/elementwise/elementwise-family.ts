import { Random } from '@qedge/core';
import {
  ELEMENTWISE_ARGUMENT_COUNT,
  ELEMENTWISE_ARGUMENTS,
  type ElementwiseDescription,
  type ElementwiseOperation,
} from '../../description/elementwise.ts';
import { requireActivation } from '../../description/epilogue.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import { requireSpan } from '../../description/row-layout.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import { referenceElementwise } from '../../reference/elementwise.ts';
import type { FloatOperation, Target, Vector } from '../../target/target.ts';
import { expectActivation } from '../activation/activation-family.ts';
import { emitActivation, planActivation } from '../activation/emit-activation.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { emitElementLoop, emitLoad, emitRowLoop, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import { claimableVectors } from '../elements/vector-group.ts';
import type { KernelFamily } from '../kernel-family.ts';

/** What each operation does with `a` (scaled first for `scale-and-add`) and `b`. */
const OPERATIONS: Readonly<Record<ElementwiseOperation, FloatOperation>> = {
  add: 'add',
  subtract: 'subtract',
  multiply: 'multiply',
  divide: 'divide',
  maximum: 'max',
  minimum: 'min',
  'scale-and-add': 'add',
};

function emitElementwise(target: Target<unknown>, description: ElementwiseDescription): void {
  const { operation, rows, width, aStride, bStride, outputStride, activation } = description;
  const plan = planActivation(activation, claimableVectors(target.traits) - 2);
  const values = target.vectors('values', plan.values);
  const scratch = target.vectors('scratch', plan.scratch);
  const [other] = target.vectors('other operand', 1) as [Vector];
  const [alpha] = target.vectors('alpha', operation === 'scale-and-add' ? 1 : 0);
  const claim = (name: 'a' | 'b' | 'output') => {
    const pointer = target.pointer(name);
    target.argument(pointer, ELEMENTWISE_ARGUMENTS[name]);
    return pointer;
  };
  const [a, b, output] = [claim('a'), claim('b'), claim('output')];
  if (alpha !== undefined) {
    target.splat(alpha, { base: target.block, offset: ELEMENTWISE_ARGUMENTS.alpha * ARGUMENT_BYTES });
  }
  const streams = [a, b, output].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  const strides = [
    { pointer: a, bytes: aStride * WORD_BYTES },
    { pointer: b, bytes: bStride * WORD_BYTES },
    { pointer: output, bytes: outputStride * WORD_BYTES },
  ].filter(({ bytes }) => bytes > 0);
  emitRowLoop(target, rows, strides, () => {
    emitElementLoop(target, width, streams, plan.values, (portions) => {
      const group = values.slice(0, portions.length);
      for (const [v, value] of group.entries()) {
        emitLoad(target, value, a, portions[v]!);
        emitLoad(target, other, b, portions[v]!);
        if (alpha !== undefined) target.float('multiply', value, value, alpha);
        target.float(OPERATIONS[operation], value, value, other);
      }
      emitActivation(target, activation, group, scratch);
      for (const [v, value] of group.entries()) emitStore(target, value, output, portions[v]!);
    });
  });
}

/** {@link ElementwiseDescription}. */
export const ELEMENTWISE: KernelFamily<ElementwiseDescription> = {
  kind: 'elementwise',
  validate({ operation, rows, width, aStride, bStride, outputStride, activation }) {
    requireKnown('elementwise operation', operation, Object.keys(OPERATIONS));
    requireActivation(activation);
    requireInteger('number of rows', rows, 1);
    requireInteger('width of a row', width, 1);
    requireSpan('first operand', rows, width, aStride);
    if (bStride !== 0) requireSpan('second operand', rows, width, bStride);
    requireSpan('output', rows, width, outputStride);
  },
  key: ({ operation, rows, width, aStride, bStride, outputStride, activation }) =>
    `elementwise-${operation}-${rows}x${width}-${aStride}_${bStride}_${outputStride}-${activation}`,
  emit: emitElementwise,
  trial({ operation, rows, width, aStride, bStride, outputStride, activation }, _traits, effort, seed) {
    const random = new Random(seed);
    const a = drawFloats(random, rows * aStride, true);
    const b = drawFloats(random, bStride === 0 ? width : rows * bStride, true);
    const alpha = -1.25;
    const result = {
      argument: ELEMENTWISE_ARGUMENTS.output,
      rows,
      width,
      stride: outputStride,
      elementBytes: WORD_BYTES,
      read: readFloat32,
      expectRow: (row: number) => (column: number) => {
        const [left, right] = [a[row * aStride + column]!, b[row * bStride + column]!];
        return expectActivation(activation, referenceElementwise(operation, left, right, alpha));
      },
    };
    const operands = [
      { argument: ELEMENTWISE_ARGUMENTS.a, content: a },
      { argument: ELEMENTWISE_ARGUMENTS.b, content: b },
    ];
    const scalars = [{ argument: ELEMENTWISE_ARGUMENTS.alpha, type: 'float32' as const, value: alpha }];
    return arrayTrial({ argumentCount: ELEMENTWISE_ARGUMENT_COUNT, operands, scalars, result }, effort, seed);
  },
};
