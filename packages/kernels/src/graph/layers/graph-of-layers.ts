import {
  elementCount,
  type LayerSpec,
  type ModelGraph,
  type OperatorModel,
  validateModelGraph,
  type WeightSource,
} from '@qedge/core';
import { loadFloat32Weight } from '../../float32-model.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { checkInteger } from '../operators/input-checks.ts';
import { requireObject } from '../require-arguments.ts';

/** Options of {@link graphOfLayers}. */
export interface GraphOfLayersOptions {
  /** Samples per run, 1 or more. */
  readonly batch: number;
}

/**
 * A linear model as an operator graph: input `input` `[batch, ...inputShape]`, one output `[batch, ...outputShape]`. Weights are loaded from the
 * source when they are needed; integer codes are decoded to float32.
 *
 * @throws InvalidArgumentError or UnsupportedError for an impossible model or batch.
 */
export function graphOfLayers(
  model: ModelGraph,
  weights: WeightSource,
  options: GraphOfLayersOptions,
): OperatorModel {
  requireObject('The weights', weights, 'a weight source');
  requireObject('The options', options, '{ batch }');
  const { batch } = options;
  checkInteger(batch, 'The batch', 1);
  const { name, inputShape, layers } = validateModelGraph(model);
  const builder = new GraphBuilder(name);
  let value = builder.input('input', { dtype: 'float32', shape: [batch, ...inputShape] });
  for (const layer of layers) value = addLayer(builder, layer, value, weights);
  builder.output(value);
  return builder.finish();
}

function addLayer(builder: GraphBuilder, layer: LayerSpec, input: string, weights: WeightSource): string {
  const { name } = layer;
  switch (layer.kind) {
    case 'dense': {
      const constant = (weight: string, shape: readonly number[]) => {
        return builder.constantFrom(weight, { dtype: 'float32', shape }, () => {
          return loadFloat32Weight(weights, weight, shape);
        });
      };
      const kernel = constant(layer.kernel, [layer.inputSize, layer.units]);
      const bias = layer.bias === null ? null : constant(layer.bias, [layer.units]);
      const activation = layer.activation === 'relu' ? ({ kind: 'relu' } as const) : null;
      const product = { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation } as const;
      return builder.add(product, bias === null ? [input, kernel] : [input, kernel, bias], { name })[0];
    }
    case 'flatten': {
      const [batch, ...sample] = builder.spec(input).shape as [number, ...number[]];
      return builder.add({ kind: 'reshape', shape: [batch, elementCount(sample)] }, [input], { name })[0];
    }
    case 'softmax':
      return builder.add({ kind: 'softmax', log: false }, [input], { name })[0];
  }
}
