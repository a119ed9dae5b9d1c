/**
 * @file Small networks with batch normalisation for 28 x 28 digits, on which compression is measured. Inputs `[28, 28, 1]`, ten logits out,
 * no bias before a normalisation. Equal seeds give equal first weights. `tf` is the TensorFlow.js module; the caller disposes of the model.
 */

/** The moving statistics settle within an epoch of about a hundred steps. */
const NORM = { momentum: 0.9, epsilon: 1e-3 };

/** Adds convolution blocks to a graph, each layer with a seed of its own (tfjs takes seed 0 as "any"). */
function blockBuilder(tf, seed) {
  let layer = 0;
  const initializer = (fanIn) =>
    tf.initializers.truncatedNormal({
      mean: 0,
      stddev: Math.sqrt(2 / fanIn),
      seed: 1 + 1000 * seed + layer++,
    });

  function normalize(name, tensor, relu) {
    const norm = tf.layers.batchNormalization({ name: `${name}_norm`, ...NORM }).apply(tensor);
    return relu ? tf.layers.reLU({ name: `${name}_relu` }).apply(norm) : norm;
  }
  return {
    initializer,
    convolution(name, tensor, { filters, kernelSize = 3, strides = 1, relu = true }) {
      const kernelInitializer = initializer(kernelSize ** 2 * tensor.shape[3]);
      const settings = {
        name,
        filters,
        kernelSize,
        strides,
        padding: 'same',
        useBias: false,
        kernelInitializer,
      };
      return normalize(name, tf.layers.conv2d(settings).apply(tensor), relu);
    },
    depthwise(name, tensor, { strides = 1 } = {}) {
      const depthwiseInitializer = initializer(9);
      const settings = {
        name,
        kernelSize: 3,
        strides,
        padding: 'same',
        useBias: false,
        depthwiseInitializer,
      };
      return normalize(name, tf.layers.depthwiseConv2d(settings).apply(tensor), true);
    },
    logits(tensor) {
      const pooled = tf.layers.globalAveragePooling2d({ name: 'pool' }).apply(tensor);
      const kernelInitializer = initializer(2 * pooled.shape[1]);
      return tf.layers.dense({ name: 'logits', units: 10, kernelInitializer }).apply(pooled);
    },
  };
}

/**
 * A convolution and three depthwise-separable blocks (as MobileNet v1), 16 to 64 channels, global average pooling, logits: 250,224
 * multiply-accumulates, 9,610 parameters of which 576 are moving statistics.
 */
export function depthwiseDigitsNetwork(tf, seed) {
  const build = blockBuilder(tf, seed);
  const input = tf.input({ shape: [28, 28, 1], name: 'image' });
  let x = build.convolution('stem', input, { filters: 16, strides: 2 });
  x = build.convolution('point_1', build.depthwise('depth_1', x, { strides: 2 }), {
    filters: 32,
    kernelSize: 1,
  });
  x = build.convolution('point_2', build.depthwise('depth_2', x), { filters: 64, kernelSize: 1 });
  x = build.convolution('point_3', build.depthwise('depth_3', x, { strides: 2 }), {
    filters: 64,
    kernelSize: 1,
  });
  return tf.model({ inputs: input, outputs: build.logits(x), name: 'depthwise_digits' });
}

/**
 * A stem and three residual blocks of two convolutions (as ResNet), 8, 16 and 32 channels, the last two with a 1 x 1 shortcut of stride 2,
 * global average pooling, logits: 645,216 multiply-accumulates, 20,146 parameters of which 336 are moving statistics.
 */
export function residualDigitsNetwork(tf, seed) {
  const build = blockBuilder(tf, seed);
  const input = tf.input({ shape: [28, 28, 1], name: 'image' });
  let x = build.convolution('stem', input, { filters: 8, strides: 2 });
  for (const [at, filters] of [8, 16, 32].entries()) {
    const name = `block_${at + 1}`;
    const strides = at === 0 ? 1 : 2;
    const shortcut =
      at === 0
        ? x
        : build.convolution(`${name}_shortcut`, x, { filters, kernelSize: 1, strides, relu: false });
    x = build.convolution(`${name}_a`, x, { filters, strides });
    x = build.convolution(`${name}_b`, x, { filters, relu: false });
    x = tf.layers
      .reLU({ name: `${name}_relu` })
      .apply(tf.layers.add({ name: `${name}_add` }).apply([x, shortcut]));
  }
  return tf.model({ inputs: input, outputs: build.logits(x), name: 'residual_digits' });
}
