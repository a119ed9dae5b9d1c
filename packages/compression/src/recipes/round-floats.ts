import { NonFiniteValueError } from '@qedge/core';
import { asLayerChain } from '../export/layer-chain.ts';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import { kernelOf } from '../model/kernel-weight.ts';
import type { TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import { codesOfVector, roundToCodedVector } from '../quantization/coded-vector.ts';
import { roundToHalf } from '../quantization/half-precision.ts';
import { dequantizeTensor } from '../quantization/quantize-tensor.ts';
import type { FileSettings } from './compression-recipe.ts';

/** The least scale that half precision holds: scales are never 0. */
const LEAST_HALF = 2 ** -24;

/**
 * The model as a file with these settings holds it.
 * @throws NonFiniteValueError for a number beyond half precision (65,504).
 */
export function roundFloats(model: CompressedModel, { floats }: FileSettings): CompressedModel {
  if (floats === 'float32') return model;
  // Operator graphs hold no codes of biases, and what was rounded to codes is no half float.
  const hasCodedBiases = floats === 'float16-int8' && asLayerChain(model) !== null;
  return roundToHalfPrecision(hasCodedBiases ? roundBiases(model) : model);
}

function roundBiases(model: CompressedModel): CompressedModel {
  const layers = model.topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) =>
      weight.role === 'bias' ? { ...weight, data: roundToCodedVector(weight.data) } : weight,
    ),
  }));
  return { ...model, topology: { ...model.topology, layers } };
}

/**
 * Rounds everything that has no codes to half precision: scales, biases (but those that 8-bit codes hold already), factors of normalisations, kernels
 * without codes. The codes stay, and
 * coded kernels hold what they stand for with the rounded scales, so that the model computes with what a small file stores.
 *
 * @throws NonFiniteValueError for a number beyond half precision (65,504).
 */
export function roundToHalfPrecision(model: CompressedModel): CompressedModel {
  const codes = new Map<string, CodedWeight>();
  for (const [name, coded] of model.codes) {
    const scales = roundAll(name, coded.quantization.scales).map((scale) => Math.max(scale, LEAST_HALF));
    codes.set(name, { ...coded, quantization: { ...coded.quantization, scales } });
  }
  const layers = model.topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => roundWeight(layer, weight, codes.get(weight.name))),
  }));
  return { topology: { ...model.topology, layers }, codes, inputs: model.inputs };
}

function roundWeight(
  layer: TopologyLayer,
  weight: TopologyWeight,
  coded: CodedWeight | undefined,
): TopologyWeight {
  if (!coded) {
    const isHeld = weight.role === 'bias' && codesOfVector(weight.data) !== null;
    return isHeld ? weight : { ...weight, data: roundAll(weight.name, weight.data) };
  }
  const { rows, outputs } = kernelOf(layer)!;
  return { ...weight, data: dequantizeTensor(coded.codes, [rows, outputs], coded.quantization) };
}

function roundAll(name: string, values: Float32Array): Float32Array {
  const rounded = values.map(roundToHalf);
  const broken = rounded.findIndex((value) => !Number.isFinite(value));
  if (broken < 0) return rounded;
  throw new NonFiniteValueError(`"${name}" does not fit half precision`, {
    expected: 'numbers up to 65,504',
    actual: `${values[broken]} at index ${broken}`,
    remedy: 'Write the file with float32.',
  });
}
