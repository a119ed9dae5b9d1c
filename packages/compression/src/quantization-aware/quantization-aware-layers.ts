import type { Tensor } from '@tensorflow/tfjs';
import type { KernelKind } from '../model/kernel-weight.ts';
import { findExtremes } from '../quantization/finite-values.ts';
import { averageRanges } from '../quantization/moving-average-observer.ts';
import { activationQuantization } from '../quantization/range-coding.ts';
import { viewTensor } from '../tfjs/tensor-view.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { codedProduct } from './coded-product.ts';
import { FoldedNormalization, type NormalizationSettings } from './folded-normalization.ts';
import { kernelScaleCount } from './kernel-codes.ts';
import { type KernelProduct, kernelProduct } from './kernel-product.ts';
import { splitTensorGradient, tensorCodes, tensorParameters } from './kernel-tensors.ts';
import { type LayerQuantization, validateLayerQuantization } from './layer-quantization.ts';
import {
  callKernelLayer,
  type KernelLayerConfig,
  kernelVariable,
  type LayerVariable,
  outputChannels,
  stockLayer,
  type TensorflowLayerClass,
  windowSettings,
} from './tensorflow-layers.ts';

/** Layers that compute with codes while they are trained. Their configs are those of tfjs with {@link QuantizationAwareSettings} added. */
export interface QuantizationAwareLayers {
  readonly QuantizationAwareDense: TensorflowLayerClass;
  readonly QuantizationAwareConv2D: TensorflowLayerClass;
  readonly QuantizationAwareDepthwiseConv2D: TensorflowLayerClass;
}

/** What a quantisation-aware layer's config has beside that of the stock layer. */
export interface QuantizationAwareSettings {
  readonly quantization: LayerQuantization;
  /** A batch normalisation that is folded into the kernel; needs a linear activation of this layer. null or absent: none. */
  readonly normalization?: NormalizationSettings | null;
}

/** What functions of this package use of such a layer. */
export interface QuantizationAwareLayer {
  readonly name: string;
  readonly quantization: LayerQuantization;
  readonly normalization: NormalizationSettings | null;
  /** While true, every call follows the range of the inputs as a training call does. */
  isCalibrating: boolean;
}

const CLASS_NAMES = {
  dense: 'QuantizationAwareDense',
  convolution: 'QuantizationAwareConv2D',
  depthwise: 'QuantizationAwareDepthwiseConv2D',
} as const;

const made = new WeakMap<object, QuantizationAwareLayers>();

/**
 * The layer classes for a tfjs module; the same ones in every call. They are registered nowhere: see {@link registerQuantizationAwareLayers}.
 *
 * Weights beside those of the stock layer: `kernel_step` or `kernel_log_step` (trainable, where steps are learned), `gamma`, `beta`,
 * `moving_mean`, `moving_variance` (where a normalisation is folded), `kernel_mask`, and `quantization_state`: the number of training
 * calls, then the smallest and largest input.
 *
 * While the layer has followed no input yet, inputs pass as float32; otherwise predictions are those of the codes. The layers read tensors
 * synchronously, which the `webgpu` backend cannot.
 */
export function quantizationAwareLayers(tf: Tensorflow): QuantizationAwareLayers {
  const known = made.get(tf.serialization.SerializationMap.getMap());
  if (known) return known;
  const layers = {
    QuantizationAwareDense: defineLayer(tf, 'dense'),
    QuantizationAwareConv2D: defineLayer(tf, 'convolution'),
    QuantizationAwareDepthwiseConv2D: defineLayer(tf, 'depthwise'),
  };
  made.set(tf.serialization.SerializationMap.getMap(), layers);
  return layers;
}

/** Lets `tf.loadLayersModel` make the layers again from saved models. Further calls do nothing. */
export function registerQuantizationAwareLayers(tf: Tensorflow): void {
  for (const layerClass of Object.values(quantizationAwareLayers(tf))) {
    tf.serialization.registerClass(layerClass);
  }
}

/** The class that stands for a kind of layer. */
export function quantizationAwareClass(tf: Tensorflow, kind: KernelKind): TensorflowLayerClass {
  return quantizationAwareLayers(tf)[CLASS_NAMES[kind]];
}

/** The kind of layer that a class stands for, or null for other classes. */
export function quantizationAwareKind(className: string): KernelKind | null {
  const found = Object.entries(CLASS_NAMES).find(([, name]) => name === className);
  return found ? (found[0] as KernelKind) : null;
}

function defineLayer(tf: Tensorflow, kind: KernelKind): TensorflowLayerClass {
  const { layerClass: Stock } = stockLayer(tf, kind);

  class QuantizationAwareKernelLayer extends Stock implements QuantizationAwareLayer {
    static readonly className = CLASS_NAMES[kind];
    readonly quantization: LayerQuantization;
    readonly normalization: NormalizationSettings | null;
    isCalibrating = false;
    #product: KernelProduct | null = null;
    #outputs = 0;
    #step: LayerVariable | null = null;
    #mask: LayerVariable | null = null;
    #state: LayerVariable | null = null;
    #folded: FoldedNormalization | null = null;

    constructor(config: KernelLayerConfig) {
      const { quantization, normalization, ...stock } = config as KernelLayerConfig &
        QuantizationAwareSettings;
      super(stock);
      validateLayerQuantization(quantization, this.name);
      this.quantization = { ...quantization };
      this.normalization = normalization ? { ...normalization } : null;
    }

    override build(inputShape: readonly (number | null)[]): void {
      super.build(inputShape);
      this.#product = kernelProduct(tf, kind, windowSettings(this));
      const { shape } = kernelVariable(this, kind);
      const size = shape.reduce((product, length) => product * length, 1);
      this.#outputs = outputChannels(kind, shape);
      const { step, isMasked } = this.quantization;
      const [zeros, ones] = [tf.initializers.zeros(), tf.initializers.ones()];
      if (this.normalization) {
        this.#folded = new FoldedNormalization(tf, this, this.#outputs, this.normalization);
      }
      if (step !== 'range') {
        const count = kernelScaleCount(size / this.#outputs, this.#outputs, this.quantization);
        const [name, initializer] = step === 'learned' ? ['kernel_step', ones] : ['kernel_log_step', zeros];
        this.#step = this.addWeight(name as string, [count], 'float32', initializer as object, null, true);
      }
      if (isMasked) this.#mask = this.addWeight('kernel_mask', shape, 'float32', ones, null, false);
      this.#state = this.addWeight('quantization_state', [3], 'float32', zeros, null, false);
    }

    override call(inputs: Tensor | Tensor[], settings: Readonly<Record<string, unknown>>): Tensor {
      const isTraining = settings.training === true;
      return callKernelLayer(tf, this, { kind, outputs: this.#outputs, inputs, settings }, (input) =>
        this.#multiply(input, isTraining),
      );
    }

    override getConfig(): Record<string, unknown> {
      return { ...super.getConfig(), quantization: this.quantization, normalization: this.normalization };
    }

    /** Product, bias and folded normalisation. */
    #multiply(input: Tensor, isTraining: boolean): Tensor {
      const bias = this.bias ? this.bias.read() : null;
      const variable: Tensor = kernelVariable(this, kind).read();
      if (!this.#folded) {
        const sums = this.#sums(input, variable, isTraining);
        return bias ? tf.add(sums, bias) : sums;
      }
      const factor = this.#folded.factor();
      const shaped = kind === 'depthwise' ? tf.reshape(factor, variable.shape.slice(2)) : factor;
      const sums = this.#sums(input, tf.mul(variable, shaped), isTraining);
      return isTraining
        ? this.#folded.normalizeBatch(sums, factor, bias)
        : tf.add(sums, this.#folded.shift(factor, bias));
    }

    #sums(input: Tensor, kernel: Tensor, isTraining: boolean): Tensor {
      const { quantization } = this;
      const outputs = this.#outputs;
      const { range, inputRange, calls } = this.#followInput(input, isTraining);
      const masked = this.#masked(kernel);
      const isCoding = !isTraining || calls > quantization.startAfter;
      if (!isCoding) return this.#product!.multiply(input, masked);
      const step = this.#step ? this.#step.read() : null;
      const steps = step ? step.dataSync<'float32'>() : null;
      const parameters = tensorParameters(tf, masked, outputs, quantization, steps);
      const codeSettings = { keepSurvivors: quantization.keepSurvivors, isCovered: step === null };
      return codedProduct(tf, {
        product: this.#product!,
        input,
        inputQuantization: range ? activationQuantization(range) : null,
        inputRange,
        kernel: masked,
        outputs,
        makeCodes: () => tensorCodes(tf, masked, outputs, parameters, codeSettings),
        quantization: parameters,
        step,
        splitGradient: step ? (gradients) => splitTensorGradient(tf, gradients, quantization) : null,
      });
    }

    #masked(kernel: Tensor): Tensor {
      return this.#mask ? tf.mul(kernel, this.#mask.read()) : kernel;
    }

    /** Counts a training call and follows the range of its input. */
    #followInput(input: Tensor, isTraining: boolean) {
      const { activationBits, freezeAfter, rangeDecay } = this.quantization;
      const [calls, min, max] = this.#state!.read().dataSync<'float32'>() as unknown as [
        number,
        number,
        number,
      ];
      const isFollowed = isTraining || this.isCalibrating;
      const known = calls > 0 && activationBits !== null ? { min, max } : null;
      if (!isFollowed) return { range: known, inputRange: null, calls };
      if (activationBits === null || (freezeAfter !== null && calls >= freezeAfter)) {
        this.#writeState(calls + 1, { min, max });
        return { range: known, inputRange: null, calls: calls + 1 };
      }
      const now = findExtremes(viewTensor(tf, input));
      const range = known ? averageRanges(known, now, rangeDecay) : now;
      this.#writeState(calls + 1, range);
      const kept = { min: Math.fround(range.min), max: Math.fround(range.max) };
      return { range: kept, inputRange: now, calls: calls + 1 };
    }

    #writeState(calls: number, { min, max }: { readonly min: number; readonly max: number }): void {
      this.#state!.write(tf.tensor1d([calls, min, max]));
    }
  }
  return QuantizationAwareKernelLayer as unknown as TensorflowLayerClass;
}
