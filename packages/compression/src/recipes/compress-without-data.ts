import { InvalidArgumentError } from '@qedge/core';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import { kernelOf } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';
import { requireCodesForZeros } from '../post-training/post-training-options.ts';
import { maskBySparsity } from '../pruning/sparsity-masks.ts';
import { kernelValues, magnitudeScores } from '../pruning/weight-scores.ts';
import { computeQuantizationParameters } from '../quantization/quantization-parameters.ts';
import { dequantizeTensor, quantizeTensor } from '../quantization/quantize-tensor.ts';

/** What {@link compressWithoutData} does to the kernels. */
export interface DataFreeCompression {
  /** Bits per weight, 1..8. */
  readonly bits: number;
  /** Fraction of all kernel weights that are removed, 0..1; those of the least magnitude. */
  readonly sparsity: number;
}

/**
 * Removes the smallest weights of all kernels and rounds the others to codes with a scale per output channel, where there are no data to train with
 * or to measure by. Inputs of layers stay float32. Nothing is known of the accuracy that is left; above some 50 % zeros expect it to suffer.
 *
 * @throws InvalidArgumentError for bits or a sparsity out of range and for kernels with zeros at 1 bit, NonFiniteValueError for weights that are NaN or infinite.
 */
export function compressWithoutData(
  topology: ModelTopology,
  { bits, sparsity }: DataFreeCompression,
): CompressedModel {
  if (bits === 1 && sparsity > 0) {
    throw new InvalidArgumentError('Weights of 1 bit cannot be removed', {
      expected: '2 bits or more, or a sparsity of 0: 1 bit has no code for 0',
      actual: { bits, sparsity },
    });
  }
  const masks = maskBySparsity(magnitudeScores(kernelValues(topology)), { sparsity, scope: 'global' });
  const codes = new Map<string, CodedWeight>();
  const layers = topology.layers.map((layer) => codeLayer(layer, bits, masks, codes));
  return { topology: { ...topology, layers }, codes, inputs: new Map() };
}

function codeLayer(
  layer: TopologyLayer,
  bits: number,
  masks: ReadonlyMap<string, Uint8Array>,
  codes: Map<string, CodedWeight>,
): TopologyLayer {
  const kernel = kernelOf(layer);
  if (!kernel) return layer;
  requireCodesForZeros(kernel, bits);
  const { weight, rows, outputs } = kernel;
  const mask = masks.get(weight.name)!;
  const shape = [rows, outputs];
  const kept = weight.data.map((value, at) => (mask[at] ? value : 0));
  const coding = { bits, symmetric: true, axis: 1, method: 'mse' } as const;
  const quantization = computeQuantizationParameters(kept, shape, coding);
  const coded = { codes: quantizeTensor(kept, shape, quantization), quantization };
  codes.set(weight.name, coded);
  const data = dequantizeTensor(coded.codes, shape, quantization);
  return {
    ...layer,
    weights: layer.weights.map((each) => (each === weight ? { ...each, data } : each)),
  };
}
