import { InvalidArgumentError, type ProgressListener, UnsupportedError } from '@qedge/core';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { codeRange } from '../quantization/code-range.ts';
import { type RangeMethod, rangeMethods } from '../quantization/create-range-observer.ts';
import type { KernelGranularity } from '../quantization-aware/layer-quantization.ts';
import { windowOf } from './gather-patches.ts';

/** How the kernel of a layer is coded after training. */
export interface KernelCoding {
  /** 1..8, symmetric. 2 bits are ternary; 1 bit is -1 and +1, for kernels without zeros only. Default 8. */
  readonly bits: number;
  /** One scale per kernel, per output channel, or per so many rows of each output channel. Default `channel`. */
  readonly granularity: KernelGranularity;
  /** How scales are chosen. Default `mse`. */
  readonly method: RangeMethod;
  /** `nearest`: to the nearest code. `adaptive`: to those codes that change the outputs least (AdaRound); 2 bits at least. Default `nearest`. */
  readonly rounding: 'nearest' | 'adaptive';
}

/** Settings of `quantizeAfterTraining`. */
export interface PostTrainingOptions {
  /** For all kernels. */
  readonly weights?: Partial<KernelCoding>;
  /** By layer name, what differs from {@link weights}; null leaves the layer in float32. */
  readonly layers?: Readonly<Record<string, Partial<KernelCoding> | null>>;
  /** How the range of the 8-bit inputs of each layer is chosen; null leaves inputs in float32. Default `histogram-l2`. */
  readonly activations?: RangeMethod | null;
  /** Whether batch normalisations become part of their neighbours first. Default true. */
  readonly foldsNormalization?: boolean;
  /** Whether ranges are equalised across layers: `none`, or what becomes of relu6. Default `none`; it helps where one scale serves a kernel. */
  readonly equalization?: 'none' | 'keep-relu6' | 'unclip-relu6';
  /** Whether biases make up for the mean error of the outputs. Default true. */
  readonly correctsBias?: boolean;
  /** Of adaptive rounding: steps per layer. Default 1,000. */
  readonly iterations?: number;
  /** Places of a layer's output whose inputs are studied, drawn by the seed. Default 4,096. */
  readonly samplesPerLayer?: number;
  /** Samples per forward pass. Default 64. */
  readonly batchSize?: number;
  /** Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** Options with all defaults in place. */
export interface ResolvedOptions
  extends Required<Omit<PostTrainingOptions, 'weights' | 'layers' | 'signal' | 'onProgress'>> {
  /** By layer name, every kernel that is to be coded. */
  readonly kernels: ReadonlyMap<string, { readonly kernel: KernelWeight; readonly coding: KernelCoding }>;
}

const DEFAULT_CODING: KernelCoding = { bits: 8, granularity: 'channel', method: 'mse', rounding: 'nearest' };

/**
 * @param topology as it will be coded, normalisations folded.
 * @throws InvalidArgumentError for impossible settings, unknown layers and kernels with zeros at 1 bit; UnsupportedError naming a layer that cannot be
 *   coded as asked.
 */
export function resolveOptions(topology: ModelTopology, options: PostTrainingOptions): ResolvedOptions {
  const { weights = {}, layers = {}, activations = 'histogram-l2', equalization = 'none' } = options;
  const { iterations = 1000, samplesPerLayer = 4096, batchSize = 64, seed = 0 } = options;
  const { foldsNormalization = true, correctsBias = true } = options;
  for (const [name, value] of Object.entries({ iterations, samplesPerLayer, batchSize })) {
    if (!Number.isSafeInteger(value) || value < 1) refuse(name, 'an integer >= 1', value);
  }
  requireOneOf('equalization', ['none', 'keep-relu6', 'unclip-relu6'], equalization);
  if (activations !== null) requireOneOf('activations', rangeMethods, activations);
  const kernels = new Map<string, { kernel: KernelWeight; coding: KernelCoding }>();
  const known = listKernels(topology);
  for (const name of Object.keys(layers)) {
    requireOneOf(
      'layers',
      known.map(({ layer }) => layer.name),
      name,
    );
  }
  for (const kernel of known) {
    const own = Object.hasOwn(layers, kernel.layer.name) ? layers[kernel.layer.name] : {};
    if (own === null || kernel.weight.data.length === 0) continue;
    const coding = { ...DEFAULT_CODING, ...weights, ...own };
    validateCoding(coding);
    requireUnshared(kernel);
    requireCodable(kernel, coding);
    requireCodesForZeros(kernel, coding.bits);
    kernels.set(kernel.layer.name, { kernel, coding });
  }
  const settings = { iterations, samplesPerLayer, batchSize, seed, foldsNormalization, correctsBias };
  return { ...settings, activations, equalization, kernels };
}

function validateCoding({ bits, granularity, method, rounding }: KernelCoding): void {
  codeRange(bits, true);
  requireOneOf('method', rangeMethods, method);
  requireOneOf('rounding', ['nearest', 'adaptive'], rounding);
  if (rounding === 'adaptive' && bits === 1) {
    refuse('rounding', 'nearest with 1 bit, whose codes -1 and +1 are not neighbours', rounding);
  }
  const groupSize = typeof granularity === 'object' ? granularity?.groupSize : 1;
  const isKnown = granularity === 'tensor' || granularity === 'channel' || typeof granularity === 'object';
  if (!isKnown || !Number.isSafeInteger(groupSize) || groupSize < 1) {
    refuse('granularity', "'tensor', 'channel' or { groupSize } with an integer >= 1", granularity);
  }
}

function requireUnshared({ layer }: KernelWeight): void {
  if (layer.calls.length === 1) return;
  throw new UnsupportedError(`The layer "${layer.name}" is shared between several places`, {
    expected: 'layers with one use each, whose inputs have one coding',
    actual: `${layer.calls.length} uses`,
    remedy: `Leave it in float32: layers: { ${JSON.stringify(layer.name)}: null }; or train through the rounding, as the recipe int4 does, which codes shared layers too.`,
  });
}

/** Second moments of more inputs than this take over half a gigabyte and minutes. */
const MOST_ROWS = 8192;

function requireCodable({ layer, kind, rows }: KernelWeight, { rounding }: KernelCoding): void {
  const own = `layers: { ${JSON.stringify(layer.name)}:`;
  // What could be widened has been.
  if (layer.className === 'Conv1D') {
    throw new UnsupportedError(`The one-dimensional convolution "${layer.name}" cannot be coded`, {
      expected: 'a fixed length, and padding "same" or "valid"',
      actual: { padding: layer.config.padding, outputs: layer.calls[0].outputShapes[0] },
      remedy: `Leave it in float32: ${own} null }`,
    });
  }
  if (kind !== 'dense') windowOf(layer);
  if (rounding !== 'adaptive' || rows <= MOST_ROWS) return;
  throw new UnsupportedError(`The layer "${layer.name}" has too many inputs for adaptive rounding`, {
    expected: `at most ${MOST_ROWS} weights per output`,
    actual: rows,
    remedy: `Round it to the nearest codes: ${own} { rounding: 'nearest' } }`,
  });
}

/**
 * Zeros are weights that were removed, or channels that are dead: they have to stay 0, and 1 bit has no code for it.
 * @throws InvalidArgumentError naming the kernel.
 */
export function requireCodesForZeros({ weight }: KernelWeight, bits: number): void {
  if (bits > 1 || !weight.data.includes(0)) return;
  const zeros = weight.data.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
  throw new InvalidArgumentError(`The zeros of "${weight.name}" cannot be kept by 1 bit`, {
    expected: '2 bits or more for kernels with zeros: 1 bit has the codes -1 and +1 alone',
    actual: `${zeros} zeros among ${weight.data.length} weights`,
    remedy: 'Give the layer 2 bits (ternary), or leave it in float32.',
  });
}

function requireOneOf(name: string, allowed: readonly string[], value: unknown): void {
  if (!allowed.includes(value as string)) refuse(name, allowed.join(', '), value);
}

function refuse(name: string, expected: string, actual: unknown): never {
  throw new InvalidArgumentError(`Quantisation after training has an impossible setting "${name}"`, {
    expected,
    actual,
  });
}
