import { InvalidArgumentError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import { kernelOf } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import { activationOf } from '../post-training/channel-scaling.ts';
import { bypassLayer, replaceLayers, TopologyLinks } from '../post-training/topology-links.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { NormalizationSettings } from './folded-normalization.ts';
import { foldKernel, normalizationFactors } from './folded-weights.ts';
import { initialStep } from './kernel-step.ts';
import {
  type KernelGranularity,
  type KernelStep,
  type LayerQuantization,
  validateLayerQuantization,
} from './layer-quantization.ts';
import { quantizationAwareClass } from './quantization-aware-layers.ts';
import { kernelKindOf } from './tensorflow-layers.ts';

/** How layers are quantised. */
export interface LayerQuantizationChoice {
  /** Bits per weight, 1..8; 2 is ternary, 1 is -1 and +1. */
  readonly bits: number;
  /** Default `channel`. */
  readonly granularity?: KernelGranularity;
  /** Default `learned` at 2 bits, whose three codes the largest magnitude spaces too widely; else `range`. */
  readonly step?: KernelStep;
  /** Weights that are not exactly 0 get a code that is not 0; default false. */
  readonly keepSurvivors?: boolean;
  /** Bits of the inputs: 8 by default, or null for float32. */
  readonly activationBits?: 8 | null;
}

/** What {@link prepareForQuantizationAwareTraining} is to do. */
export interface QuantizationAwareConfig extends LayerQuantizationChoice {
  /** By layer name (`outer/inner` in nested models), what differs there; null leaves a layer as it is. */
  readonly layers?: Readonly<Record<string, Partial<LayerQuantizationChoice> | null>>;
  /** By weight name (`dense_1/kernel`), 0 where a weight is 0 and stays 0 whatever trains the model. */
  readonly masks?: ReadonlyMap<string, Uint8Array>;
  /** Folds a batch normalisation into the layer before it where possible; default true. */
  readonly foldNormalization?: boolean;
  /** Weight of the past in the moving average of input ranges; default 0.99. */
  readonly rangeDecay?: number;
  /** Training calls in float32 before coding begins; default 0. */
  readonly startAfter?: number;
  /** Training calls after which input ranges stay as they are, so that weights can settle on them; null, the default: never. */
  readonly freezeAfter?: number | null;
}

/**
 * Makes a model that computes with codes while it is trained: every `Dense`, `Conv2D` and `DepthwiseConv2D` becomes the quantisation-aware layer of
 * the same name and weights; other layers stay. Sequential, functional and nested models, shared layers.
 *
 * The layer names stay, so that weights of the prepared model have the names of the given one. It trains like any model; a learned step
 * is a trainable weight. `convertQuantizationAware` makes the codes of it.
 *
 * @param model borrowed, and not changed. @returns owned by the caller, who disposes it.
 * @throws InvalidArgumentError for settings that are impossible or name layers or weights that are not there, ShapeMismatchError for a mask that does
 *   not fit, UnsupportedError for a model without such layers or with one that cannot be coded.
 * @example
 * const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 4 });
 * await trainModel(tf, prepared, data, options);
 * const compressed = convertQuantizationAware(tf, prepared);
 */
export function prepareForQuantizationAwareTraining(
  tf: Tensorflow,
  model: LayersModel,
  config: QuantizationAwareConfig,
): LayersModel {
  return buildModel(tf, prepareTopology(tf, readTopology(model), config));
}

/** As {@link prepareForQuantizationAwareTraining}, on topologies. */
export function prepareTopology(
  tf: Tensorflow,
  topology: ModelTopology,
  config: QuantizationAwareConfig,
): ModelTopology {
  const chosen = topology.layers.filter(
    (layer) => kernelKindOf(layer.className) !== null && config.layers?.[layer.name] !== null,
  );
  validateNames(topology, chosen, config);
  let prepared = topology;
  for (const { name } of chosen) {
    // What was folded before may have changed what the layer reads.
    const layer = prepared.layers.find((each) => each.name === name)!;
    const normalization = config.foldNormalization === false ? null : findNormalization(prepared, layer);
    const replacement = prepareLayer(tf, layer, normalization, config);
    prepared = replaceLayers(prepared, new Map([[name, replacement]]));
    if (normalization) prepared = bypassLayer(prepared, normalization.name);
  }
  return prepared;
}

function validateNames(
  topology: ModelTopology,
  chosen: readonly TopologyLayer[],
  { layers = {}, masks = new Map() }: QuantizationAwareConfig,
): void {
  if (chosen.length === 0) {
    throw new UnsupportedError('Nothing of the model can be quantised', {
      expected: 'Dense, Conv2D or DepthwiseConv2D layers',
      actual: [...new Set(topology.layers.map(({ className }) => className))],
    });
  }
  const known = topology.layers.filter(({ className }) => kernelKindOf(className) !== null);
  const unknown = Object.keys(layers).find((name) => !known.some((layer) => layer.name === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError('The config names a layer that cannot be quantised', {
      expected: known.map(({ name }) => name),
      actual: unknown,
    });
  }
  const kernels = new Map(chosen.map((layer) => [kernelOf(layer)!.weight.name, kernelOf(layer)!.weight]));
  for (const [name, mask] of masks) {
    const weight = kernels.get(name);
    if (!weight) {
      throw new InvalidArgumentError('There is a mask for a weight that is not quantised', {
        expected: [...kernels.keys()],
        actual: name,
      });
    }
    if (mask.length === weight.data.length) continue;
    throw new ShapeMismatchError(`The mask does not fit "${name}"`, {
      expected: weight.data.length,
      actual: mask.length,
    });
  }
}

function layerQuantization(layer: TopologyLayer, config: QuantizationAwareConfig): LayerQuantization {
  const choice = { ...config, ...config.layers?.[layer.name] };
  const quantization: LayerQuantization = {
    bits: choice.bits,
    granularity: choice.granularity ?? 'channel',
    step: choice.step ?? (choice.bits === 2 ? 'learned' : 'range'),
    keepSurvivors: choice.keepSurvivors ?? false,
    activationBits: choice.activationBits === undefined ? 8 : choice.activationBits,
    rangeDecay: config.rangeDecay ?? 0.99,
    startAfter: config.startAfter ?? 0,
    freezeAfter: config.freezeAfter ?? null,
    isMasked: config.masks?.has(kernelOf(layer)!.weight.name) ?? false,
  };
  validateLayerQuantization(quantization, layer.name);
  return quantization;
}

/** The layer with its weights, in the order in which the quantisation-aware layer has them. */
function prepareLayer(
  tf: Tensorflow,
  layer: TopologyLayer,
  normalization: TopologyLayer | null,
  config: QuantizationAwareConfig,
): TopologyLayer {
  const { kind, weight: kernel, outputs } = kernelOf(layer)!;
  const quantization = layerQuantization(layer, config);
  const mask = config.masks?.get(kernel.name);
  const masked = mask
    ? { ...kernel, data: kernel.data.map((value, i) => (mask[i] === 0 ? 0 : value)) }
    : kernel;
  const stock = layer.weights.map((weight) => (weight === kernel ? masked : weight));
  const taken = (normalization?.weights ?? []).map((weight) => ({
    ...weight,
    name: `${layer.name}/${weight.role}`,
  }));
  const extra = (
    role: string,
    shape: readonly number[],
    data: Float32Array,
    trainable: boolean,
  ): TopologyWeight => ({
    name: `${layer.name}/${role}`,
    role,
    shape,
    data,
    trainable,
  });
  const settings = normalization ? normalizationSettings(normalization) : null;
  const trained = [...stock, ...taken.filter(({ role }) => role === 'gamma' || role === 'beta')];
  const kept = taken.filter(({ role }) => role.startsWith('moving_'));
  if (quantization.step !== 'range') {
    const coded = settings
      ? foldKernel(masked.data, outputs, normalizationFactors(taken, settings))
      : masked.data;
    const step = initialStep(coded, outputs, quantization);
    const role = quantization.step === 'learned' ? 'kernel_step' : 'kernel_log_step';
    trained.push(extra(role, [step.length], step, kernel.trainable));
  }
  if (mask) kept.push(extra('kernel_mask', kernel.shape, Float32Array.from(mask, Math.sign), false));
  kept.push(extra('quantization_state', [3], new Float32Array(3), false));
  const layerClass = quantizationAwareClass(tf, kind);
  return {
    ...layer,
    className: layerClass.className,
    layerClass,
    config: { ...layer.config, quantization, normalization: settings },
    weights: [...trained, ...kept],
  };
}

/** What a folded normalisation would lose. */
const PENALTIES = ['gammaRegularizer', 'betaRegularizer', 'gammaConstraint', 'betaConstraint'];

/** The batch normalisation that alone reads a linear layer and is frozen as this is, or null. */
function findNormalization(topology: ModelTopology, layer: TopologyLayer): TopologyLayer | null {
  const links = new TopologyLinks(topology);
  const use = links.onlyUseOf(layer);
  if (use?.layer.className !== 'BatchNormalization' || use.layer.calls.length !== 1) return null;
  const { axis = -1, ...settings } = use.layer.config;
  const isPlain = PENALTIES.every((key) => (settings[key] ?? null) === null);
  const rank = use.layer.calls[0]!.outputShapes[0]!.length + 1;
  const isLastAxis = axis === -1 || axis === rank - 1;
  // A layer is trained as a whole or not at all.
  const isFrozenAlike = isFrozen(use.layer) === isFrozen(layer);
  return isPlain && isLastAxis && isFrozenAlike && activationOf(layer) === 'linear' ? use.layer : null;
}

function isFrozen({ config }: TopologyLayer): boolean {
  return config.trainable === false;
}

function normalizationSettings({ config, weights }: TopologyLayer): NormalizationSettings {
  return {
    epsilon: Number(config.epsilon ?? 1e-3),
    momentum: Number(config.momentum ?? 0.99),
    scale: weights.some(({ role }) => role === 'gamma'),
    center: weights.some(({ role }) => role === 'beta'),
  };
}
