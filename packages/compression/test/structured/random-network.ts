import { Random } from '@qedge/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import type { ModelTopology, TensorflowLayer } from '../../src/model/model-topology.ts';
import type { Tensorflow } from '../../src/tfjs.ts';

/** Activations that keep 0 at 0. */
const ACTIVATIONS = ['linear', 'relu', 'tanh', 'elu'] as const;
const SIDE = 4;

/**
 * Grows a network from a list of choices: chains, branches that are added, multiplied or concatenated, depthwise and separable convolutions, shared
 * layers, nested models, flatten and reshape. Equal choices give equal networks; shorter lists give smaller ones.
 */
export class RandomNetwork {
  readonly #tf: Tensorflow;
  readonly #choices: readonly number[];
  readonly #shared = new Map<number, TensorflowLayer>();
  #next = 0;
  #names = 0;

  constructor(tf: Tensorflow, choices: readonly number[]) {
    this.#tf = tf;
    this.#choices = choices;
  }

  build(): LayersModel {
    const input = this.#tf.input({ shape: [SIDE, SIDE, 2], name: 'image' });
    let images = [this.#convolution(input), this.#convolution(input)];
    while (this.#next < this.#choices.length) images = this.#grow(images);
    const outputs = [this.#head(images[0]!)];
    if (this.#choose(3) === 0) outputs.push(this.#convolution(images[1]!));
    return this.#tf.model({ inputs: input, outputs, name: 'random' });
  }

  #choose(count: number): number {
    const choice = this.#choices[this.#next++] ?? 0;
    return choice % count;
  }

  #name(kind: string): { name: string } {
    return { name: `${kind}_${this.#names++}` };
  }

  #grow(images: readonly SymbolicTensor[]): SymbolicTensor[] {
    const { layers } = this.#tf;
    const [left, right] = images as [SymbolicTensor, SymbolicTensor];
    const steps: (() => SymbolicTensor)[] = [
      () => this.#convolution(left),
      () => this.#apply(layers.batchNormalization(this.#name('norm')), left),
      () => this.#depthwise(left),
      () => this.#separable(left),
      () => this.#slopes(left),
      () => this.#merge(left, right),
      () => this.#apply(layers.concatenate(this.#name('concat')), [left, right]),
      () => this.#gate(left),
      () => this.#sharedConvolution(left),
      () => this.#window(left),
      () => this.#nested(left),
      () => this.#throughShapes(left),
    ];
    const grown = steps[this.#choose(steps.length)]!();
    return this.#choose(2) === 0 ? [grown, right] : [right, grown];
  }

  #apply(layer: TensorflowLayer, input: SymbolicTensor | SymbolicTensor[]): SymbolicTensor {
    return layer.apply(input) as SymbolicTensor;
  }

  #settings() {
    return {
      filters: 1 + this.#choose(5),
      kernelSize: 1 + this.#choose(3),
      activation: ACTIVATIONS[this.#choose(4)]!,
      useBias: this.#choose(2) === 0,
      padding: 'same' as const,
    };
  }

  #convolution(input: SymbolicTensor): SymbolicTensor {
    return this.#apply(this.#tf.layers.conv2d({ ...this.#name('conv'), ...this.#settings() }), input);
  }

  #separable(input: SymbolicTensor): SymbolicTensor {
    return this.#apply(
      this.#tf.layers.separableConv2d({ ...this.#name('separable'), ...this.#settings() }),
      input,
    );
  }

  #depthwise(input: SymbolicTensor): SymbolicTensor {
    const { filters: _, ...settings } = this.#settings();
    const depthMultiplier = 1 + this.#choose(2);
    const layer = this.#tf.layers.depthwiseConv2d({
      ...this.#name('depthwise'),
      ...settings,
      depthMultiplier,
    });
    return this.#apply(layer, input);
  }

  #slopes(input: SymbolicTensor): SymbolicTensor {
    const sharedAxes = [undefined, [1, 2], [1, 2, 3]][this.#choose(3)];
    return this.#apply(
      this.#tf.layers.prelu({ ...this.#name('prelu'), ...(sharedAxes ? { sharedAxes } : {}) }),
      input,
    );
  }

  #merge(left: SymbolicTensor, right: SymbolicTensor): SymbolicTensor {
    const { layers } = this.#tf;
    const filters = left.shape[3]!;
    const match = layers.conv2d({ ...this.#name('match'), filters, kernelSize: 1, padding: 'same' });
    const makers = [layers.add, layers.multiply, layers.average, layers.maximum, layers.minimum];
    const merge = makers[this.#choose(makers.length)]!(this.#name('merge'));
    return this.#apply(merge, [left, this.#apply(match, right), left]);
  }

  /** Squeeze and excitation: a factor per channel. */
  #gate(input: SymbolicTensor): SymbolicTensor {
    const { layers } = this.#tf;
    const channels = input.shape[3]!;
    const pooled = this.#apply(layers.globalAveragePooling2d(this.#name('squeeze') as never), input);
    const narrow = this.#apply(
      layers.dense({ ...this.#name('narrow'), units: 3, activation: 'relu' }),
      pooled,
    );
    const wide = this.#apply(layers.dense({ ...this.#name('wide'), units: channels }), narrow);
    const factors = this.#apply(
      layers.reshape({ ...this.#name('factors'), targetShape: [1, 1, channels] }),
      wide,
    );
    return this.#apply(layers.multiply(this.#name('gate')), [input, factors]);
  }

  /** One layer in several places: its inputs are tied to each other, and so are its outputs. */
  #sharedConvolution(input: SymbolicTensor): SymbolicTensor {
    const channels = input.shape[3]!;
    const known = this.#shared.get(channels);
    const layer = known ?? this.#tf.layers.conv2d({ ...this.#name('shared'), filters: 3, kernelSize: 1 });
    this.#shared.set(channels, layer);
    return this.#apply(layer, input);
  }

  /** Layers that keep channels and, together, the size of the image. */
  #window(input: SymbolicTensor): SymbolicTensor {
    const { layers } = this.#tf;
    if (this.#choose(2) === 0) {
      const pooled = this.#apply(layers.maxPooling2d({ ...this.#name('pool'), poolSize: 2 }), input);
      return this.#apply(layers.upSampling2d({ ...this.#name('up'), size: [2, 2] }), pooled);
    }
    const padded = this.#apply(layers.zeroPadding2d({ ...this.#name('pad'), padding: 1 }), input);
    return this.#apply(layers.averagePooling2d({ ...this.#name('pool'), poolSize: 3, strides: 1 }), padded);
  }

  #nested(input: SymbolicTensor): SymbolicTensor {
    const { layers } = this.#tf;
    const inner = this.#tf.sequential(this.#name('inner'));
    const inputShape = input.shape.slice(1) as number[];
    inner.add(layers.conv2d({ ...this.#name('conv'), filters: 4, kernelSize: 1, inputShape }));
    inner.add(layers.batchNormalization(this.#name('norm')));
    inner.add(layers.leakyReLU(this.#name('leaky')));
    return inner.apply(input) as SymbolicTensor;
  }

  /** Shapes that split and join positions, back to an image. */
  #throughShapes(input: SymbolicTensor): SymbolicTensor {
    const { layers } = this.#tf;
    const channels = input.shape[3]!;
    const shapes = [
      [SIDE * SIDE, channels],
      [SIDE, SIDE * channels],
      [SIDE * SIDE * channels],
      [-1, channels],
    ];
    const targetShape = shapes[this.#choose(shapes.length)]!;
    const through = this.#apply(layers.reshape({ ...this.#name('reshape'), targetShape }), input);
    const settings = { ...this.#name('back'), targetShape: [SIDE, SIDE, channels] };
    return this.#apply(layers.reshape(settings), through);
  }

  #head(input: SymbolicTensor): SymbolicTensor {
    const { layers } = this.#tf;
    const flat = this.#choose(2) === 0;
    const features = flat
      ? this.#apply(layers.flatten(this.#name('flat') as never), input)
      : this.#apply(layers.globalMaxPooling2d(this.#name('global') as never), input);
    const hidden = this.#apply(
      layers.dense({ ...this.#name('hidden'), units: 5, activation: 'relu' }),
      features,
    );
    return this.#apply(layers.dense({ ...this.#name('logits'), units: 3, activation: 'softmax' }), hidden);
  }
}

/** The same network with random numbers in every weight; variances are positive. */
export function randomizeWeights(topology: ModelTopology, seed: number): ModelTopology {
  const random = new Random(seed);
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => {
      const spread = weight.role.endsWith('kernel')
        ? Math.sqrt(3 / Math.max(1, weight.data.length / weight.shape.at(-1)!))
        : 0.5;
      const draw = () =>
        weight.role === 'moving_variance' ? 0.5 + random.uniform() : spread * random.normal();
      return { ...weight, data: Float32Array.from(weight.data, draw) };
    }),
  }));
  return { ...topology, layers };
}
