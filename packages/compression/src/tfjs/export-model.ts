import {
  type DenseLayerSpec,
  InvalidArgumentError,
  type ModelGraph,
  type StoredTensor,
  validateModelGraph,
} from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { QuantizedClassifier } from '../quantized-classifier.ts';
import { readDenseNetwork } from './dense-classifier.ts';

/** What an exported model is called. */
export interface ExportOptions {
  readonly name: string;
  /** One per class; optional. */
  readonly labels?: readonly string[];
}

/** A model as plain data: what a file holds and what a device compiles. */
export interface ExportedModel {
  readonly graph: ModelGraph;
  /** `<layer>/kernel` and `<layer>/bias` of each layer, first to last; owned by the receiver. */
  readonly tensors: readonly StoredTensor[];
}

/**
 * Copies a tfjs classifier into a model graph with float32 tensors. Pruned weights are exact zeros in it.
 * @throws UnsupportedError for a model that is not a stack of dense layers, InvalidArgumentError for labels that do not fit.
 */
export function exportFloatModel(model: LayersModel, options: ExportOptions): ExportedModel {
  const layers = readDenseNetwork(model).map((layer) => ({
    spec: { ...layer, inputQuantization: null },
    kernel: floatTensor(`${layer.name}/kernel`, [layer.inputSize, layer.units], layer.kernel),
    bias: layer.bias,
  }));
  return assemble(layers, options);
}

/**
 * Copies a quantised classifier into a model graph with `int8` codes (one per weight, whatever the bits), their parameters,
 * float32 biases and the coding of every layer's input. The codes are those that evaluation uses; pruned weights have code 0.
 *
 * @throws InvalidArgumentError for labels that do not fit.
 */
export function exportQuantizedModel(quantized: QuantizedClassifier, options: ExportOptions): ExportedModel {
  const layers = quantized.layers.map((layer) => ({
    spec: layer,
    kernel: {
      name: `${layer.name}/kernel`,
      dtype: 'int8' as const,
      shape: [layer.inputSize, layer.units],
      data: layer.codes.slice(),
      quantization: {
        ...layer.quantization,
        scales: layer.quantization.scales.slice(),
        zeroPoints: layer.quantization.zeroPoints.slice(),
      },
    },
    bias: layer.bias,
  }));
  return assemble(layers, options);
}

interface ExportedLayer {
  readonly spec: Pick<DenseLayerSpec, 'name' | 'inputSize' | 'units' | 'activation' | 'inputQuantization'>;
  readonly kernel: StoredTensor;
  readonly bias: Float32Array | null;
}

function assemble(layers: readonly ExportedLayer[], { name, labels }: ExportOptions): ExportedModel {
  const [first, last] = [layers[0].spec, layers[layers.length - 1].spec];
  if (labels && labels.length !== last.units) {
    throw new InvalidArgumentError('The labels do not fit the model', {
      expected: `${last.units} labels`,
      actual: labels.length,
    });
  }
  const graph: ModelGraph = {
    format: 'qedge-model-graph',
    version: 1,
    name,
    inputShape: [first.inputSize],
    outputShape: [last.units],
    layers: layers.map(({ spec, kernel, bias }) => ({
      kind: 'dense',
      name: spec.name,
      inputSize: spec.inputSize,
      units: spec.units,
      activation: spec.activation,
      kernel: kernel.name,
      bias: bias ? `${spec.name}/bias` : null,
      inputQuantization: spec.inputQuantization,
    })),
    ...(labels ? { labels } : {}),
  };
  const tensors = layers.flatMap(({ spec, kernel, bias }) =>
    bias ? [kernel, floatTensor(`${spec.name}/bias`, [spec.units], bias.slice())] : [kernel],
  );
  return { graph: validateModelGraph(graph), tensors };
}

function floatTensor(name: string, shape: readonly number[], data: Float32Array): StoredTensor {
  return { name, dtype: 'float32', shape, data };
}
