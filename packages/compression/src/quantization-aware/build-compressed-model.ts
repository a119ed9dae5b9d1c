import {
  type ActivationQuantization,
  InvalidArgumentError,
  type QuantizationParameters,
  ShapeMismatchError,
} from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import { type KernelKind, kernelOf } from '../model/kernel-weight.ts';
import type { TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import { replaceLayers } from '../post-training/topology-links.ts';
import { scaleLayout } from '../quantization/scale-layout.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { codedProduct } from './coded-product.ts';
import { type KernelProduct, kernelProduct } from './kernel-product.ts';
import {
  callKernelLayer,
  type KernelLayerConfig,
  kernelKindOf,
  kernelVariable,
  type LayerVariable,
  outputChannels,
  stockLayer,
  type TensorflowLayerClass,
  windowSettings,
} from './tensorflow-layers.ts';

/** How a coded layer computes; plain data. */
interface LayerCoding {
  readonly axis: number | null;
  readonly groupSize?: number;
  readonly input: ActivationQuantization | null;
}

/**
 * Makes a LayersModel that computes what integer hardware computes from a compressed model, for measuring its accuracy. Per layer with a coded kernel
 * and coded input:
 *
 * - `code = clamp(roundHalfEven(fround(x / inputScale)) + zeroPoint, 0, 255)`,
 * - `acc[u] = sum (code - zeroPoint) * (kernelCode - kernelZeroPoint)`, exact while every partial sum stays below 2^24 (8 bits: while 255
 *   times the sum of the magnitudes of a channel's codes does),
 * - `y[u] = fround(fround(acc[u] * fround(inputScale * scale[u])) + bias[u])`, then the activation.
 *
 * Layers with float32 inputs, and kernels with a scale per group of rows, multiply with the decoded kernel in float32. The layers have the weight
 * `kernel_scale`, and codes in their kernel; nothing of the model can be trained, and it cannot be saved.
 *
 * @param compressed read only. @returns owned by the caller, who disposes it.
 * @throws InvalidArgumentError for codes of a layer that cannot be coded, ShapeMismatchError where they do not fit the kernel.
 */
export function buildCompressedModel(tf: Tensorflow, compressed: CompressedModel): LayersModel {
  const { topology, codes, inputs } = compressed;
  const classes = new Map<KernelKind, TensorflowLayerClass>();
  const kernels = new Map(
    topology.layers.flatMap((layer) => {
      const kernel = kernelKindOf(layer.className) === null ? null : kernelOf(layer);
      return kernel ? [[kernel.weight.name, kernel] as const] : [];
    }),
  );
  const replacements = new Map<string, TopologyLayer>();
  for (const [name, coded] of codes) {
    const kernel = kernels.get(name);
    if (!kernel) {
      throw new InvalidArgumentError('There are codes for a kernel that cannot be evaluated', {
        expected: [...kernels.keys()],
        actual: name,
      });
    }
    const { kind, layer } = kernel;
    const layerClass = classes.get(kind) ?? defineCodedLayer(tf, kind);
    classes.set(kind, layerClass);
    replacements.set(
      layer.name,
      codeLayer(layer, kernel.weight, coded, layerClass, inputs.get(layer.name) ?? null),
    );
  }
  return buildModel(tf, replaceLayers(topology, replacements));
}

function codeLayer(
  layer: TopologyLayer,
  kernel: TopologyWeight,
  { codes, quantization }: CodedWeight,
  layerClass: TensorflowLayerClass,
  input: ActivationQuantization | null,
): TopologyLayer {
  if (codes.length !== kernel.data.length) {
    throw new ShapeMismatchError(`The codes do not fit "${kernel.name}"`, {
      expected: kernel.data.length,
      actual: codes.length,
    });
  }
  const { axis, groupSize, scales } = quantization;
  const coding: LayerCoding = { axis, ...(groupSize === undefined ? {} : { groupSize }), input };
  const centred = centreCodes(codes, kernelOf(layer)!.outputs, quantization);
  const scale: TopologyWeight = {
    name: `${layer.name}/kernel_scale`,
    role: 'kernel_scale',
    shape: [scales.length],
    data: scales,
    trainable: false,
  };
  const weights = layer.weights.map((weight) => (weight === kernel ? { ...weight, data: centred } : weight));
  const config = { ...layer.config, coding, trainable: false };
  return { ...layer, className: layerClass.className, layerClass, config, weights: [...weights, scale] };
}

/** `code - zeroPoint` as float32. */
function centreCodes(
  codes: Int8Array,
  outputs: number,
  { zeroPoints, axis, groupSize }: QuantizationParameters,
) {
  return Float32Array.from(codes, (code, i) => {
    const group = groupSize === undefined ? 0 : Math.floor(i / outputs / groupSize);
    return code - zeroPoints[axis === null ? 0 : group * outputs + (i % outputs)]!;
  });
}

function defineCodedLayer(tf: Tensorflow, kind: KernelKind): TensorflowLayerClass {
  const { layerClass: Stock, className } = stockLayer(tf, kind);

  class CodedKernelLayer extends Stock {
    static readonly className = `Coded${className}`;
    readonly #coding: LayerCoding;
    #product: KernelProduct | null = null;
    #scale: LayerVariable | null = null;

    constructor({ coding, ...stock }: KernelLayerConfig) {
      super(stock);
      this.#coding = coding as LayerCoding;
    }

    override build(inputShape: readonly (number | null)[]): void {
      super.build(inputShape);
      this.#product = kernelProduct(tf, kind, windowSettings(this));
      const { shape } = kernelVariable(this, kind);
      const size = shape.reduce((product, length) => product * length, 1);
      const outputs = outputChannels(kind, shape);
      const { scaleCount } = scaleLayout(size, [size / outputs, outputs], this.#coding);
      this.#scale = this.addWeight(
        'kernel_scale',
        [scaleCount],
        'float32',
        tf.initializers.ones(),
        null,
        false,
      );
    }

    override call(inputs: Tensor | Tensor[], settings: Readonly<Record<string, unknown>>): Tensor {
      const kernel = kernelVariable(this, kind).read();
      const outputs = outputChannels(kind, kernel.shape);
      return callKernelLayer(tf, this, { kind, outputs, inputs, settings }, (input) => {
        const sums = codedProduct(tf, {
          product: this.#product!,
          input,
          inputQuantization: this.#coding.input,
          inputRange: null,
          kernel,
          outputs,
          makeCodes: () => kernel,
          quantization: this.#parameters(),
          step: null,
          splitGradient: null,
        });
        return this.bias ? tf.add(sums, this.bias.read()) : sums;
      });
    }

    #parameters(): QuantizationParameters {
      const scales = this.#scale!.read().dataSync<'float32'>();
      // The zero points are taken off the codes.
      return { ...this.#coding, bits: 8, symmetric: true, scales, zeroPoints: new Int32Array(scales.length) };
    }
  }
  return CodedKernelLayer as unknown as TensorflowLayerClass;
}
