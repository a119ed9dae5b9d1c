import { Random } from '@qedge/core';
import {
  type ArgExtremumDescription,
  AXIS_REDUCTION_ARGUMENT_COUNT,
  AXIS_REDUCTION_ARGUMENTS,
  type AxisReductionDescription,
  type ReducedAxis,
  reducedAxisKey,
  requireArgExtremum,
  requireAxisReduction,
} from '../../description/axis-reduction.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { arrayTrial, drawFloats, type ExpectedElement, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { emitArgExtremum } from './emit-arg-extremum.ts';
import { emitAxisReduction } from './emit-axis-reduction.ts';

/** A trial of whatever turns the elements along an axis into one. */
function trialOfAxis(
  axis: ReducedAxis,
  effort: 'all' | 'sample',
  seed: number,
  specials: boolean,
  read: (view: DataView, byteOffset: number) => number,
  expectElement: (elements: Float32Array) => ExpectedElement,
): KernelTrial {
  const { outer, length, inner, outerStride, axisStride } = axis;
  const reach = (outer - 1) * outerStride + (length - 1) * axisStride + inner;
  const content = drawFloats(new Random(seed), reach, specials);
  const elements = new Float32Array(length);
  const result = {
    argument: AXIS_REDUCTION_ARGUMENTS.output,
    rows: outer,
    width: inner,
    stride: inner,
    elementBytes: WORD_BYTES,
    terms: length,
    read,
    expectRow: (row: number) => (column: number) => {
      const start = row * outerStride + column;
      for (let a = 0; a < length; a++) elements[a] = content[start + a * axisStride]!;
      return expectElement(elements);
    },
  };
  const operands = [{ argument: AXIS_REDUCTION_ARGUMENTS.input, content }];
  return arrayTrial(
    { argumentCount: AXIS_REDUCTION_ARGUMENT_COUNT, operands, scalars: [], result },
    effort,
    seed,
  );
}

function expectReduction(
  operation: AxisReductionDescription['operation'],
  elements: Float32Array,
): ExpectedElement {
  const { length } = elements;
  if (operation === 'maximum' || operation === 'minimum') {
    const sign = operation === 'maximum' ? 1 : -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let a = 0; a < length; a++) if (sign * elements[a]! > most) most = sign * elements[a]!;
    return { value: sign * most + 0, tolerance: 0 };
  }
  let [sum, magnitude] = [0, 0];
  for (let a = 0; a < length; a++) {
    sum += elements[a]!;
    magnitude += Math.abs(elements[a]!);
  }
  const error = (length / 4 + 5) * UNIT_ROUNDOFF * magnitude;
  if (operation === 'sum') return { value: sum, tolerance: error };
  return { value: sum / length, tolerance: (error + UNIT_ROUNDOFF * Math.abs(sum)) / length };
}

function expectIndex(
  operation: ArgExtremumDescription['operation'],
  elements: Float32Array,
): ExpectedElement {
  const sign = operation === 'maximum' ? 1 : -1;
  let [best, found] = [Number.NEGATIVE_INFINITY, 0];
  for (let index = 0; index < elements.length; index++) {
    const x = sign * elements[index]!;
    if (x > best) [best, found] = [x, index];
  }
  return { value: found, tolerance: 0 };
}

/** {@link AxisReductionDescription}. */
export const AXIS_REDUCTION: KernelFamily<AxisReductionDescription> = {
  kind: 'axis-reduction',
  validate: requireAxisReduction,
  key: (description) => `axis-reduction-${description.operation}-${reducedAxisKey(description)}`,
  emit: emitAxisReduction,
  trial(description, _traits, effort, seed) {
    const { operation } = description;
    const specials = operation === 'maximum' || operation === 'minimum';
    return trialOfAxis(description, effort, seed, specials, readFloat32, (elements) =>
      expectReduction(operation, elements),
    );
  },
};

/** {@link ArgExtremumDescription}. */
export const ARG_EXTREMUM: KernelFamily<ArgExtremumDescription> = {
  kind: 'arg-extremum',
  validate: requireArgExtremum,
  key: (description) => `arg-extremum-${description.operation}-${reducedAxisKey(description)}`,
  emit: emitArgExtremum,
  trial(description, _traits, effort, seed) {
    const read = (view: DataView, byteOffset: number) => view.getInt32(byteOffset, true);
    return trialOfAxis(description, effort, seed, true, read, (elements) =>
      expectIndex(description.operation, elements),
    );
  },
};
