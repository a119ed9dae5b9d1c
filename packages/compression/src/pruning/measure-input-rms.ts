import { InvalidArgumentError, NonFiniteValueError, UnsupportedError } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import type { TensorflowLayer } from '../model/model-topology.ts';
import { nameWeights, readTopology } from '../model/read-topology.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { sumWindowEnergy, type WindowGeometry } from './window-energy.ts';

/** Samples that run through the model at once. */
const SAMPLES_AT_ONCE = 256;

/** What the rows of one kernel have met so far. */
interface RowEnergy {
  readonly kernel: KernelWeight;
  sums: Float64Array;
  count: number;
}

/**
 * Measures what the kernels of a model multiply: the root mean square of the input that meets each row, over the samples and over the places
 * of a convolution. For `activationScores`.
 *
 * While it runs, the `call` of the layers that have kernels is replaced by one that measures; it is put back before this returns.
 *
 * @param samples one tensor for each input of the model, the batch first; borrowed. A few hundred samples are enough.
 * @returns per kernel name one number for each index of the kernel apart from its last axis: dense `[inputs]`, convolution
 *   `[height * width * inputs]` (each tap of the window by itself, since taps at the border meet the padding), depthwise
 *   `[height * width * channels]`.
 * @throws InvalidArgumentError without samples, UnsupportedError for channels before pixels or another padding than `same` and `valid`,
 *   NonFiniteValueError when the model computes NaN or infinity, whatever tfjs throws for samples that do not fit.
 */
export function measureInputRms(
  tf: Tensorflow,
  model: LayersModel,
  samples: Tensor | readonly Tensor[],
): Map<string, Float32Array> {
  const inputs = Array.isArray(samples) ? (samples as readonly Tensor[]) : [samples as Tensor];
  const count = inputs[0]?.shape[0] ?? 0;
  if (count < 1) {
    throw new InvalidArgumentError('Activation statistics need samples', {
      expected: 'at least one sample',
      actual: count,
    });
  }
  const measured = watchedLayers(model);
  const restore = Array.from(measured, ([layer, energies]) => watchCalls(tf, layer, energies));
  try {
    for (let start = 0; start < count; start += SAMPLES_AT_ONCE) {
      const rows = Math.min(SAMPLES_AT_ONCE, count - start);
      tf.tidy(() => {
        const part = inputs.map((tensor) => tf.slice(tensor, start, rows));
        model.predictOnBatch(part.length === 1 ? part[0]! : part);
      });
    }
  } finally {
    for (const undo of restore) undo();
  }
  return new Map(
    [...measured.values()].flat().map((energy) => [energy.kernel.weight.name, rootMean(energy)]),
  );
}

/** The layers of a model that have kernels. */
function watchedLayers(model: LayersModel): Map<TensorflowLayer, RowEnergy[]> {
  const living = new Map(nameWeights(model).map(({ name, layer }) => [name, layer]));
  const watched = new Map<TensorflowLayer, RowEnergy[]>();
  for (const kernel of listKernels(readTopology(model))) {
    windowOf(kernel);
    const layer = living.get(kernel.weight.name)!;
    const energies = watched.get(layer) ?? [];
    energies.push({ kernel, sums: new Float64Array(0), count: 0 });
    watched.set(layer, energies);
  }
  return watched;
}

/** Measures the input of each call of a layer. @returns what ends it. */
function watchCalls(tf: Tensorflow, layer: TensorflowLayer, energies: readonly RowEnergy[]): () => void {
  const own = Object.getOwnPropertyDescriptor(layer, 'call');
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => {
    const input = Array.isArray(inputs) ? inputs[0]! : inputs;
    const energy = tf.tidy(() => tf.sum(tf.square(input), 0));
    const values = energy.dataSync<'float32'>();
    energy.dispose();
    for (const row of energies) addEnergy(row, values, input.shape);
    return call(inputs, kwargs);
  };
  return () => {
    if (own) Object.defineProperty(layer, 'call', own);
    else Reflect.deleteProperty(layer, 'call');
  };
}

/** @param energy sums of squares over the samples of a call; `shape` with the batch. */
function addEnergy(row: RowEnergy, energy: Float32Array, shape: readonly number[]): void {
  const window = windowOf(row.kernel);
  const channels = shape[shape.length - 1]!;
  const picture: [number, number, number] = window
    ? [shape.length === 4 ? shape[1]! : 1, shape[shape.length - 2]!, channels]
    : [1, energy.length / channels, channels];
  const everywhere: WindowGeometry = { size: [1, 1], strides: [1, 1], dilations: [1, 1], padding: 'valid' };
  const { sums, places } = sumWindowEnergy(energy, picture, window ?? everywhere);
  row.sums = row.sums.length === 0 ? sums : row.sums.map((sum, at) => sum + sums[at]!);
  row.count += places * shape[0]!;
}

function rootMean({ kernel, sums, count }: RowEnergy): Float32Array {
  const rms = Float32Array.from(sums, (sum) => Math.sqrt(sum / count));
  if (rms.every(Number.isFinite)) return rms;
  throw new NonFiniteValueError(`The input of "${kernel.layer.name}" cannot be measured`, {
    expected: 'finite numbers',
    actual: 'NaN or infinity',
  });
}

/** How a kernel moves, or null for a dense one. @throws UnsupportedError */
function windowOf({ kind, layer, weight }: KernelWeight): WindowGeometry | null {
  if (kind === 'dense') return null;
  const { dataFormat, padding, strides, dilationRate } = layer.config as {
    readonly dataFormat?: string;
    readonly padding?: string;
    readonly strides?: number | readonly number[];
    readonly dilationRate?: number | readonly number[];
  };
  if (dataFormat === 'channelsFirst' || (padding !== 'same' && padding !== 'valid')) {
    throw new UnsupportedError(`The input of "${layer.name}" cannot be measured`, {
      expected: 'channels last, padding same or valid',
      actual: { dataFormat, padding },
      facts: { layer: layer.name, className: layer.className },
    });
  }
  const spatial = weight.shape.slice(0, -2);
  return {
    size: spatial.length === 2 ? [spatial[0]!, spatial[1]!] : [1, spatial[0]!],
    strides: bothAxes(strides),
    dilations: bothAxes(dilationRate),
    padding,
  };
}

function bothAxes(setting: number | readonly number[] | undefined): [number, number] {
  const list = typeof setting === 'number' ? [setting, setting] : (setting ?? [1, 1]);
  return list.length === 2 ? [list[0]!, list[1]!] : [1, list[0]!];
}
