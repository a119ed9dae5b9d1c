import type { KernelSteps } from '../../engine/binding.ts';
import { softmaxSteps } from '../../engine/row-kernels.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { pointwiseSteps } from './pointwise.ts';

/** Softmax over the last axis. */
export function lowerSoftmax(node: Lowering<'softmax'>): KernelSteps {
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const width = input.shape.at(-1) ?? 1;
  const rows = { rows: input.length / width, width, input: input.floats, output: output.floats };
  const steps = softmaxSteps(node.context, rows);
  if (!node.operator.log) return steps;
  const place = { shape: [output.length], data: output.floats };
  const logarithm = { apply: { kind: 'logarithm' }, to: { input: 0 } } as const;
  return [...steps, ...pointwiseSteps(node.context, logarithm, [place], place)];
}
