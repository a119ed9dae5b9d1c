import { type ActivationQuantization, InvalidArgumentError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import type { KernelKind } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import { dequantizeTensor } from '../quantization/quantize-tensor.ts';
import { activationQuantization } from '../quantization/range-coding.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { foldedBias, foldKernel, normalizationFactors, weightData } from './folded-weights.ts';
import { kernelCodes, kernelParameters, matrixShape } from './kernel-codes.ts';
import { type QuantizationAwareSettings, quantizationAwareKind } from './quantization-aware-layers.ts';
import { outputChannels, stockLayer } from './tensorflow-layers.ts';

/**
 * Takes the codes out of a model that was trained with them: stock layers whose kernels hold `code * scale`, normalisations folded into kernel and
 * bias, and beside them codes, scales and the coding of each layer's input. The codes are those with which the model predicts, bit for bit.
 *
 * @param prepared by `prepareForQuantizationAwareTraining`; borrowed, and not changed.
 * @throws InvalidArgumentError for a model without quantisation-aware layers, or with one whose inputs are coded but were never followed,
 *   NonFiniteValueError for weights that are NaN or infinite.
 */
export function convertQuantizationAware(tf: Tensorflow, prepared: LayersModel): CompressedModel {
  return convertTopology(tf, readTopology(prepared));
}

/** As {@link convertQuantizationAware}, on the topology of a prepared model. */
function convertTopology(tf: Tensorflow, topology: ModelTopology): CompressedModel {
  const codes = new Map<string, CodedWeight>();
  const inputs = new Map<string, ActivationQuantization>();
  const layers = topology.layers.map((layer) => {
    const kind = quantizationAwareKind(layer.className);
    if (!kind) return layer;
    const converted = convertLayer(tf, layer, kind);
    codes.set(converted.kernelName, converted.coded);
    if (converted.input) inputs.set(layer.name, converted.input);
    return converted.layer;
  });
  if (codes.size === 0) {
    throw new InvalidArgumentError('The model has no quantisation-aware layers', {
      expected: 'a model from prepareForQuantizationAwareTraining',
      actual: [...new Set(topology.layers.map(({ className }) => className))],
    });
  }
  return { topology: { ...topology, layers }, codes, inputs };
}

function convertLayer(tf: Tensorflow, layer: TopologyLayer, kind: KernelKind) {
  const { quantization, normalization, ...config } = layer.config as unknown as QuantizationAwareSettings;
  const role = kind === 'depthwise' ? 'depthwise_kernel' : 'kernel';
  const kernel = layer.weights.find((weight) => weight.role === role)!;
  const outputs = outputChannels(kind, kernel.shape);
  const mask = weightData(layer.weights, 'kernel_mask');
  const step = weightData(layer.weights, 'kernel_step') ?? weightData(layer.weights, 'kernel_log_step');
  const factors = normalization ? normalizationFactors(layer.weights, normalization) : null;
  const folded = factors ? foldKernel(kernel.data, outputs, factors) : kernel.data;
  const masked = mask ? folded.map((value, i) => (mask[i] === 0 ? 0 : value)) : folded;
  const parameters = kernelParameters(masked, outputs, quantization, step);
  const codes = kernelCodes(masked, outputs, parameters, quantization.keepSurvivors);
  const decoded = dequantizeTensor(codes, matrixShape(codes.length, outputs), parameters);
  const bias = factors ? foldedBias(layer.weights, factors) : weightData(layer.weights, 'bias');
  const stock = stockLayer(tf, kind);
  const weights: TopologyWeight[] = [{ ...kernel, data: decoded }];
  if (bias) {
    const { trainable } = kernel;
    weights.push({ name: `${layer.name}/bias`, role: 'bias', shape: [outputs], data: bias, trainable });
  }
  return {
    kernelName: kernel.name,
    coded: { codes, quantization: parameters },
    input: quantization.activationBits === null ? null : inputQuantization(layer),
    layer: { ...layer, ...stock, config: { ...config, useBias: bias !== null }, weights },
  };
}

function inputQuantization(layer: TopologyLayer): ActivationQuantization {
  const [calls, min, max] = weightData(layer.weights, 'quantization_state')! as unknown as [
    number,
    number,
    number,
  ];
  if (calls > 0) return activationQuantization({ min, max });
  throw new InvalidArgumentError(`The inputs of layer "${layer.name}" were never followed`, {
    expected: 'a model that was trained or calibrated since it was prepared',
    actual: 'no range',
    remedy: 'Train the model, or give samples to calibrateQuantizationAware.',
  });
}
