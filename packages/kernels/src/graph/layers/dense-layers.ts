import { activationFunction, finishActivation } from './layer-activations.ts';
import {
  addNode,
  type LayerContext,
  type LayerImporter,
  refuseSetting,
  settingsOf,
  type TensorflowLayer,
  weightConstant,
  weightOf,
} from './layer-context.ts';

const dense: LayerImporter = (layer, [x], context) => {
  const { activation, useBias } = settingsOf(layer);
  const apply = activationFunction(activation);
  const product = {
    kind: 'matmul',
    transposeA: false,
    transposeB: false,
    alpha: 1,
    activation: apply,
  } as const;
  const operands = [x, weightConstant(context, layer, 0)];
  if (useBias) operands.push(weightConstant(context, layer, 1));
  return finishActivation(context, addNode(context, layer, product, operands), activation, layer.name);
};

const embedding: LayerImporter = (layer, [x], context) => {
  const { maskZero } = settingsOf(layer);
  if (maskZero) refuseSetting(layer, 'maskZero', false, maskZero);
  const { builder } = context;
  const [indices] =
    builder.spec(x).dtype === 'int32'
      ? [x]
      : builder.add({ kind: 'cast', dtype: 'int32' }, [x], { name: `${layer.name}/indices` });
  return [addNode(context, layer, { kind: 'gather', axis: 0 }, [weightConstant(context, layer, 0), indices])];
};

/** @throws UnsupportedError when a layer works along another axis than the last one. */
function checkLastAxis(context: LayerContext, layer: TensorflowLayer, x: string): void {
  const { axis } = settingsOf(layer);
  const last = context.builder.spec(x).shape.length - 1;
  const axes = [axis].flat();
  if (axes.length !== 1 || (axes[0] !== -1 && axes[0] !== last))
    refuseSetting(layer, 'axis', 'the last one', axis);
}

const batchNormalization: LayerImporter = (layer, [x], context) => {
  checkLastAxis(context, layer, x);
  const { epsilon, scale, center } = settingsOf(layer);
  const statistics = () => {
    const gamma = scale ? weightOf(layer, 0).data : null;
    const beta = center ? weightOf(layer, scale ? 1 : 0).data : null;
    const first = (scale ? 1 : 0) + (center ? 1 : 0);
    const [mean, variance] = [weightOf(layer, first).data, weightOf(layer, first + 1).data];
    const factors = Array.from(variance, (v, i) => (gamma?.[i] ?? 1) / Math.sqrt(v + Number(epsilon)));
    const shifts = factors.map((factor, i) => (beta?.[i] ?? 0) - mean[i]! * factor);
    const vector = (numbers: readonly number[]) => {
      return { dtype: 'float32', shape: [numbers.length], data: Float32Array.from(numbers) } as const;
    };
    return { factors: vector(factors), shifts: vector(shifts) };
  };
  const factors = context.constant(layer, 'scale', () => statistics().factors);
  const shifts = context.constant(layer, 'shift', () => statistics().shifts);
  return [addNode(context, layer, { kind: 'channel-scale', activation: null }, [x, factors, shifts])];
};

const layerNormalization: LayerImporter = (layer, [x], context) => {
  checkLastAxis(context, layer, x);
  const { epsilon, scale, center } = settingsOf(layer);
  const gamma = scale ? weightConstant(context, layer, 0) : null;
  const beta = center ? weightConstant(context, layer, scale ? 1 : 0) : null;
  const operator = { kind: 'layer-normalization', epsilon: Number(epsilon) } as const;
  return [addNode(context, layer, operator, [x, gamma, beta])];
};

/** Layers of products and normalisations. */
export const DENSE_LAYERS: Readonly<Record<string, LayerImporter>> = {
  Dense: dense,
  Embedding: embedding,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};
