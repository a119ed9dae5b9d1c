import type { KernelSteps } from '../../engine/binding.ts';
import { normalizeSteps, scaleChannelsSteps } from '../../engine/row-kernels.ts';
import { activationAfter, planActivation } from './fused-activation.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** The input as rows along its last axis, and where the result goes. */
function rowsOf(node: Pick<Lowering, 'inputs' | 'outputs'>) {
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const width = input.shape.at(-1) ?? 1;
  return { rows: input.length / width, width, input: input.floats, output: output.floats };
}

/** A scale and a shift per channel. */
export function lowerChannelScale(node: Lowering<'channel-scale'>): KernelSteps {
  const activation = planActivation(node.operator.activation);
  const rows = rowsOf(node);
  const [scale, shift] = [inputOf(node, 1).floats, inputOf(node, 2).floats];
  const steps = scaleChannelsSteps(node.context, { ...rows, scale, shift, activation: activation.fused });
  return [...steps, ...activationAfter(node.context, activation, rows.output)];
}

/** Layer normalisation over the last axis. One of gamma and beta may be missing. */
export function lowerLayerNormalization(node: Lowering<'layer-normalization'>): KernelSteps {
  const { context, operator, inputs } = node;
  const rows = rowsOf(node);
  const options = { ...rows, epsilon: operator.epsilon };
  const [gamma, beta] = [inputs[1] ?? null, inputs[2] ?? null];
  if (gamma === null && beta === null) return normalizeSteps(context, options);
  const constant = (value: number) => {
    return context.arena.array(Float32Array, rows.width, 'a parameter that is left out').fill(value);
  };
  return normalizeSteps(context, {
    ...options,
    gamma: gamma?.floats ?? constant(1),
    beta: beta?.floats ?? constant(0),
  });
}
