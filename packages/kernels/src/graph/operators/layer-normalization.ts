import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { checkDtype, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { newFloats } from './value-data.ts';

/** Mean 0 and variance 1 over the last axis. */
export const layerNormalization: OperatorDefinition<'layer-normalization'> = {
  kind: 'layer-normalization',

  infer({ epsilon }, inputs) {
    const [x, gamma, beta] = takeInputs(inputs, ['x'], ['gamma', 'beta']);
    for (const each of [x!, gamma!, beta!]) checkDtype(each, 'operands of a layer normalisation', 'float32');
    if (x!.shape.length === 0) {
      throw new ShapeMismatchError('A layer normalisation needs an axis', {
        expected: 'at least 1 axis',
        actual: x!.shape,
      });
    }
    if (!(epsilon >= 0 && Number.isFinite(epsilon))) {
      throw new InvalidArgumentError('The epsilon of a layer normalisation is out of range', {
        expected: 'a finite number >= 0',
        actual: epsilon,
      });
    }
    const channels = [x!.shape.at(-1)!];
    checkShape(gamma!, 'numbers of gamma', channels);
    checkShape(beta!, 'numbers of beta', channels);
    return [{ dtype: 'float32', shape: x!.shape }];
  },

  evaluate({ epsilon }, inputs) {
    const [x, gamma, beta] = takeInputs(inputs, ['x'], ['gamma', 'beta']);
    const { value, data } = newFloats(x!.shape);
    const channels = x!.shape.at(-1)!;
    for (let at = 0; at < data.length; at += channels) {
      let sum = 0;
      for (let i = 0; i < channels; i++) sum += x!.data[at + i]!;
      const mean = sum / channels;
      let squares = 0;
      for (let i = 0; i < channels; i++) squares += (x!.data[at + i]! - mean) ** 2;
      const factor = 1 / Math.sqrt(squares / channels + epsilon);
      for (let i = 0; i < channels; i++) {
        const y = (x!.data[at + i]! - mean) * factor;
        data[at + i] = y * (gamma === null ? 1 : gamma!.data[i]!) + (beta === null ? 0 : beta!.data[i]!);
      }
    }
    return [value];
  },
};
