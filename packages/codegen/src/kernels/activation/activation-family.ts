import { Random } from '@qedge/core';
import {
  ACTIVATION_ARGUMENT_COUNT,
  ACTIVATION_ARGUMENTS,
  type ActivationDescription,
} from '../../description/activation.ts';
import type { Activation } from '../../description/epilogue.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown, requireSpan } from '../../description/row-layout.ts';
import { ACTIVATION_ERROR_ULPS, referenceActivation } from '../../reference/activation.ts';
import type { Target, Vector } from '../../target/target.ts';
import {
  arrayTrial,
  drawFloats,
  type ExpectedElement,
  readFloat32,
  unitInLastPlace,
} from '../elements/array-trial.ts';
import { emitElementLoop, WORD_BYTES, wordsAt } from '../elements/element-loop.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { ACTIVATIONS, activationScratch, emitActivation } from './emit-activation.ts';

/** Vectors per turn of a loop over elements: code of activations is long enough to hide the loop. */
export function portionsPerTurn(activation: Activation): number {
  return ['none', 'relu', 'relu6'].includes(activation) ? 4 : 2;
}

function emitActivations(target: Target<unknown>, { activation, length }: ActivationDescription): void {
  const [value] = target.vectors('value', 1) as [Vector];
  const scratch = target.vectors('scratch', activationScratch(activation, target.traits));
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, ACTIVATION_ARGUMENTS.input);
  target.argument(output, ACTIVATION_ARGUMENTS.output);
  const streams = [input, output].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  emitElementLoop(target, length, streams, portionsPerTurn(activation), (portions) => {
    for (const portion of portions) {
      target.load(value, wordsAt(input, portion), portion.lanes);
      emitActivation(target, activation, [value], scratch);
      target.store(value, wordsAt(output, portion), portion.lanes);
    }
  });
}

/**
 * What an activation must give for an argument that is off by at most `argumentError`: no activation is steeper than 1.13, the
 * slope of gelu at sqrt(2).
 */
export function expectActivation(activation: Activation, x: number, argumentError = 0): ExpectedElement {
  const value = referenceActivation(activation, x);
  const rounding = ACTIVATION_ERROR_ULPS[activation] * unitInLastPlace(value);
  return { value, tolerance: rounding + 1.13 * argumentError };
}

/** {@link ActivationDescription}. */
export const ACTIVATION: KernelFamily<ActivationDescription> = {
  kind: 'activation',
  validate({ activation, length }) {
    requireKnown('activation', activation, ACTIVATIONS);
    requireInteger('length of an activation', length, 1);
    requireSpan('input', 1, length, length);
  },
  key: ({ activation, length }) => `activation-${activation}-${length}`,
  emit: emitActivations,
  trial({ activation, length }, _traits, effort, seed) {
    const input = drawFloats(new Random(seed), length, true);
    const result = {
      argument: ACTIVATION_ARGUMENTS.output,
      rows: 1,
      width: length,
      stride: length,
      elementBytes: WORD_BYTES,
      read: readFloat32,
      expectRow: () => (column: number) => expectActivation(activation, input[column]!),
    };
    const operands = [{ argument: ACTIVATION_ARGUMENTS.input, content: input }];
    return arrayTrial(
      { argumentCount: ACTIVATION_ARGUMENT_COUNT, operands, scalars: [], result },
      effort,
      seed,
    );
  },
};
