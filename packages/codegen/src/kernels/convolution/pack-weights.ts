import { InvalidArgumentError } from '@qedge/core';
import type { DepthwiseDescription, WeightFormat } from '../../description/convolution.ts';
import { bfloat16Bits, float16Bits } from '../../target/narrow-numbers.ts';
import { sweepBlockBytes } from '../window/emit-window-sweep.ts';
import { type PackedConvolution, weightPanels } from './weight-panels.ts';

/** Bytes of the packed weights (and bias) of a convolution for vectors of `lanes` lanes. */
export function convolutionWeightBytes(description: PackedConvolution, lanes: number): number {
  return weightPanels(description, lanes).byteLength;
}

/**
 * Packs `weights` (`[window.height, window.width, inputChannels / groups, outputChannels]`) and `bias` (`[outputChannels]`, or null
 * where the epilogue has none) into panels for vectors of `lanes` lanes. The padding of the last panel is zero.
 *
 * @param target {@link convolutionWeightBytes} bytes.
 * @throws InvalidArgumentError when a length does not fit.
 */
export function packConvolutionWeights(
  description: PackedConvolution,
  lanes: number,
  weights: Float32Array,
  bias: Float32Array | null,
  target: Uint8Array,
): void {
  const { outputChannels, groups, weights: format, epilogue } = description;
  const panels = weightPanels(description, lanes);
  requireLength('weights', weights.length, panels.depth * outputChannels);
  requireLength('bias', bias?.length ?? 0, epilogue.bias ? outputChannels : 0);
  requireLength('packed bytes', target.length, panels.byteLength);
  const writer = new WeightWriter(target, format);
  const groupOutputs = outputChannels / groups;
  for (let group = 0; group < groups; group++) {
    for (let first = 0; first < groupOutputs; first += panels.full.channels) {
      const panel = groupOutputs - first >= panels.full.channels ? panels.full : panels.last!;
      const from = group * groupOutputs + first;
      const width = panel.vectors * lanes;
      for (let k = 0; k < panels.depth; k++) {
        writer.writeWeights(weights, k * outputChannels + from, panel.channels, width);
      }
      if (bias) writer.writeFloats(bias, from, panel.channels, width);
    }
  }
  writer.finish();
}

/** Bytes of the packed weights (and bias) of a depthwise convolution for vectors of `lanes` lanes. */
export function depthwiseWeightBytes(
  { input, window, epilogue }: Pick<DepthwiseDescription, 'input' | 'window' | 'epilogue'>,
  lanes: number,
): number {
  return (
    Math.ceil(input.channels / lanes) * sweepBlockBytes(window.height * window.width, epilogue.bias, lanes)
  );
}

/**
 * Packs `weights` (`[window.height, window.width, channels]`) and `bias` (`[channels]`, or null where the epilogue has none): per
 * vector of channels its weights tap by tap, then its bias; zeros behind the last channel.
 *
 * @param target {@link depthwiseWeightBytes} bytes.
 * @throws InvalidArgumentError when a length does not fit.
 */
export function packDepthwiseWeights(
  description: Pick<DepthwiseDescription, 'input' | 'window' | 'epilogue'>,
  lanes: number,
  weights: Float32Array,
  bias: Float32Array | null,
  target: Uint8Array,
): void {
  const { input, window, epilogue } = description;
  const taps = window.height * window.width;
  requireLength('weights', weights.length, taps * input.channels);
  requireLength('bias', bias?.length ?? 0, epilogue.bias ? input.channels : 0);
  requireLength('packed bytes', target.length, depthwiseWeightBytes(description, lanes));
  const writer = new WeightWriter(target, 'float32');
  for (let first = 0; first < input.channels; first += lanes) {
    const count = Math.min(lanes, input.channels - first);
    for (let tap = 0; tap < taps; tap++) {
      writer.writeFloats(weights, tap * input.channels + first, count, lanes);
    }
    if (bias) writer.writeFloats(bias, first, count, lanes);
  }
  writer.finish();
}

function requireLength(name: string, actual: number, expected: number): void {
  if (actual === expected) return;
  throw new InvalidArgumentError(`The ${name} of a convolution have another length`, { expected, actual });
}

/** Writes numbers one after the other. Every row that it is given fills whole words of four bytes. */
class WeightWriter {
  readonly #target: Uint8Array;
  /** The target itself where it is aligned, else a copy. */
  readonly #words: Float32Array;
  readonly #halves: Uint16Array;
  readonly #format: WeightFormat;
  #word = 0;

  constructor(target: Uint8Array, format: WeightFormat) {
    const { byteOffset, byteLength } = target;
    const buffer = byteOffset % 4 === 0 ? target.buffer : new ArrayBuffer(byteLength);
    const start = buffer === target.buffer ? byteOffset : 0;
    this.#target = target;
    this.#words = new Float32Array(buffer, start, byteLength / 4);
    this.#halves = new Uint16Array(buffer, start, byteLength / 2);
    this.#format = format;
  }

  /** Writes `count` of `values` from `first` in the format of the weights, then zeros up to `width` numbers. */
  writeWeights(values: Float32Array, first: number, count: number, width: number): void {
    if (this.#format === 'float32') {
      this.writeFloats(values, first, count, width);
      return;
    }
    const bits = this.#format === 'float16' ? float16Bits : bfloat16Bits;
    const at = this.#word * 2;
    for (let i = 0; i < count; i++) this.#halves[at + i] = bits(values[first + i]!);
    this.#halves.fill(0, at + count, at + width);
    this.#word += width / 2;
  }

  /** Writes `count` of `values` from `first` as float32, then zeros up to `width` numbers. */
  writeFloats(values: Float32Array, first: number, count: number, width: number): void {
    const at = this.#word;
    for (let i = 0; i < count; i++) this.#words[at + i] = values[first + i]!;
    this.#words.fill(0, at + count, at + width);
    this.#word += width;
  }

  finish(): void {
    if (this.#words.buffer === this.#target.buffer) return;
    this.#target.set(new Uint8Array(this.#words.buffer));
  }
}
