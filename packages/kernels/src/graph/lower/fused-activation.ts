import type { Activation } from '@qedge/codegen';
import type { PointwiseFunction } from '@qedge/core';
import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import { pointwiseSteps } from './pointwise.ts';

/** The functions that products, convolutions and others apply to a result before it is stored. */
const FUSED: Partial<Record<PointwiseFunction['kind'], Activation>> = {
  relu: 'relu',
  relu6: 'relu6',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
  gelu: 'gelu',
  silu: 'silu',
  'gelu-tanh': 'gelu-tanh',
  'hard-swish': 'hard-swish',
};

/** An activation as a kernel's epilogue, and what has to follow the kernel where its epilogue cannot do it. */
export interface PlannedActivation {
  readonly fused: Activation;
  readonly after: PointwiseFunction | null;
}

/** Functions that cost next to nothing while a result is in registers. */
const CLAMPS: readonly (Activation | undefined)[] = ['relu', 'relu6'];

/**
 * @param isNarrow whether rows of the result fill less than a vector. What is more than a clamp is then cheaper afterwards, in full
 *   vectors: an epilogue computes the other lanes too, and waits for stores of parts of vectors. Default false.
 */
export function planActivation(activation: PointwiseFunction | null, isNarrow = false): PlannedActivation {
  if (activation === null) return { fused: 'none', after: null };
  const fused = FUSED[activation.kind];
  if (isNarrow && !CLAMPS.includes(fused)) return { fused: 'none', after: activation };
  return fused === undefined ? { fused: 'none', after: activation } : { fused, after: null };
}

/** What has to follow a kernel, in place. */
export function activationAfter(
  context: BindingContext,
  { after }: PlannedActivation,
  values: Float32Array,
): KernelSteps {
  if (after === null) return [];
  const expression = { apply: after, to: { input: 0 } };
  const place = { shape: [values.length], data: values };
  return pointwiseSteps(context, expression, [place], place);
}
