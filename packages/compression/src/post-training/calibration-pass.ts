import type { ActivationQuantization } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { ModelTopology, TensorReference, TopologyLayer } from '../model/model-topology.ts';
import { centreActivations } from '../quantization/activation-codes.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { batchTensors, type CalibrationInput } from './calibration-data.ts';
import { type OrderedCall, orderCalls } from './order-calls.ts';

/** Activations in batches, of the float32 model and of the one whose layers so far are coded. They are the same tensors before the first coded layer. */
export interface ActivationPair {
  readonly real: readonly Tensor[];
  readonly coded: readonly Tensor[];
}

/** What a layer with a coded kernel computes with. */
export interface CodedLayerValues {
  /** In the order of the layer's weights. */
  readonly weights: readonly Float32Array[];
  readonly input: ActivationQuantization | null;
}

/** Powers of a signal and of its noise. */
export interface SignalAndNoise {
  readonly signal: number;
  readonly noise: number;
}

/** Decides how a layer is coded; null leaves it as it is. */
export type LayerCoder = (layer: TopologyLayer, inputs: ActivationPair) => Promise<CodedLayerValues | null>;

/**
 * Runs samples through a model layer by layer, once as it is and once with the layers before coded, so that each layer is coded for the inputs that
 * it will really get. Keeps only activations that are still to be read; what it keeps goes with `dispose`, after an error too.
 */
export class CalibrationPass {
  readonly #tf: Tensorflow;
  readonly #topology: ModelTopology;
  /** The calls in the order in which they are run. */
  readonly calls: readonly OrderedCall[];
  /** How often each tensor is read. */
  readonly #uses = new Map<string, number>();
  readonly #models: { readonly real: LayersModel; readonly coded: LayersModel };
  readonly #activations = new Map<string, { pair: ActivationPair; uses: number }>();

  constructor(tf: Tensorflow, topology: ModelTopology) {
    this.#tf = tf;
    this.#topology = topology;
    this.calls = orderCalls(topology);
    for (const reference of this.calls.flatMap(({ layer, call }) => layer.calls[call].inputs)) {
      this.#uses.set(keyOf(reference), (this.#uses.get(keyOf(reference)) ?? 0) + 1);
    }
    const real = buildModel(tf, topology);
    try {
      this.#models = { real, coded: buildModel(tf, topology) };
    } catch (error) {
      real.dispose();
      throw error;
    }
  }

  start(inputs: readonly CalibrationInput[], batchSize: number): void {
    for (const [at, reference] of this.#topology.inputs.entries()) {
      const real = batchTensors(this.#tf, inputs[at], batchSize);
      this.#keep(reference, { real, coded: real });
    }
  }

  /** Goes through one call. @returns how much the outputs of a coded layer differ, null for others. */
  async run({ layer, call }: OrderedCall, code: LayerCoder): Promise<SignalAndNoise | null> {
    if (layer.className === 'InputLayer') return null;
    const { inputs, outputShapes } = layer.calls[call];
    const pairs = inputs.map((reference) => this.#activations.get(keyOf(reference))!.pair);
    const values = await code(layer, pairs[0]);
    if (values) this.#setWeights(layer.name, values.weights);
    const isSame = !values && pairs.every(({ real, coded }) => real === coded);
    const realInputs = pairs.map((pair) => pair.real);
    const real = this.#apply('real', layer, realInputs, null);
    const coded = isSame ? real : this.#applyCoded(layer, pairs, values?.input ?? null, real);
    const difference = values ? compare(real[0], coded[0]) : null;
    for (const reference of inputs) this.#release(reference);
    outputShapes.forEach((_, output) => {
      this.#keep({ layer: layer.name, call, output }, { real: real[output], coded: coded[output] });
    });
    return difference;
  }

  dispose(): void {
    for (const { pair } of this.#activations.values()) this.#tf.dispose([...pair.real, ...pair.coded]);
    this.#activations.clear();
    this.#models.real.dispose();
    this.#models.coded.dispose();
  }

  /** @param real of the same layer; disposed of when the coded one fails. */
  #applyCoded(
    layer: TopologyLayer,
    pairs: readonly ActivationPair[],
    coding: ActivationQuantization | null,
    real: readonly Tensor[][],
  ): Tensor[][] {
    const codedInputs = pairs.map((pair) => pair.coded);
    try {
      return this.#apply('coded', layer, codedInputs, coding);
    } catch (error) {
      this.#tf.dispose(real.flat());
      throw error;
    }
  }

  /** Per output of the layer its batches. */
  #apply(
    which: 'real' | 'coded',
    { name }: TopologyLayer,
    inputs: readonly (readonly Tensor[])[],
    coding: ActivationQuantization | null,
  ): Tensor[][] {
    const layer = this.#models[which].getLayer(name);
    const outputs: Tensor[][] = [];
    try {
      for (let batch = 0; batch < inputs[0].length; batch++) {
        const results = this.#tf.tidy(() => {
          const given = inputs.map((batches) => batches[batch]);
          const fed = coding ? given.map((tensor) => this.#decode(tensor, coding)) : given;
          const result = layer.apply(fed.length === 1 ? fed[0] : fed) as Tensor | Tensor[];
          // Layers that do nothing in prediction give back their input, which others may still read.
          return (Array.isArray(result) ? result : [result]).map((tensor) => tensor.clone());
        });
        results.forEach((tensor, output) => {
          outputs[output] ??= [];
          outputs[output].push(tensor);
        });
      }
      return outputs;
    } catch (error) {
      this.#tf.dispose(outputs.flat());
      throw error;
    }
  }

  #decode(tensor: Tensor, coding: ActivationQuantization): Tensor {
    return this.#tf.tensor(decodedActivations(tensor.dataSync<'float32'>(), coding), tensor.shape);
  }

  #setWeights(name: string, weights: readonly Float32Array[]): void {
    const layer = this.#models.coded.getLayer(name);
    this.#tf.tidy(() => {
      layer.setWeights(weights.map((data, at) => this.#tf.tensor(data, layer.weights[at].shape as number[])));
    });
  }

  #keep(reference: TensorReference, pair: ActivationPair): void {
    const uses = this.#uses.get(keyOf(reference)) ?? 0;
    if (uses > 0) this.#activations.set(keyOf(reference), { pair, uses });
    else this.#tf.dispose([...pair.real, ...pair.coded]);
  }

  #release(reference: TensorReference): void {
    const entry = this.#activations.get(keyOf(reference))!;
    entry.uses--;
    if (entry.uses > 0) return;
    this.#tf.dispose([...entry.pair.real, ...entry.pair.coded]);
    this.#activations.delete(keyOf(reference));
  }
}

/** What a layer sees of inputs that are coded with 8 bits. */
export function decodedActivations(values: Float32Array, coding: ActivationQuantization): Float32Array {
  const decoded = new Float32Array(values.length);
  centreActivations(values, coding, decoded);
  for (let at = 0; at < decoded.length; at++) decoded[at] *= coding.scale;
  return decoded;
}

function keyOf({ layer, call, output }: TensorReference): string {
  return `${call}:${output}:${layer}`;
}

function compare(real: readonly Tensor[], coded: readonly Tensor[]): SignalAndNoise {
  let [signal, noise] = [0, 0];
  for (const [batch, tensor] of real.entries()) {
    const power = signalAndNoise(tensor.dataSync<'float32'>(), coded[batch].dataSync<'float32'>());
    signal += power.signal;
    noise += power.noise;
  }
  return { signal, noise };
}

/** Sums of squares of numbers, and of how much others differ from them. */
export function signalAndNoise(real: Float32Array, coded: Float32Array): SignalAndNoise {
  let [signal, noise] = [0, 0];
  for (let at = 0; at < real.length; at++) {
    signal += real[at] * real[at];
    noise += (real[at] - coded[at]) ** 2;
  }
  return { signal, noise };
}
