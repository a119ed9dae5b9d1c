import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { TfjsWeights } from '@qedge/memory';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;
type SymbolicTensor = import('@tensorflow/tfjs').SymbolicTensor;

/** Strides of the thirteen blocks and the outputs of their pointwise convolutions (Howard et al. 2017, arXiv:1704.04861, table 1). */
const BLOCKS: readonly (readonly [stride: number, outputs: number])[] = [
  [1, 64],
  [2, 128],
  [1, 128],
  [2, 256],
  [1, 256],
  [2, 512],
  [1, 512],
  [1, 512],
  [1, 512],
  [1, 512],
  [1, 512],
  [2, 1024],
  [1, 1024],
];

/**
 * MobileNetV1 as a tfjs LayersModel, from the weights of face-api's face detector: depthwise layers with batch normalisations, the mean over
 * the image at the end. The caller disposes it.
 */
export function buildMobilenet(tf: Tensorflow, weights: TfjsWeights, size: number): LayersModel {
  const input = tf.input({ shape: [size, size, 3], name: 'image' });
  let x = convolution(tf, input, 'Conv2d_0_pointwise', 32, 3, 2);
  for (const [block, [stride, outputs]] of BLOCKS.entries()) {
    x = depthwise(tf, x, `Conv2d_${block + 1}_depthwise`, stride);
    x = convolution(tf, x, `Conv2d_${block + 1}_pointwise`, outputs, 1, 1);
  }
  const features = tf.layers.globalAveragePooling2d({}).apply(x) as SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: features, name: 'MobileNetV1' });
  for (const layer of model.layers) setWeights(tf, layer, weights);
  return model;
}

function convolution(
  tf: Tensorflow,
  x: SymbolicTensor,
  name: string,
  filters: number,
  kernelSize: number,
  strides: number,
) {
  const y = tf.layers.conv2d({ name, filters, kernelSize, strides, padding: 'same' }).apply(x);
  return tf.layers.reLU({ maxValue: 6, name: `${name}_relu6` }).apply(y) as SymbolicTensor;
}

function depthwise(tf: Tensorflow, x: SymbolicTensor, name: string, strides: number): SymbolicTensor {
  const y = tf.layers
    .depthwiseConv2d({ name, kernelSize: 3, strides, padding: 'same', useBias: false })
    .apply(x);
  const normalized = tf.layers.batchNormalization({ name: `${name}_norm`, epsilon: 0.001 }).apply(y);
  return tf.layers.reLU({ maxValue: 6, name: `${name}_relu6` }).apply(normalized) as SymbolicTensor;
}

/** The file's names of the weights of a layer, in the order of the layer. */
function setWeights(tf: Tensorflow, layer: LayersModel['layers'][number], weights: TfjsWeights): void {
  const { name } = layer;
  const names = name.endsWith('_norm')
    ? ['gamma', 'beta', 'moving_mean', 'moving_variance'].map(
        (part) => `${name.slice(0, -5)}/BatchNorm/${part}`,
      )
    : name.endsWith('_depthwise')
      ? [`${name}/depthwise_weights`]
      : layer.weights.length === 2
        ? [`${name}/weights`, `${name}/convolution_bn_offset`]
        : [];
  if (names.length === 0) return;
  const tensors = names.map((each) => {
    const { data, shape } = weights.load(`MobilenetV1/${each}`);
    return tf.tensor(data as Float32Array, [...shape]);
  });
  layer.setWeights(tensors);
  tf.dispose(tensors);
}
