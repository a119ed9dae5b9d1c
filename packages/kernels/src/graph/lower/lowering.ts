import type { Operator, OperatorOf, Precision } from '@qedge/core';
import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import type { GraphValue } from './graph-values.ts';

/** One node with the places of its values. */
export interface Lowering<Kind extends Operator['kind'] = Operator['kind']> {
  readonly operator: OperatorOf<Kind>;
  readonly inputs: readonly (GraphValue | null)[];
  readonly outputs: readonly GraphValue[];
  readonly context: BindingContext;
  /** What the graph was compiled for. */
  readonly precision: Precision;
  /** Tells how the node is computed where that is not float32, or why it is. */
  report(precision: Precision, reason: string | null): void;
  /** Has a function called before the node's kernels in every run: for what no kernel does. It must not allocate. */
  callBefore(call: () => void): void;
}

/**
 * Plans the kernels of one kind of node. No output has 0 elements. Steps may use temporary memory of the arena.
 *
 * @throws UnsupportedError for what no kernel can compute; the caller adds the node's name.
 */
export type Lowerer<Kind extends Operator['kind']> = (node: Lowering<Kind>) => KernelSteps;

/** An input that is there. Validated graphs have all of those that their operators need. */
export function inputOf({ inputs }: Pick<Lowering, 'inputs'>, index: number): GraphValue {
  return inputs[index]!;
}
