import type { Random } from '@qedge/core';
import type { Tensor, Tensor3D } from '@tensorflow/tfjs';
import type { KernelWeight } from '../model/kernel-weight.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ExpectedInputs } from './correct-bias.ts';
import {
  type ConvolutionWindow,
  gatherPatches,
  type ImageShape,
  patchesPerChannel,
  placesOf,
  windowOf,
} from './gather-patches.ts';
import { type KernelGroups, type OutputError, toGroups } from './rounding-problem.ts';

/** The groups of a kernel: one per channel of a depthwise convolution, else one. */
export function kernelGroups({ kind, weight, rows, outputs }: KernelWeight): KernelGroups {
  const groups = kind === 'depthwise' ? weight.shape[2] : 1;
  return { groups, rows, outputs: outputs / groups };
}

/** What a kernel is multiplied with, in the float32 model and in the compressed one. */
export interface InputPair {
  readonly shape: readonly number[];
  readonly real: Float32Array;
  readonly coded: Float32Array;
}

/** Sums first and second moments of the inputs of a kernel over batches. Dispose of it. */
export class InputMoments {
  readonly #tf: Tensorflow;
  readonly #groups: KernelGroups;
  readonly #window: ConvolutionWindow | null;
  readonly #channels: number;
  readonly #kernel: Tensor3D;
  readonly #order: 1 | 2;
  /** Sums of coded and real inputs; of order 2 also second moments, drift and what is inherited. */
  #sums: Tensor[] = [];
  #count = 0;

  /**
   * @param order 1 for the mean inputs alone, 2 for the error of the outputs too.
   * @throws UnsupportedError for a convolution whose windows are not known.
   */
  constructor(tf: Tensorflow, kernel: KernelWeight, order: 1 | 2) {
    this.#tf = tf;
    this.#order = order;
    this.#groups = kernelGroups(kernel);
    this.#window = kernel.kind === 'dense' ? null : windowOf(kernel.layer);
    this.#channels = kernel.kind === 'dense' ? kernel.rows : kernel.weight.shape.at(-2)!;
    const { groups, rows, outputs } = this.#groups;
    this.#kernel = tf.tensor3d(toGroups(kernel.weight.data, this.#groups), [groups, rows, outputs]);
  }

  /** Takes in the inputs at up to `most` places of the output, one drawn from each of as many equal parts. */
  add(inputs: InputPair, most: number, random: Random): void {
    const [coded, real] = this.#select(inputs, most, random);
    const { groups, rows } = this.#groups;
    const count = coded.length / (groups * rows);
    const tf = this.#tf;
    const sums = tf.tidy(() => {
      const x = tf.tensor3d(coded, [groups, count, rows]);
      const exact = tf.tensor3d(real, [groups, count, rows]);
      const added: Tensor[] = [tf.sum(x, 1), tf.sum(exact, 1)];
      if (this.#order === 2) {
        const drift = tf.matMul(tf.sub<Tensor3D>(x, exact), this.#kernel);
        const second = tf.matMul(x, x, true, false);
        added.push(second, tf.matMul(x, drift, true, false), tf.sum(tf.square(drift), 1));
      }
      return this.#sums.length === 0 ? added : added.map((tensor, at) => tf.add(tensor, this.#sums[at]));
    });
    tf.dispose(this.#sums);
    this.#sums = sums;
    this.#count += count;
  }

  /** The mean inputs. */
  expectedInputs(): ExpectedInputs {
    const [coded, real] = this.#sums.slice(0, 2).map((sum) => this.#mean(sum));
    return { coded, real };
  }

  /**
   * The error that codes make in the outputs, of moments of order 2; with `isCentred` apart from their mean, which a bias can mend.
   *
   * @param damping added to the second moment of each input, relative to their mean: inputs that hardly vary must not leave a weight to chance.
   */
  outputError({
    isCentred,
    damping,
  }: {
    readonly isCentred: boolean;
    readonly damping: number;
  }): OutputError {
    const [second, drift, inherited] = this.#sums.slice(2).map((sum) => this.#mean(sum));
    if (isCentred) this.#centre(second, drift, inherited);
    const { groups, rows } = this.#groups;
    for (let group = 0; group < groups; group++) {
      const diagonal = Array.from({ length: rows }, (_, row) => group * rows * rows + row * (rows + 1));
      const trace = diagonal.reduce((sum, at) => sum + second[at], 0);
      for (const at of diagonal) second[at] += (damping * trace) / rows;
    }
    return {
      ...this.#groups,
      second: Float32Array.from(second),
      drift: Float32Array.from(drift),
      inherited: Float32Array.from(inherited),
    };
  }

  dispose(): void {
    this.#tf.dispose([this.#kernel, ...this.#sums]);
  }

  #mean(sum: Tensor): Float64Array {
    return Float64Array.from(sum.dataSync(), (value) => value / this.#count);
  }

  #centre(second: Float64Array, drift: Float64Array, inherited: Float64Array): void {
    const { groups, rows, outputs } = this.#groups;
    const { coded, real } = this.expectedInputs();
    const kernel = this.#kernel.dataSync();
    for (let group = 0; group < groups; group++) {
      const [first, from] = [group * rows, group * rows * outputs];
      for (let output = 0; output < outputs; output++) {
        let shift = 0;
        for (let row = 0; row < rows; row++) {
          shift += (coded[first + row] - real[first + row]) * kernel[from + row * outputs + output];
        }
        inherited[group * outputs + output] -= shift ** 2;
        for (let row = 0; row < rows; row++)
          drift[from + row * outputs + output] -= coded[first + row] * shift;
      }
      for (let at = 0; at < rows * rows; at++) {
        second[first * rows + at] -= coded[first + Math.floor(at / rows)] * coded[first + (at % rows)];
      }
    }
  }

  /** Coded and real inputs as `[groups, places, rows]`. */
  #select({ shape, coded, real }: InputPair, most: number, random: Random): Float32Array[] {
    const window = this.#window;
    const channels = this.#channels;
    if (!window) {
      const places = drawPlaces(coded.length / channels, most, random);
      return [coded, real].map((values) => selectRows(values, channels, places));
    }
    // A Conv1D sees images of height 1.
    const [height, width] = shape.length === 3 ? [1, shape[1]] : [shape[1], shape[2]];
    const image: ImageShape = [shape[0], height, width, channels];
    const output = placesOf(window, image);
    const places = drawPlaces(shape[0] * output.height * output.width, most, random);
    const taps = window.taps[0] * window.taps[1];
    return [coded, real].map((values) => {
      const patches = gatherPatches(values, image, window, places);
      return this.#groups.groups === 1 ? patches : patchesPerChannel(patches, taps, channels);
    });
  }
}

/** All places, or one from each of `most` equal parts. */
function drawPlaces(count: number, most: number, random: Random): Int32Array {
  if (count <= most) return Int32Array.from({ length: count }, (_, at) => at);
  return Int32Array.from({ length: most }, (_, at) => Math.floor(((at + random.uniform()) * count) / most));
}

function selectRows(values: Float32Array, size: number, places: Int32Array): Float32Array {
  const rows = new Float32Array(places.length * size);
  for (const [at, place] of places.entries()) {
    rows.set(values.subarray(place * size, (place + 1) * size), at * size);
  }
  return rows;
}
