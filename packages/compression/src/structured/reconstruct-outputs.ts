import { Random, throwIfCancelled } from '@qedge/core';
import { type KernelWeight, kernelOf } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import { type CalibrationData, checkCalibrationData } from '../post-training/calibration-data.ts';
import { type ActivationPair, CalibrationPass } from '../post-training/calibration-pass.ts';
import { biasOf, withBias, withWeightData } from '../post-training/channel-scaling.ts';
import { correctBias } from '../post-training/correct-bias.ts';
import { InputMoments, kernelGroups } from '../post-training/input-moments.ts';
import { replaceLayers } from '../post-training/topology-links.ts';
import { WorkTurns } from '../post-training/work-turns.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ChannelSlice } from './channel-tracer.ts';
import { reconstructKernel } from './reconstruct-kernel.ts';
import { type ChannelRemoval, removeChannels } from './remove-channels.ts';

/** Samples per forward pass. */
const SAMPLES_AT_ONCE = 64;
/** Places of a layer's output that are studied: so many, and so many per row of the kernel. */
const LEAST_PLACES = 8192;
const PLACES_PER_ROW = 4;
/** Least squares over more rows take minutes. */
const MOST_ROWS = 4096;

/** How to reconstruct. */
export interface OutputReconstructionOptions {
  readonly signal?: AbortSignal;
}

/**
 * Removes channels as `removeChannels` does, and lets the weights that stay make up for them: from the inputs to the outputs of the model, each
 * kernel that reads removed channels, or channels that have changed, gets the weights with which its layer gives most nearly the sums it gave before (least
 * squares, with the bias where there is one; He, Zhang and Sun 2017, arXiv:1707.06168), for the inputs that the layers before it now give.
 *
 * Dense, Conv1D and Conv2D kernels that are used once and have up to 4,096 weights per output are solved for. Others just lose what reads removed
 * channels; so do depthwise kernels, which mix no channels. Moving statistics of batch normalisations stay as they are. Equal arguments give equal weights.
 *
 * @param topology before the channels are removed.
 * @param removal of this topology, as `pruneChannels` gives it.
 * @param samples typical inputs without labels; some hundred.
 * @returns the smaller model, of the shapes that `removeChannels` gives.
 * @throws as {@link removeChannels}; before any work InvalidArgumentError, ShapeMismatchError, NonFiniteValueError for samples that do not fit; later
 *   NonFiniteValueError when the model computes NaN or infinity, CancelledError. No tensor is left behind.
 * @example
 * const { removal } = pruneChannels(topology, { target: { macs: 0.5 } });
 * const smaller = await reconstructOutputs(tf, topology, removal, digits);
 */
export async function reconstructOutputs(
  tf: Tensorflow,
  topology: ModelTopology,
  removal: ChannelRemoval,
  samples: CalibrationData,
  { signal }: OutputReconstructionOptions = {},
): Promise<ModelTopology> {
  const { graph, kept } = removal;
  const plain = removeChannels(topology, graph, kept);
  const inputs = checkCalibrationData(topology, samples);
  throwIfCancelled(signal, 'Reconstruction');
  if (kept.every((keep) => keep !== 0)) return plain;
  const turns = new WorkTurns('Reconstruction', signal);
  const reconstruction = new OutputReconstruction(tf, removal, turns);
  const pass = new CalibrationPass(tf, topology);
  try {
    pass.start(inputs, SAMPLES_AT_ONCE);
    for (const call of pass.calls) {
      await turns.next();
      await pass.run(call, async (layer, pair) => {
        const changed = await reconstruction.change(layer, pair);
        return changed && { weights: changed.weights.map(({ data }) => data), input: null };
      });
    }
  } finally {
    pass.dispose();
  }
  return removeChannels(replaceLayers(topology, reconstruction.layers), graph, kept);
}

/** Layers in their old sizes that read nothing of removed channels. */
class OutputReconstruction {
  readonly layers = new Map<string, TopologyLayer>();
  readonly #tf: Tensorflow;
  readonly #kept: Uint8Array;
  readonly #turns: WorkTurns;
  /** By weight name, the axes that read channels. */
  readonly #reads = new Map<string, ChannelSlice[]>();
  readonly #random = new Random(0).fork('places');

  constructor(tf: Tensorflow, { graph, kept }: ChannelRemoval, turns: WorkTurns) {
    this.#turns = turns;
    this.#tf = tf;
    this.#kept = kept;
    for (const slice of graph.slices.filter(({ side }) => side === 'input')) {
      this.#reads.set(slice.weight, [...(this.#reads.get(slice.weight) ?? []), slice]);
    }
  }

  /** The layer as it is to be from now on, or null when it stays. */
  async change(layer: TopologyLayer, pair: ActivationPair): Promise<TopologyLayer | null> {
    const masked = this.#mask(layer);
    const kernel = solvableKernel(layer);
    const hasOldInputs = pair.real === pair.coded;
    const changed = kernel && (masked || !hasOldInputs) ? await this.#solve(kernel, pair) : masked;
    if (changed) this.layers.set(layer.name, changed);
    return changed;
  }

  /** The layer with zeros where it reads removed channels, or null when it reads none. */
  #mask(layer: TopologyLayer): TopologyLayer | null {
    const weights = layer.weights.map((weight) =>
      (this.#reads.get(weight.name) ?? []).reduce(
        (result, slice) => zeroRemoved(result, slice, this.#kept),
        weight,
      ),
    );
    return weights.every((weight, at) => weight === layer.weights[at]) ? null : { ...layer, weights };
  }

  async #solve(kernel: KernelWeight, { real, coded }: ActivationPair): Promise<TopologyLayer> {
    const { layer, weight, rows, outputs } = kernel;
    const channels = this.#reads.get(weight.name)![0]!.channels;
    const isKept = Uint8Array.from(
      { length: rows },
      (_, row) => this.#kept[channels[row % channels.length]!]!,
    );
    const hasBias = layer.weights.some(({ role }) => role === 'bias');
    const moments = new InputMoments(this.#tf, kernel, 2);
    try {
      const places = Math.ceil(Math.max(LEAST_PLACES, PLACES_PER_ROW * rows) / real.length);
      for (const [at, batch] of real.entries()) {
        const values = { real: batch.dataSync<'float32'>(), coded: coded[at]!.dataSync<'float32'>() };
        moments.add({ shape: batch.shape, ...values }, places, this.#random);
      }
      const error = moments.outputError({ isCentred: hasBias, damping: 0 });
      const data = await reconstructKernel(kernel, isKept, error, this.#turns);
      const changed = withWeightData(layer, { [weight.role]: data });
      if (!hasBias) return changed;
      const expected = moments.expectedInputs();
      const groups = kernelGroups(kernel);
      return withBias(changed, correctBias(biasOf(layer, outputs), weight.data, data, expected, groups));
    } finally {
      moments.dispose();
    }
  }
}

/** The kernel of a layer when its weights may follow from the inputs of one call, over windows that are known, in bearable time; null otherwise. */
function solvableKernel(layer: TopologyLayer): KernelWeight | null {
  const kernel = kernelOf(layer);
  if (!kernel || kernel.kind === 'depthwise' || layer.calls.length !== 1) return null;
  if (kernel.rows > MOST_ROWS) return null;
  const { padding, dataFormat } = layer.config;
  const hasKnownWindow = (padding === 'same' || padding === 'valid') && dataFormat !== 'channelsFirst';
  return kernel.kind === 'dense' || hasKnownWindow ? kernel : null;
}

function zeroRemoved(
  weight: TopologyWeight,
  { axis, channels }: ChannelSlice,
  kept: Uint8Array,
): TopologyWeight {
  if (channels.every((channel) => kept[channel] !== 0)) return weight;
  const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const channelAt = (at: number) => channels[Math.floor(at / inner) % channels.length]!;
  return { ...weight, data: weight.data.map((value, at) => (kept[channelAt(at)] === 0 ? 0 : value)) };
}
