import { UnsupportedError } from '@qedge/core';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { KernelKind } from '../model/kernel-weight.ts';
import type { TensorflowLayer } from '../model/model-topology.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { WindowSettings } from './kernel-product.ts';

/** A weight of a layer. */
export interface LayerVariable {
  readonly shape: readonly number[];
  read(): Variable;
  write(value: Tensor): unknown;
}

/** An initialiser, regulariser or activation of tfjs, as far as layers hand it on. */
export type TensorflowPart = object;

/** What `Dense`, `Conv2D` and `DepthwiseConv2D` are to layers derived from them; tfjs declares parts of it protected. */
export interface KernelLayer {
  readonly name: string;
  readonly built: boolean;
  /** Of dense and convolution layers. */
  readonly kernel?: LayerVariable;
  /** Of depthwise layers. */
  readonly depthwiseKernel?: LayerVariable;
  readonly bias: LayerVariable | null;
  readonly activation: { apply(x: Tensor): Tensor } | null;
  readonly strides?: readonly [number, number];
  readonly padding?: string;
  readonly dataFormat?: string;
  readonly dilationRate?: readonly [number, number];
  build(inputShape: readonly (number | null)[]): void;
  call(inputs: Tensor | Tensor[], settings: Readonly<Record<string, unknown>>): Tensor;
  getConfig(): Record<string, unknown>;
  invokeCallHook(inputs: Tensor | Tensor[], settings: Readonly<Record<string, unknown>>): void;
  addWeight(
    name: string,
    shape: readonly number[],
    dtype: 'float32',
    initializer: TensorflowPart,
    regularizer?: TensorflowPart | null,
    trainable?: boolean,
  ): LayerVariable;
}

export type KernelLayerConfig = Readonly<Record<string, unknown>>;
export type KernelLayerClass = new (config: KernelLayerConfig) => KernelLayer;

const STOCK_CLASSES = { dense: 'Dense', convolution: 'Conv2D', depthwise: 'DepthwiseConv2D' } as const;

/** The layer kind of a class of tfjs that can be coded, or null. */
export function kernelKindOf(className: string): KernelKind | null {
  for (const [kind, name] of Object.entries(STOCK_CLASSES)) if (name === className) return kind as KernelKind;
  return null;
}

/** `Dense`, `Conv2D` or `DepthwiseConv2D`: `{ className, layerClass }`. */
export function stockLayer(tf: Tensorflow, kind: KernelKind) {
  const className = STOCK_CLASSES[kind];
  const [layerClass] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
  return { className, layerClass: layerClass as unknown as KernelLayerClass };
}

/** What a class must be to be given to functions of tfjs. */
export type TensorflowLayerClass = { new (config: KernelLayerConfig): TensorflowLayer; className: string };

/** @throws UnsupportedError for a convolution that cannot be coded. */
export function windowSettings(layer: KernelLayer): WindowSettings {
  const { strides = [1, 1], padding = 'valid', dataFormat = 'channelsLast', dilationRate = [1, 1] } = layer;
  const isKnown = padding === 'same' || padding === 'valid';
  if (dataFormat === 'channelsLast' && isKnown) return { strides, padding, dilations: dilationRate };
  throw new UnsupportedError(`The layer "${layer.name}" cannot be quantised`, {
    expected: "dataFormat channelsLast, and padding 'same' or 'valid'",
    actual: `${dataFormat}, ${padding}`,
    remedy: 'Leave it out: give null for it in `layers` of the config.',
  });
}

/** One call of a layer. */
export interface LayerCallArguments {
  readonly kind: KernelKind;
  /** Output channels. */
  readonly outputs: number;
  readonly inputs: Tensor | Tensor[];
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What the layers here do around their products: dense inputs of any rank become rows, and the activation is applied. */
export function callKernelLayer(
  tf: Tensorflow,
  layer: KernelLayer,
  { kind, outputs, inputs, settings }: LayerCallArguments,
  multiply: (input: Tensor) => Tensor,
): Tensor {
  return tf.tidy(() => {
    layer.invokeCallHook(inputs, settings);
    const input = Array.isArray(inputs) ? inputs[0]! : inputs;
    const isFlat = kind !== 'dense' || input.rank <= 2;
    const rows = isFlat ? input : tf.reshape(input, [-1, input.shape[input.rank - 1]!]);
    const product = multiply(rows);
    const output = isFlat ? product : tf.reshape(product, [...input.shape.slice(0, -1), outputs]);
    return layer.activation ? layer.activation.apply(output) : output;
  });
}

/** Output channels of a kernel of a shape. */
export function outputChannels(kind: KernelKind, shape: readonly number[]): number {
  return kind === 'depthwise' ? shape[2]! * shape[3]! : shape[shape.length - 1]!;
}

/** The kernel of a layer that was built. */
export function kernelVariable(layer: KernelLayer, kind: KernelKind): LayerVariable {
  return (kind === 'depthwise' ? layer.depthwiseKernel : layer.kernel)!;
}
