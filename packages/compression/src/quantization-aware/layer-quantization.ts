import { InvalidArgumentError } from '@qedge/core';
import { codeRange } from '../quantization/code-range.ts';

/** How finely scales are chosen: one per kernel, one per output channel, or one per so many rows of each output channel. */
export type KernelGranularity = 'tensor' | 'channel' | { readonly groupSize: number };

/**
 * Where the distance between two codes comes from:
 *
 * - `range`: the largest magnitude, anew in every step (at 1 bit the mean magnitude);
 * - `learned`: a trainable weight `kernel_step` (Esser et al. 2020, "Learned step size quantization", arXiv:1902.08153), its gradient scaled by
 *   `1 / sqrt(weights * largest code)`;
 * - `learned-logarithm`: a trainable weight `kernel_log_step`, its natural logarithm, so that an optimiser changes it by factors.
 */
export type KernelStep = 'range' | 'learned' | 'learned-logarithm';

/** How the kernel of a layer is coded while it is trained. */
export interface KernelQuantization {
  /** Bits per code, 1..8; symmetric. 2 bits are ternary, 1 bit is -1 and +1. */
  readonly bits: number;
  readonly granularity: KernelGranularity;
  readonly step: KernelStep;
  /** A weight that is not exactly 0 gets a code that is not 0. For pruned kernels, whose zeros are then exactly the removed weights. */
  readonly keepSurvivors: boolean;
}

/** What a quantisation-aware layer does; plain data, a part of its config. */
export interface LayerQuantization extends KernelQuantization {
  /** 8: inputs are coded with 8 bits. null: they stay float32. */
  readonly activationBits: 8 | null;
  /** Weight of the past in the moving average of the input's range. */
  readonly rangeDecay: number;
  /** Training calls of the layer in float32, the range already being followed, before anything is coded. */
  readonly startAfter: number;
  /** Training calls after which the input's range stays as it is; null: never. */
  readonly freezeAfter: number | null;
  /** Whether the layer has a weight `kernel_mask`: where it is 0, the kernel gets code 0 and no gradient. */
  readonly isMasked: boolean;
}

/** @throws InvalidArgumentError naming what is impossible. */
export function validateLayerQuantization(quantization: LayerQuantization, layer: string): void {
  const { bits, granularity, step, keepSurvivors, isMasked } = quantization;
  codeRange(bits, true);
  const groupSize = typeof granularity === 'object' ? granularity?.groupSize : 1;
  const isKnown = granularity === 'tensor' || granularity === 'channel' || typeof granularity === 'object';
  if (!isKnown || !Number.isSafeInteger(groupSize) || groupSize! < 1) {
    refuse(layer, 'granularity', "'tensor', 'channel' or { groupSize } with an integer >= 1", granularity);
  }
  if (!['range', 'learned', 'learned-logarithm'].includes(step)) {
    refuse(layer, 'step', "'range', 'learned' or 'learned-logarithm'", step);
  }
  if (bits === 1 && (keepSurvivors || isMasked)) {
    refuse(layer, 'bits', '2 or more with masks or keepSurvivors, because 1 bit has no code for 0', bits);
  }
  validateActivations(quantization, layer);
}

function validateActivations(quantization: LayerQuantization, layer: string): void {
  const { activationBits, rangeDecay, startAfter, freezeAfter } = quantization;
  if (activationBits !== 8 && activationBits !== null) {
    refuse(layer, 'activationBits', '8, or null for float32', activationBits);
  }
  if (!(rangeDecay >= 0 && rangeDecay < 1)) refuse(layer, 'rangeDecay', '0 <= decay < 1', rangeDecay);
  if (!Number.isSafeInteger(startAfter) || startAfter < 0) {
    refuse(layer, 'startAfter', 'an integer >= 0', startAfter);
  }
  if (freezeAfter !== null && !(Number.isSafeInteger(freezeAfter) && freezeAfter >= 1)) {
    refuse(layer, 'freezeAfter', 'an integer >= 1, or null', freezeAfter);
  }
}

function refuse(layer: string, setting: string, expected: string, actual: unknown): never {
  throw new InvalidArgumentError(`The quantisation of layer "${layer}" has an impossible ${setting}`, {
    expected,
    actual: JSON.stringify(actual) ?? String(actual),
  });
}
