import { Random } from '@qedge/core';
import {
  ACTIVATION_ARGUMENT_COUNT,
  ACTIVATION_ARGUMENTS,
  type ActivationDescription,
} from '../../description/activation.ts';
import { type Activation, requireActivation } from '../../description/epilogue.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireSpan } from '../../description/row-layout.ts';
import { ACTIVATION_ERROR_ULPS, referenceActivation } from '../../reference/activation.ts';
import type { Target } from '../../target/target.ts';
import {
  arrayTrial,
  drawFloats,
  type ExpectedElement,
  readFloat32,
  unitInLastPlace,
} from '../elements/array-trial.ts';
import { emitElementLoop, emitLoad, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import { claimableVectors } from '../elements/vector-group.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitActivation, planActivation } from './emit-activation.ts';

function emitActivations(target: Target<unknown>, { activation, length }: ActivationDescription): void {
  const plan = planActivation(activation, claimableVectors(target.traits));
  const values = target.vectors('values', plan.values);
  const scratch = target.vectors('scratch', plan.scratch);
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, ACTIVATION_ARGUMENTS.input);
  target.argument(output, ACTIVATION_ARGUMENTS.output);
  const streams = [input, output].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  emitElementLoop(target, length, streams, plan.values, (portions) => {
    const group = values.slice(0, portions.length);
    for (const [v, value] of group.entries()) emitLoad(target, value, input, portions[v]!);
    emitActivation(target, activation, group, scratch);
    for (const [v, value] of group.entries()) emitStore(target, value, output, portions[v]!);
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
    requireActivation(activation);
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
