import type { Shape } from '@qedge/core';
import type { layers } from '@tensorflow/tfjs';

/** A layer of TensorFlow.js. */
export type TensorflowLayer = layers.Layer;

/** A tensor between layers: what call number `call` of layer `layer` puts out as its output number `output`. */
export interface TensorReference {
  /** The name of a {@link TopologyLayer}. */
  readonly layer: string;
  readonly call: number;
  readonly output: number;
}

/** One use of a layer. A layer that is shared has several. */
export interface LayerCall {
  /** Empty for an `InputLayer`. */
  readonly inputs: readonly TensorReference[];
  /** Per output, its shape without the batch; `null` where a size is open. */
  readonly outputShapes: readonly (readonly (number | null)[])[];
}

/** A weight of a layer as an array of its own. */
export interface TopologyWeight {
  /** Unique in the model: `<layer>/<weight>`, as `dense_1/kernel`. */
  readonly name: string;
  /** The last part of the name: `kernel`, `bias`, `depthwise_kernel`, `gamma`, `moving_mean`, ... */
  readonly role: string;
  readonly shape: Shape;
  /** Row-major, owned by the topology. */
  readonly data: Float32Array;
  /** False for the moving statistics of batch normalisation, and for weights of layers that are frozen. */
  readonly trainable: boolean;
}

/** A layer with its settings and weights, apart from any tfjs object. */
export interface TopologyLayer {
  /** Unique in the model. A layer of a nested model is `<nested model>/<layer>`. */
  readonly name: string;
  /** As tfjs registers it: `Dense`, `Conv2D`, `DepthwiseConv2D`, `BatchNormalization`, `Add`, ... */
  readonly className: string;
  /** What makes the layer again: `layerClass.fromConfig(layerClass, config)`. */
  readonly layerClass: unknown;
  /** As `layer.getConfig()` gives it, in camel case; `name` is {@link name}. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly calls: readonly LayerCall[];
  /** In the order of `layer.getWeights()`. */
  readonly weights: readonly TopologyWeight[];
}

/**
 * A LayersModel as data: a flat graph of layers with their weights. Sequential models are chains, nested models are inlined (their layers are
 * renamed `outer/inner`), shared layers have several calls. Transformations make new topologies and never write into old ones; unchanged layers
 * and arrays may be shared between them.
 */
export interface ModelTopology {
  readonly name: string;
  /** In an order in which each call comes after those that it reads (a shared layer stands where its first call does). */
  readonly layers: readonly TopologyLayer[];
  /** Outputs of `InputLayer`s, in the model's order. */
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
}
