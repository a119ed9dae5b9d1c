import type { PointwiseExpression } from '@qedge/core';
import type { ValueData } from '../operators/operator-definition.ts';
import { activationExpression } from './layer-activations.ts';
import {
  type LayerContext,
  type LayerImporter,
  refuseSetting,
  settingsOf,
  type TensorflowLayer,
  weightConstant,
  weightOf,
} from './layer-context.ts';
import { unrollRecurrent } from './unroll-recurrent.ts';

/** What a recurrent layer computes of a sequence. */
export interface RecurrentResult {
  /** `[batch, time, units]`, each output at the time of its input. */
  readonly sequence: string;
  /** The states after the last step, `[batch, units]`: h and, for an LSTM, c. */
  readonly states: readonly string[];
}

/** Gates of TensorFlow.js (i, f, c, o and z, r, h) in the order of ONNX (i, o, f, c and z, r, h). */
const GATE_ORDER = { LSTM: [0, 3, 1, 2], GRU: [0, 1, 2] } as const;

/** `[rows, gates * units]` as `[1, gates * units, rows]`, gates in ONNX's order. */
function transposedGates({ shape, data }: ValueData, order: readonly number[]): ValueData {
  const [rows, columns] = shape as [number, number];
  const units = columns / order.length;
  const moved = new Float32Array(data.length);
  for (const [to, from] of order.entries()) {
    for (let unit = 0; unit < units; unit++) {
      for (let row = 0; row < rows; row++) {
        moved[(to * units + unit) * rows + row] = data[row * columns + from * units + unit]!;
      }
    }
  }
  return { dtype: 'float32', shape: [1, columns, rows], data: moved };
}

/** The bias of the inputs, and zeros for that of the states. */
function recurrentBias(bias: ValueData, order: readonly number[]): ValueData {
  const { data } = transposedGates({ ...bias, shape: [1, bias.data.length] }, order);
  const both = new Float32Array(2 * data.length);
  both.set(data);
  return { dtype: 'float32', shape: [1, both.length], data: both };
}

/** An LSTM or GRU with the usual activations, as one operator. */
function runOperator(
  layer: TensorflowLayer,
  x: string,
  context: LayerContext,
  cell: 'LSTM' | 'GRU',
): RecurrentResult {
  const { builder } = context;
  const { units, useBias, goBackwards } = settingsOf(layer);
  const order = GATE_ORDER[cell];
  const operator = {
    kind: 'recurrent',
    cell: cell === 'LSTM' ? 'lstm' : 'gru',
    direction: goBackwards ? 'reverse' : 'forward',
    hiddenSize: Number(units),
    linearBeforeReset: false,
  } as const;
  const [byTime] = builder.add({ kind: 'transpose', permutation: [1, 0, 2] }, [x], {
    name: `${layer.name}/by time`,
  });
  const w = context.constant(layer, 'w', () => transposedGates(weightOf(layer, 0), order));
  const r = context.constant(layer, 'r', () => transposedGates(weightOf(layer, 1), order));
  const b = useBias ? context.constant(layer, 'b', () => recurrentBias(weightOf(layer, 2), order)) : null;
  const [y, ...last] = builder.add(operator, [byTime, w, r, b], { name: layer.name });
  const [time, , batch, size] = builder.spec(y).shape as [number, number, number, number];
  const [flat] = builder.add({ kind: 'reshape', shape: [time, batch, size] }, [y], {
    name: `${layer.name}/y`,
  });
  const [sequence] = builder.add({ kind: 'transpose', permutation: [1, 0, 2] }, [flat], {
    name: `${layer.name}/sequence`,
  });
  const states = last.map((state) => {
    return builder.add({ kind: 'reshape', shape: [batch, size] }, [state], {
      name: `${layer.name}/state`,
    })[0];
  });
  return { sequence, states };
}

/** Runs a recurrent layer over a sequence `[batch, time, size]`. */
function runRecurrent(layer: TensorflowLayer, x: string, context: LayerContext): RecurrentResult {
  const { stateful, activation, recurrentActivation, useBias, goBackwards } = settingsOf(layer);
  if (stateful) refuseSetting(layer, 'stateful', false, stateful);
  const className = layer.getClassName();
  const usual = activation === 'tanh' && recurrentActivation === 'sigmoid';
  if (usual && (className === 'LSTM' || className === 'GRU'))
    return runOperator(layer, x, context, className);
  const expression = (name: unknown) => (to: PointwiseExpression) => activationExpression(name, to);
  return unrollRecurrent(context.builder, {
    name: layer.name,
    cell: className as 'LSTM' | 'GRU' | 'SimpleRNN',
    x,
    kernel: weightConstant(context, layer, 0),
    recurrentKernel: weightConstant(context, layer, 1),
    bias: useBias ? weightConstant(context, layer, 2) : null,
    activation: expression(activation),
    recurrentActivation: expression(recurrentActivation ?? 'linear'),
    reverse: Boolean(goBackwards),
  });
}

function reversedTime({ builder }: LayerContext, sequence: string, name: string): string {
  const { shape } = builder.spec(sequence);
  const operator = { kind: 'slice', starts: [0, shape[1]! - 1, 0], steps: [1, -1, 1], sizes: shape } as const;
  return builder.add(operator, [sequence], { name: `${name}/reversed` })[0];
}

const recurrentLayer: LayerImporter = (layer, inputs, context) => {
  if (inputs.length > 1) refuseSetting(layer, 'initialState', 'none', `${inputs.length - 1} inputs`);
  const { returnSequences, returnState, goBackwards } = settingsOf(layer);
  const { sequence, states } = runRecurrent(layer, inputs[0], context);
  // TensorFlow.js leaves the outputs in the order in which they are computed.
  const ordered = goBackwards && returnSequences ? reversedTime(context, sequence, layer.name) : sequence;
  return [returnSequences ? ordered : states[0]!, ...(returnState ? states : [])];
};

const bidirectional: LayerImporter = (layer, [x, ...more], context) => {
  const { forwardLayer, backwardLayer } = layer as unknown as Readonly<
    Record<'forwardLayer' | 'backwardLayer', TensorflowLayer>
  >;
  const { mergeMode } = settingsOf(layer);
  const { returnSequences, returnState } = settingsOf(forwardLayer);
  if (more.length > 0) refuseSetting(layer, 'initialState', 'none', more.length);
  if (returnState) refuseSetting(layer, 'returnState', false, returnState);
  const [forward, backward] = [forwardLayer, backwardLayer].map((each) => {
    if (!Object.hasOwn(RECURRENT_CELLS, each.getClassName())) {
      refuseSetting(layer, 'layer', Object.keys(RECURRENT_CELLS).join(', '), each.getClassName());
    }
    const { sequence, states } = runRecurrent(each, x, context);
    return returnSequences ? sequence : states[0]!;
  }) as [string, string];
  const { builder } = context;
  if (mergeMode === null) return [forward, backward];
  if (mergeMode === 'concat') {
    const axis = builder.spec(forward).shape.length - 1;
    return builder.add({ kind: 'concatenate', axis }, [forward, backward], { name: layer.name });
  }
  const operation = mergeMode === 'mul' ? 'multiply' : 'add';
  const both: PointwiseExpression = { operation, a: { input: 0 }, b: { input: 1 } };
  const half: PointwiseExpression = { operation: 'multiply', a: both, b: { constant: 0.5 } };
  const expression = mergeMode === 'ave' ? half : both;
  return builder.add({ kind: 'pointwise', expression }, [forward, backward], { name: layer.name });
};

/** Any layer at every step: steps become samples. */
const timeDistributed: LayerImporter = (layer, [x], context) => {
  const { builder } = context;
  const { layer: inner } = layer as unknown as { readonly layer: TensorflowLayer };
  const [batch, time, ...sample] = builder.spec(x).shape as [number, number, ...number[]];
  const [steps] = builder.add({ kind: 'reshape', shape: [batch * time, ...sample] }, [x], {
    name: `${layer.name}/steps`,
  });
  return context.importLayer(inner, [steps]).map((y) => {
    const [, ...result] = builder.spec(y).shape;
    return builder.add({ kind: 'reshape', shape: [batch, time, ...result] }, [y], { name: layer.name })[0];
  });
};

const RECURRENT_CELLS: Readonly<Record<string, LayerImporter>> = {
  LSTM: recurrentLayer,
  GRU: recurrentLayer,
  SimpleRNN: recurrentLayer,
};

/** Layers over time. */
export const RECURRENT_LAYERS: Readonly<Record<string, LayerImporter>> = {
  ...RECURRENT_CELLS,
  Bidirectional: bidirectional,
  TimeDistributed: timeDistributed,
};
