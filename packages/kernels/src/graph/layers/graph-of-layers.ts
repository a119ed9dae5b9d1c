import {
  type DenseLayerSpec,
  elementCount,
  type LayerSpec,
  type ModelGraph,
  type OperatorModel,
  shapesEqual,
  validateModelGraph,
  type WeightSource,
} from '@qedge/core';
import { loadFloat32Weight } from '../../float32-model.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { checkInteger } from '../operators/input-checks.ts';
import type { ValueData } from '../operators/operator-definition.ts';
import { requireObject } from '../require-arguments.ts';

/** Options of {@link graphOfLayers}. */
export interface GraphOfLayersOptions {
  /** Samples per run, 1 or more. */
  readonly batch: number;
  /**
   * Kernels that are stored as codes: `decode` (default) to float32, or `keep` them where the layer says how its input is coded. What is kept is
   * computed on integers, as the model was trained to be.
   */
  readonly codes?: 'decode' | 'keep';
}

/**
 * A linear model as an operator graph: input `input` `[batch, ...inputShape]`, one output `[batch, ...outputShape]`. Weights are loaded from the
 * source when they are needed.
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
  const { batch, codes = 'decode' } = options;
  checkInteger(batch, 'The batch', 1);
  const { name, inputShape, layers } = validateModelGraph(model);
  const builder = new GraphBuilder(name);
  let value = builder.input('input', { dtype: 'float32', shape: [batch, ...inputShape] });
  for (const layer of layers) value = addLayer(builder, layer, value, weights, codes);
  builder.output(value);
  return builder.finish();
}

function addLayer(
  builder: GraphBuilder,
  layer: LayerSpec,
  input: string,
  weights: WeightSource,
  codes: 'decode' | 'keep',
): string {
  const { name } = layer;
  switch (layer.kind) {
    case 'dense':
      return addDense(builder, layer, input, weights, codes);
    case 'flatten': {
      const [batch, ...sample] = builder.spec(input).shape as [number, ...number[]];
      return builder.add({ kind: 'reshape', shape: [batch, elementCount(sample)] }, [input], { name })[0];
    }
    case 'softmax':
      return builder.add({ kind: 'softmax', log: false }, [input], { name })[0];
  }
}

function addDense(
  builder: GraphBuilder,
  layer: DenseLayerSpec,
  input: string,
  weights: WeightSource,
  codes: 'decode' | 'keep',
): string {
  const { name } = layer;
  const constant = (weight: string, shape: readonly number[]) => {
    return builder.constantFrom(weight, { dtype: 'float32', shape }, () => {
      return loadFloat32Weight(weights, weight, shape);
    });
  };
  const shape = [layer.inputSize, layer.units];
  const coded = codes === 'keep' ? addCodedOperands(builder, layer, input, weights) : null;
  const operands = coded ?? [input, constant(layer.kernel, shape)];
  if (layer.bias !== null) operands.push(constant(layer.bias, [layer.units]));
  const activation = layer.activation === 'relu' ? ({ kind: 'relu' } as const) : null;
  const product = { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation } as const;
  return builder.add(product, operands, { name })[0];
}

/** The input of a dense layer as codes and back, and its kernel decoded; null where the file does not say how. */
function addCodedOperands(
  builder: GraphBuilder,
  { name, kernel, inputSize, units, inputQuantization }: DenseLayerSpec,
  input: string,
  weights: WeightSource,
): string[] | null {
  const { quantization, dtype, shape } = weights.spec(kernel);
  if (!inputQuantization || !quantization || quantization.groupSize !== undefined) return null;
  if ((dtype !== 'int8' && dtype !== 'uint8') || !shapesEqual(shape, [inputSize, units])) return null;
  const Codes = dtype === 'int8' ? Int8Array : Uint8Array;
  const number = (label: string, value: ValueData) => builder.constant(`${name}/${label}`, value);
  const parameters = [
    number('input scale', { dtype: 'float32', shape: [], data: Float32Array.of(inputQuantization.scale) }),
    number('input zero point', {
      ...{ dtype: 'uint8', shape: [], data: Uint8Array.of(inputQuantization.zeroPoint) },
    }),
  ] as const;
  const { axis, scales, zeroPoints } = quantization;
  const channels = axis === null ? [] : [scales.length];
  const [codes] = builder.add({ kind: 'quantize', axis: null, dtype: 'uint8' }, [input, ...parameters], {
    name: `${name}/input encode`,
  });
  const [decodedInput] = builder.add({ kind: 'dequantize', axis: null }, [codes, ...parameters], {
    name: `${name}/input decode`,
  });
  const operands = [
    builder.constantFrom(kernel, { dtype, shape }, () => weights.load(kernel).data as ValueData['data']),
    number('scale', { dtype: 'float32', shape: channels, data: scales }),
    number('zero point', { dtype, shape: channels, data: Codes.from(zeroPoints) }),
  ];
  const [decodedKernel] = builder.add({ kind: 'dequantize', axis }, operands, {
    name: `${name}/kernel decode`,
  });
  return [decodedInput, decodedKernel];
}
