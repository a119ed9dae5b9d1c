import {
  InvalidArgumentError,
  type ModelGraph,
  type StoredTensor,
  UnsupportedError,
  validateModelGraph,
} from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { asLayerChain } from '../export/layer-chain.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import { readTopology } from '../model/read-topology.ts';

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
 * @throws UnsupportedError for a model that is not a chain of dense layers, InvalidArgumentError for labels that do not fit.
 */
export function exportFloatModel(model: LayersModel, options: ExportOptions): ExportedModel {
  return exportQuantizedModel(uncoded(model), options);
}

/**
 * Copies a compressed classifier into a model graph with `int8` codes (one per weight, whatever the bits), their parameters,
 * float32 biases and the coding of every layer's input. The codes are those that evaluation uses; pruned weights have code 0.
 *
 * @throws as {@link exportFloatModel}.
 */
export function exportQuantizedModel(
  compressed: CompressedModel,
  { name, labels }: ExportOptions,
): ExportedModel {
  const chain = asLayerChain(compressed);
  if (chain === null) {
    throw new UnsupportedError('The model is more than a chain of dense layers', {
      expected: 'dense layers with relu or linear activation, flatten and softmax, one behind the other',
      actual: compressed.topology.layers.map(({ className }) => className).join(', '),
      remedy: 'Export it as an operator graph: toOperatorModel of @qedge/compression/export.',
    });
  }
  const [classes] = chain.outputShape;
  if (labels && labels.length !== classes) {
    throw new InvalidArgumentError('The labels do not fit the model', {
      expected: `${classes} labels`,
      actual: labels.length,
    });
  }
  const graph = { ...chain, name, ...(labels ? { labels } : {}) };
  return { graph: validateModelGraph(graph), tensors: tensorsOf(compressed) };
}

function uncoded(model: LayersModel): CompressedModel {
  return { topology: readTopology(model), codes: new Map(), inputs: new Map() };
}

function tensorsOf({ topology, codes }: CompressedModel): StoredTensor[] {
  return topology.layers.flatMap(({ weights }) =>
    weights.map(({ name, shape, data }): StoredTensor => {
      const coded = codes.get(name);
      if (!coded) return { name, dtype: 'float32', shape, data: data.slice() };
      const { quantization } = coded;
      const [scales, zeroPoints] = [quantization.scales.slice(), quantization.zeroPoints.slice()];
      return {
        ...{ name, dtype: 'int8', shape, data: coded.codes.slice() },
        quantization: { ...quantization, scales, zeroPoints },
      };
    }),
  );
}
