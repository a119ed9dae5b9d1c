import { InvalidArgumentError, NonFiniteValueError, throwIfCancelled } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import type { CalibrationData } from '../post-training/calibration-data.ts';
import { foldBatchNormalization } from '../post-training/fold-batch-normalization.ts';
import type { KernelCoding, PostTrainingOptions } from '../post-training/post-training-options.ts';
import { quantizeAfterTraining } from '../post-training/quantize-after-training.ts';
import { buildCompressedModel } from '../quantization-aware/build-compressed-model.ts';
import { countMacs } from '../report/count-macs.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { LayerBitWidths } from './bit-width-choice.ts';

/** Judges a model; larger is worse, as a loss or an error rate. The model is borrowed. */
export type ModelJudge = (model: LayersModel) => number | Promise<number>;

/** Settings of {@link measureSensitivity}. */
export interface SensitivityOptions {
  /** The widths to try for each layer, 1..8. */
  readonly bits: readonly number[];
  readonly judge: ModelJudge;
  /** How everything is coded but for the widths; its layers that are null stay in float32. */
  readonly quantization?: PostTrainingOptions;
}

/** How much worse a model gets by coding one layer, for each layer and width. */
export interface LayerSensitivity {
  /** What the judge said of the float32 model. */
  readonly baseline: number;
  /** In the order of the data; the losses are differences from the baseline. */
  readonly layers: readonly LayerBitWidths[];
}

/**
 * Codes one layer at a time, all others in float32, and asks how much worse the model gets: `layers * widths` quantisations and judgements, so a
 * few hundred samples for both will do. Bytes are those of packed codes and float32 scales; operations are multiply-accumulates of one sample times the bits of
 * the weights.
 *
 * @throws as `quantizeAfterTraining` and `countMacs`; InvalidArgumentError for no widths, NonFiniteValueError when the judge gives no number.
 */
export async function measureSensitivity(
  tf: Tensorflow,
  model: LayersModel | ModelTopology,
  calibration: CalibrationData,
  { bits, judge, quantization = {} }: SensitivityOptions,
): Promise<LayerSensitivity> {
  const widths = [...new Set(bits)].sort((a, b) => b - a);
  if (widths.length === 0) {
    throw new InvalidArgumentError('Sensitivity needs bit widths', {
      expected: 'at least one',
      actual: bits,
    });
  }
  const topology = foldAsAsked(model, quantization);
  const macs = countMacs(topology).byLayer;
  const own = quantization.layers ?? {};
  const kernels = listKernels(topology).filter(({ layer }) => own[layer.name] !== null);
  const baseline = await judgeBuilt(buildModel(tf, topology), judge);
  const layers: LayerBitWidths[] = [];
  for (const kernel of kernels) {
    const { name } = kernel.layer;
    const options = [];
    for (const width of widths) {
      throwIfCancelled(quantization.signal, 'Measuring sensitivity');
      const settings = onlyLayer(kernels, name, { ...own[name], bits: width }, quantization);
      const { compressed } = await quantizeAfterTraining(tf, topology, calibration, settings);
      const judged = await judgeBuilt(buildCompressedModel(tf, compressed), judge);
      const bytes = codedBytes(compressed, kernel);
      options.push({ bits: width, loss: judged - baseline, bytes, macBits: (macs.get(name) ?? 0) * width });
    }
    layers.push({ layer: name, options });
    const [done, total] = [layers.length, kernels.length];
    quantization.onProgress?.({ phase: 'sensitivity', done, total, message: name });
  }
  return { baseline, layers };
}

/** A model as it will be coded. */
export function foldAsAsked(
  model: LayersModel | ModelTopology,
  { foldsNormalization = true }: PostTrainingOptions,
): ModelTopology {
  const topology = 'predict' in model ? readTopology(model) : model;
  return foldsNormalization ? foldBatchNormalization(topology).topology : topology;
}

/** @param built disposed of. */
export async function judgeBuilt(built: LayersModel, judge: ModelJudge): Promise<number> {
  try {
    const value = await judge(built);
    if (Number.isFinite(value)) return value;
    throw new NonFiniteValueError('A model was not judged by a number', {
      expected: 'a finite number',
      actual: value,
    });
  } finally {
    built.dispose();
  }
}

function onlyLayer(
  kernels: readonly KernelWeight[],
  name: string,
  coding: Partial<KernelCoding>,
  { onProgress: _, ...quantization }: PostTrainingOptions,
): PostTrainingOptions {
  const others = kernels.map(({ layer }) => [layer.name, layer.name === name ? coding : null] as const);
  return { ...quantization, layers: { ...quantization.layers, ...Object.fromEntries(others) } };
}

function codedBytes({ codes }: CompressedModel, { weight }: KernelWeight): number {
  const { codes: values, quantization } = codes.get(weight.name)!;
  return Math.ceil((values.length * quantization.bits) / 8) + 4 * quantization.scales.length;
}
