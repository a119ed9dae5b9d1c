import { type ActivationQuantization, type ProgressListener, Random, throwIfCancelled } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import type { KernelWeight } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import { widenConvolutions } from '../model/widen-convolutions.ts';
import { createRangeObserver } from '../quantization/create-range-observer.ts';
import { dequantizeTensor } from '../quantization/quantize-tensor.ts';
import { activationQuantization } from '../quantization/range-coding.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { type CalibrationData, checkCalibrationData } from './calibration-data.ts';
import {
  type ActivationPair,
  CalibrationPass,
  type CodedLayerValues,
  decodedActivations,
  type SignalAndNoise,
  signalAndNoise,
} from './calibration-pass.ts';
import { biasOf, withBias, withWeightData } from './channel-scaling.ts';
import { codeKernelWeights } from './code-kernel-weights.ts';
import { correctBias } from './correct-bias.ts';
import { type CrossLayerEqualization, equalizeAcrossLayers } from './equalize-across-layers.ts';
import { type BatchNormalizationFolding, foldBatchNormalization } from './fold-batch-normalization.ts';
import { InputMoments, kernelGroups } from './input-moments.ts';
import {
  type KernelCoding,
  type PostTrainingOptions,
  type ResolvedOptions,
  resolveOptions,
} from './post-training-options.ts';
import { replaceLayers } from './topology-links.ts';

/** How well the codes of one layer stand for its numbers. */
export interface CodedLayerReport {
  readonly layer: string;
  readonly coding: KernelCoding;
  /** Signal to quantisation noise of the kernel in decibels: `10 log10(sum w^2 / sum (w - coded)^2)`; infinite without noise. */
  readonly weightSqnr: number;
  /**
   * Likewise of what the layer puts out (after its own activation), against the float32 model, on the calibration data, with all layers before it
   * coded too.
   */
  readonly outputSqnr: number;
  /** By what adaptive rounding multiplied the squared error that nearest rounding makes in the outputs; null where it was not asked for. */
  readonly roundingGain: number | null;
}

/** What {@link quantizeAfterTraining} made. */
export interface PostTrainingResult {
  readonly compressed: CompressedModel;
  /** The float32 model as its kernels were coded: normalisations folded, ranges equalised. */
  readonly reference: ModelTopology;
  /** In the order of the data. */
  readonly layers: readonly CodedLayerReport[];
  /** Which normalisations were folded; null when it was not asked for. */
  readonly folding: Omit<BatchNormalizationFolding, 'topology'> | null;
  /** Which ranges were equalised; null when it was not asked for. */
  readonly equalization: Omit<CrossLayerEqualization, 'topology'> | null;
}

/**
 * Codes a trained model as integers without training: folds batch normalisations, equalises ranges across layers where asked for, then goes through
 * the model from its inputs: observes the range of each layer's inputs, codes its kernel (to the nearest codes, or adaptively), and corrects its
 * bias, always for the inputs that the coded layers before it give. Dense, Conv1D, Conv2D and DepthwiseConv2D kernels are coded; other layers stay
 * in float32. A Conv1D becomes the Conv2D over images of height 1 that it is, of the same name, between two layers that reshape.
 *
 * @param model borrowed and not changed, or its topology.
 * @param calibration some hundred typical inputs; labels are not needed.
 * @throws before any work InvalidArgumentError, ShapeMismatchError, NonFiniteValueError for settings, data or weights that do not fit, and for kernels with
 *   zeros at 1 bit, which has no code for them; UnsupportedError naming a layer that cannot be coded as asked; CancelledError. No tensor is left behind.
 * @example
 * const { compressed, layers } = await quantizeAfterTraining(tf, model, digits, { weights: { bits: 4, rounding: 'adaptive' } });
 */
export async function quantizeAfterTraining(
  tf: Tensorflow,
  model: LayersModel | ModelTopology,
  calibration: CalibrationData,
  options: PostTrainingOptions = {},
): Promise<PostTrainingResult> {
  const given = isTopology(model) ? model : readTopology(model);
  const { topology, folding, equalization } = prepareTopology(tf, given, options);
  const resolved = resolveOptions(topology, options);
  const inputs = checkCalibrationData(topology, calibration);
  throwIfCancelled(options.signal, 'Quantisation');
  const quantization = new PostTrainingQuantization(tf, resolved, options.signal);
  const pass = new CalibrationPass(tf, topology);
  try {
    pass.start(inputs, resolved.batchSize);
    for (const [done, call] of pass.calls.entries()) {
      throwIfCancelled(options.signal, 'Quantisation');
      const tell = (message: string) =>
        options.onProgress?.({ phase: 'quantising', done, total: pass.calls.length, message });
      tell(call.layer.name);
      const rounding: ProgressListener = ({ done: steps, total }) =>
        tell(`${call.layer.name}, rounding ${steps} of ${total}`);
      const outputs = await pass.run(call, (layer, pair) => quantization.code(layer, pair, rounding));
      if (!outputs) continue;
      quantization.report(call.layer.name, outputs);
      // Lets timers, and with them cancellation, have their turn between layers.
      await new Promise((resolve) => setTimeout(resolve));
    }
  } finally {
    pass.dispose();
  }
  return { ...quantization.result(topology), reference: topology, folding, equalization };
}

/**
 * What {@link quantizeAfterTraining} does before it looks at data.
 * @throws what that throws for the model and the settings.
 */
export function checkPostTraining(
  tf: Tensorflow,
  topology: ModelTopology,
  options: PostTrainingOptions,
): void {
  resolveOptions(prepareTopology(tf, topology, options).topology, options);
}

function isTopology(model: LayersModel | ModelTopology): model is ModelTopology {
  return !('predict' in model);
}

/** Folding, equalisation, convolutions that can be coded, and a bias wherever one may be needed. */
function prepareTopology(tf: Tensorflow, given: ModelTopology, options: PostTrainingOptions) {
  const {
    foldsNormalization = true,
    equalization: kind = 'none',
    correctsBias = true,
    layers = {},
  } = options;
  const folded = foldsNormalization ? foldBatchNormalization(given) : null;
  const start = folded?.topology ?? given;
  const relu6 = kind === 'unclip-relu6' ? 'unclip' : 'keep';
  const equalized = kind === 'none' ? null : equalizeAcrossLayers(start, { relu6 });
  const topology = widenConvolutions(tf, equalized?.topology ?? start, ({ name }) => layers[name] !== null);
  const { kernels } = resolveOptions(topology, options);
  const biased = new Map<string, TopologyLayer>();
  for (const [name, { kernel }] of correctsBias ? kernels : []) {
    const bias = Float32Array.from(biasOf(kernel.layer, kernel.outputs));
    biased.set(name, withBias(kernel.layer, bias));
  }
  const { topology: _folded, ...folding } = folded ?? { topology: null };
  const { topology: _equalized, ...equalization } = equalized ?? { topology: null };
  return {
    topology: replaceLayers(topology, biased),
    folding: folded ? (folding as Omit<BatchNormalizationFolding, 'topology'>) : null,
    equalization: equalized ? (equalization as Omit<CrossLayerEqualization, 'topology'>) : null,
  };
}

/** Codes layer after layer and remembers what was made. */
class PostTrainingQuantization {
  readonly #tf: Tensorflow;
  readonly #options: ResolvedOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #random: Random;
  readonly #codes = new Map<string, CodedWeight>();
  readonly #inputs = new Map<string, ActivationQuantization>();
  readonly #layers = new Map<string, TopologyLayer>();
  readonly #reports: CodedLayerReport[] = [];
  #gain: number | null = null;

  constructor(tf: Tensorflow, options: ResolvedOptions, signal: AbortSignal | undefined) {
    this.#tf = tf;
    this.#options = options;
    this.#signal = signal;
    this.#random = new Random(options.seed).fork('calibration places');
  }

  /** What a layer will compute with, or null when it stays in float32. */
  async code(
    layer: TopologyLayer,
    pair: ActivationPair,
    onProgress: ProgressListener,
  ): Promise<CodedLayerValues | null> {
    const entry = this.#options.kernels.get(layer.name);
    if (!entry) return null;
    const { kernel, coding } = entry;
    const input = this.#codeInput(pair);
    const moments = this.#measure(kernel, coding, pair, input);
    try {
      const { iterations, correctsBias } = this.#options;
      const settings = { iterations, correctsBias, signal: this.#signal, onProgress };
      const { coded, roundingGain } = await codeKernelWeights(this.#tf, kernel, coding, moments, settings);
      this.#gain = roundingGain;
      const changed = this.#decodedLayer(kernel, coded, correctsBias ? moments : null);
      this.#layers.set(layer.name, changed);
      this.#codes.set(kernel.weight.name, coded);
      if (input) this.#inputs.set(layer.name, input);
      return { weights: changed.weights.map(({ data }) => data), input };
    } finally {
      moments?.dispose();
    }
  }

  /** Closes the report of the layer that was coded last. */
  report(layer: string, outputs: SignalAndNoise): void {
    const { kernel, coding } = this.#options.kernels.get(layer)!;
    const coded = this.#layers.get(layer)!.weights.find(({ name }) => name === kernel.weight.name)!;
    this.#reports.push({
      layer,
      coding,
      weightSqnr: decibels(signalAndNoise(kernel.weight.data, coded.data)),
      outputSqnr: decibels(outputs),
      roundingGain: this.#gain,
    });
  }

  result(topology: ModelTopology): Pick<PostTrainingResult, 'compressed' | 'layers'> {
    return {
      compressed: {
        topology: replaceLayers(topology, this.#layers),
        codes: this.#codes,
        inputs: this.#inputs,
      },
      layers: this.#reports,
    };
  }

  /** The coding of what the coded layers before give. */
  #codeInput({ coded }: ActivationPair): ActivationQuantization | null {
    const { activations } = this.#options;
    if (activations === null) return null;
    const observer = createRangeObserver(activations, { bits: 8, symmetric: false });
    for (const batch of coded) observer.observe(batch.dataSync<'float32'>());
    return activationQuantization(observer.range());
  }

  /** What rounding and bias correction need to know of the inputs, or null. */
  #measure(
    kernel: KernelWeight,
    { rounding }: KernelCoding,
    { real, coded }: ActivationPair,
    input: ActivationQuantization | null,
  ): InputMoments | null {
    if (rounding === 'nearest' && !this.#options.correctsBias) return null;
    const moments = new InputMoments(this.#tf, kernel, rounding === 'adaptive' ? 2 : 1);
    const most = Math.ceil(this.#options.samplesPerLayer / real.length);
    try {
      for (const [at, batch] of real.entries()) {
        const values = coded[at].dataSync<'float32'>();
        const seen = input ? decodedActivations(values, input) : values;
        const inputs = { shape: batch.shape, real: batch.dataSync<'float32'>(), coded: seen };
        moments.add(inputs, most, this.#random);
      }
    } catch (error) {
      moments.dispose();
      throw error;
    }
    return moments;
  }

  /** The layer with its decoded kernel, and the bias corrected where there are moments. */
  #decodedLayer(kernel: KernelWeight, coded: CodedWeight, moments: InputMoments | null): TopologyLayer {
    const { layer, weight, rows, outputs } = kernel;
    const decoded = dequantizeTensor(coded.codes, [rows, outputs], coded.quantization);
    const changed = withWeightData(layer, { [weight.role]: decoded });
    if (!moments) return changed;
    const bias = biasOf(layer, outputs);
    const expected = moments.expectedInputs();
    return withBias(changed, correctBias(bias, weight.data, decoded, expected, kernelGroups(kernel)));
  }
}

function decibels({ signal, noise }: SignalAndNoise): number {
  if (noise === 0) return Number.POSITIVE_INFINITY;
  return 10 * Math.log10(signal / noise);
}
