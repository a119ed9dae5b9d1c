import { InvalidArgumentError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { ModelTopology } from '../model/model-topology.ts';
import type { CalibrationData } from '../post-training/calibration-data.ts';
import type { KernelCoding, PostTrainingOptions } from '../post-training/post-training-options.ts';
import { type PostTrainingResult, quantizeAfterTraining } from '../post-training/quantize-after-training.ts';
import { buildCompressedModel } from '../quantization-aware/build-compressed-model.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import {
  type BitWidthAssignment,
  type BitWidthLimits,
  chooseBitWidths,
  paretoFront,
} from './bit-width-choice.ts';
import {
  foldAsAsked,
  judgeBuilt,
  type LayerSensitivity,
  measureSensitivity,
  type SensitivityOptions,
} from './measure-sensitivity.ts';

/** Settings of {@link searchBitWidths}. */
export interface BitWidthSearchOptions extends SensitivityOptions {
  /** `maxLoss`: how much worse than in float32 the judge may find the model. At least one limit. */
  readonly limits: BitWidthLimits;
}

/** A model whose layers have widths of their own. */
export interface BitWidthSearch {
  readonly result: PostTrainingResult;
  readonly chosen: BitWidthAssignment;
  /** How much worse the judge found the chosen model than the float32 one; `chosen.loss` is what was expected. */
  readonly loss: number;
  readonly sensitivity: LayerSensitivity;
  /** What can be had, as expected from single layers: bytes against loss. */
  readonly front: readonly BitWidthAssignment[];
  /** Models that were coded and judged as a whole. */
  readonly judged: number;
}

/**
 * Gives each layer a bit width of its own: measures the sensitivity of each layer, then finds widths within the limits by dynamic programming.
 * Layers do influence each other: under a limit of the loss the model is coded and judged as a whole, and the smallest one of the Pareto front
 * that the judge finds within the limit is found by bisection.
 *
 * @throws InvalidArgumentError without limits, or when nothing is within them; else as `measureSensitivity`.
 */
export async function searchBitWidths(
  tf: Tensorflow,
  model: LayersModel | ModelTopology,
  calibration: CalibrationData,
  options: BitWidthSearchOptions,
): Promise<BitWidthSearch> {
  const { limits, judge, quantization = {} } = options;
  if (Object.values(limits).every((limit) => limit === undefined)) {
    throw new InvalidArgumentError('A search of bit widths needs a limit', {
      expected: 'maxLoss, maxBytes or maxMacBits',
      actual: limits,
    });
  }
  const sensitivity = await measureSensitivity(tf, model, calibration, options);
  const { layers, baseline } = sensitivity;
  const topology = foldAsAsked(model, quantization);
  let judged = 0;
  const attempt = async (chosen: BitWidthAssignment) => {
    const settings = withBits(quantization, chosen);
    const result = await quantizeAfterTraining(tf, topology, calibration, settings);
    judged++;
    const loss = (await judgeBuilt(buildCompressedModel(tf, result.compressed), judge)) - baseline;
    return { result, chosen, loss };
  };
  const front = paretoFront(layers);
  const { maxLoss } = limits;
  if (maxLoss === undefined) {
    return { ...(await attempt(chooseBitWidths(layers, limits))), sensitivity, front, judged };
  }
  const found = await smallestWithin(candidatesOf(layers, limits), maxLoss, attempt);
  return { ...found, sensitivity, front, judged };
}

/** Of the front with all costs those within the limits of size, by growing bytes. */
function candidatesOf(
  layers: LayerSensitivity['layers'],
  { maxBytes = Number.POSITIVE_INFINITY, maxMacBits }: BitWidthLimits,
): readonly BitWidthAssignment[] {
  const costs = maxMacBits === undefined ? (['bytes'] as const) : (['bytes', 'macBits'] as const);
  const most = maxMacBits ?? Number.POSITIVE_INFINITY;
  const within = paretoFront(layers, costs).filter(
    ({ bytes, macBits }) => bytes <= maxBytes && macBits <= most,
  );
  // With the operations within their limit only bytes and loss count.
  let least = Number.POSITIVE_INFINITY;
  return within.filter(({ loss }) => {
    const isBetter = loss < least;
    least = Math.min(least, loss);
    return isBetter;
  });
}

async function smallestWithin<Outcome extends { readonly loss: number }>(
  candidates: readonly BitWidthAssignment[],
  maxLoss: number,
  attempt: (chosen: BitWidthAssignment) => Promise<Outcome>,
): Promise<Outcome> {
  let [low, high] = [0, candidates.length - 1];
  let best: Outcome | null = null;
  let last: Outcome | null = null;
  while (low <= high) {
    const middle = (low + high) >> 1;
    last = await attempt(candidates[middle]);
    if (last.loss <= maxLoss) {
      best = last;
      high = middle - 1;
    } else low = middle + 1;
  }
  if (best) return best;
  throw new InvalidArgumentError('No bit widths of the layers are within the limits', {
    expected: `a loss of at most ${maxLoss} more than in float32`,
    actual: last ? last.loss : 'no assignment within maxBytes and maxMacBits',
    remedy: 'Allow more, offer wider widths, or round adaptively.',
  });
}

function withBits(quantization: PostTrainingOptions, { bits }: BitWidthAssignment): PostTrainingOptions {
  const layers: Record<string, Partial<KernelCoding> | null> = { ...quantization.layers };
  for (const [name, width] of bits) layers[name] = { ...layers[name], bits: width };
  return { ...quantization, layers };
}
