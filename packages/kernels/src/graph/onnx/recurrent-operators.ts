import { InvalidArgumentError } from '@qedge/core';
import { type ImportedValue, requireNumbers } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { asFloat } from './pointwise.ts';
import { transpose } from './structure.ts';

const ACTIVATIONS = { lstm: ['sigmoid', 'tanh', 'tanh'], gru: ['sigmoid', 'tanh'] } as const;

/** Refuses what the cell does not do. */
function checkCell(context: NodeContext, cell: 'lstm' | 'gru', time: number): void {
  const activations = context.texts('activations') ?? [];
  const usual = ACTIVATIONS[cell];
  context.refuse(
    activations.some((name, index) => name.toLowerCase() !== usual[index % usual.length]),
    `the activations ${activations.join(', ')}`,
  );
  context.refuse((context.node.attributes.get('clip')?.float ?? 0) !== 0, 'clip');
  context.refuse(context.integer('input_forget', 0) !== 0, 'input_forget');
  context.refuse(cell === 'lstm' && context.optional(7) !== null, 'peepholes');
  const lengths = context.optional(4);
  if (lengths === null) return;
  const numbers = requireNumbers(lengths, 'The sequence lengths');
  context.refuse(
    numbers.some((each) => each !== time),
    'sequences of different lengths',
  );
}

/** With `layout` 1 the batch comes first: `[batch, time, ...]` and `[batch, directions, hidden]`. */
function recurrent(cell: 'lstm' | 'gru'): ImportOperator {
  return (context) => {
    const batchFirst = context.integer('layout', 0) !== 0;
    const swap = (value: ImportedValue | null) => {
      if (value === null) return null;
      const float = asFloat(context, value);
      return batchFirst ? transpose(context, float, [1, 0, 2]) : float;
    };
    const x = swap(context.input(0))!;
    checkCell(context, cell, x.shape[0]!);
    const hiddenSize = context.integer('hidden_size', context.input(2).shape[2] ?? 0);
    const direction = context.text('direction', 'forward');
    if (direction !== 'forward' && direction !== 'reverse' && direction !== 'bidirectional')
      throw new InvalidArgumentError('A recurrent layer has an unknown direction', { actual: direction });
    const linearBeforeReset = context.integer('linear_before_reset', 0) !== 0;
    const states = cell === 'lstm' ? [context.optional(5), context.optional(6)] : [context.optional(5)];
    const inputs = [x, context.input(1), context.input(2), context.optional(3), null, ...states.map(swap)];
    while (inputs.at(-1) === null) inputs.pop();
    const outputs = context.emitAll(
      { kind: 'recurrent', cell, direction, hiddenSize, linearBeforeReset },
      inputs,
    );
    if (!batchFirst) return outputs;
    const [y, ...last] = outputs as [ImportedValue, ...ImportedValue[]];
    return [transpose(context, y, [2, 0, 1, 3]), ...last.map((each) => transpose(context, each, [1, 0, 2]))];
  };
}

/** Recurrent layers. */
export const RECURRENT_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  LSTM: recurrent('lstm'),
  GRU: recurrent('gru'),
};
