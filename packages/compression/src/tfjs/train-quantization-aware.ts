import type { LayersModel, Tensor2D } from '@tensorflow/tfjs';
import type { DenseNetwork } from '../dense-network.ts';
import { codeRange } from '../quantization/code-range.ts';
import { MovingAverageObserver } from '../quantization/moving-average-observer.ts';
import { activationQuantization } from '../quantization/range-coding.ts';
import { type QuantizedClassifier, quantizeKernel, quantizeNetwork } from '../quantized-classifier.ts';
import {
  type ClassificationData,
  takeEvenly,
  validateClassificationData,
} from '../training/classification-data.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { readDenseNetwork } from './dense-classifier.ts';
import { measureAccuracy, quantizedLogits } from './evaluate-classifier.ts';
import { applyMasks, trainInPlace } from './fit-classifier.ts';
import { forwardPass, uploadNetwork } from './forward-pass.ts';
import { quantizedProduct, uploadIntegerKernel } from './quantized-product.ts';
import type { Tensorflow } from './tensorflow.ts';
import { type TrainingOptions, trainNetwork } from './training-loop.ts';

/** Options of {@link trainQuantizationAware}. */
export interface QuantizationAwareOptions extends TrainingOptions {
  /** Bits per weight, 2..8. Activations have 8. */
  readonly bits: number;
  /** As from `pruneGradually`: where it is 0, the weight is exactly 0 and so is its code. */
  readonly masks?: readonly Uint8Array[];
}

/** What {@link trainQuantizationAware} made. */
export interface QuantizationAwareResult {
  readonly quantized: QuantizedClassifier;
  readonly history: TrainingHistory;
}

/** Weight of the past in the moving average of activation ranges. */
const RANGE_DECAY = 0.99;
/** Fraction of the steps after which the activation ranges stay as they are, so that the weights can settle on them. */
const RANGE_FREEZE = 0.5;
const CALIBRATION_SAMPLES = 512;

/**
 * Trains a classifier in place with the arithmetic of its integer version in the forward pass: weights symmetric per output
 * unit, activations 8-bit with moving-average ranges that start from a calibration on up to 512 samples; straight-through
 * gradients (Jacob et al. 2018, arXiv:1712.05877). With `epochs: 0` it is post-training quantisation.
 *
 * The codes returned are those of the last forward pass's rule on the final weights, which stay in `model` as float32.
 *
 * @throws as `fitClassifier`, and InvalidArgumentError for an impossible number of bits.
 */
export async function trainQuantizationAware(
  tf: Tensorflow,
  model: LayersModel,
  data: ClassificationData,
  options: QuantizationAwareOptions,
): Promise<QuantizationAwareResult> {
  const { bits } = options;
  codeRange(bits, true);
  const network = readDenseNetwork(model);
  const masks = options.masks ?? network.map(() => null);
  applyMasks(network, masks);
  const classes = network[network.length - 1].units;
  validateClassificationData(data, network[0].inputSize, classes, 'The training data');
  const ranges = calibrateRanges(tf, network, data);
  const inputs = () => ranges.map((observer) => activationQuantization(observer.range()));
  const history = await trainInPlace(tf, model, network, () =>
    trainNetwork(tf, network, data, options, {
      phase: `quantising to ${bits} bits`,
      masks: () => masks,
      prepareStep: (progress) => prepareStep(tf, network, bits, ranges, progress >= RANGE_FREEZE),
      measure: (samples) => {
        const quantized = quantizeNetwork(network, bits, inputs());
        return measureAccuracy(quantizedLogits(tf, quantized, samples.features, samples.count), samples);
      },
    }),
  );
  return { quantized: quantizeNetwork(network, bits, inputs()), history };
}

function prepareStep(
  tf: Tensorflow,
  network: DenseNetwork,
  bits: number,
  ranges: readonly MovingAverageObserver[],
  frozen: boolean,
) {
  const integers = network.map(({ kernel, inputSize, units }) => {
    const { codes, quantization } = quantizeKernel(kernel, inputSize, units, bits);
    return uploadIntegerKernel(tf, codes, quantization);
  });
  return {
    multiply(layer: number, x: Tensor2D, kernel: Tensor2D): Tensor2D {
      const inputQuantization = activationQuantization(ranges[layer].range());
      return quantizedProduct(tf, x, kernel, integers[layer], inputQuantization, layer > 0);
    },
    ...(frozen ? {} : { onInput: (layer: number, x: Tensor2D) => observe(tf, ranges[layer], x) }),
  };
}

function observe(tf: Tensorflow, range: MovingAverageObserver, x: Tensor2D): void {
  tf.tidy(() => range.observeRange({ min: tf.min(x).dataSync()[0], max: tf.max(x).dataSync()[0] }));
}

function calibrateRanges(
  tf: Tensorflow,
  network: DenseNetwork,
  data: ClassificationData,
): MovingAverageObserver[] {
  const ranges = network.map(() => new MovingAverageObserver(RANGE_DECAY));
  const { features, count } = takeEvenly(data, CALIBRATION_SAMPLES);
  tf.tidy(() => {
    const input = tf.tensor2d(features, [count, network[0].inputSize]);
    forwardPass(tf, network, uploadNetwork(tf, network), input, undefined, (layer, x) =>
      observe(tf, ranges[layer], x),
    );
  });
  return ranges;
}
