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

export function planActivation(activation: PointwiseFunction | null): PlannedActivation {
  if (activation === null) return { fused: 'none', after: null };
  const fused = FUSED[activation.kind];
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
