import type { Random } from '@qedge/core';

/** `C[m, n] = A[m, k] * B[k, n]`, row-major float32. B is constant, so a library may prepare it once. */
export interface ProductWork {
  readonly kind: 'product';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** `C[m, n] = A[m, k] * B[k, n]` in int32; A is uint8 or int8, B int8, both with zero point 0. */
export interface IntegerProductWork {
  readonly kind: 'integer product';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Uint8Array | Int8Array;
  readonly b: Int8Array;
}

/**
 * `y[m, n] = x[m, k] * W^T` with int4 weights in groups of 32 along k: `W[j, i] = (code - 8) * scale[j, i / 32]`. `codes` is
 * `[n, k / 2]` bytes, low nibble first, as the operator MatMulNBits of ONNX Runtime takes it.
 */
export interface NibbleProductWork {
  readonly kind: 'nibble product';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly x: Float32Array;
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
}

/** One dense layer: `activation(x[batch, in] * kernel[in, out] + bias)`, relu for all layers but the last. */
export interface DenseLayer {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  readonly inputs: number;
  readonly units: number;
}

/** A multilayer perceptron on a batch. */
export interface PerceptronWork {
  readonly kind: 'perceptron';
  readonly batch: number;
  readonly layers: readonly DenseLayer[];
  readonly input: Float32Array;
}

/**
 * One convolution with bias and relu over one image. Input `[height, width, inChannels]`, weights `[kernel, kernel, inChannels /
 * groups, outChannels]`, output `[outHeight, outWidth, outChannels]`, all float32, channels last; padding on every side.
 */
export interface ConvolutionWork {
  readonly kind: 'convolution';
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
  readonly input: Float32Array;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** What a library is asked to do. Arrays are borrowed and never changed. */
export type Work = ProductWork | IntegerProductWork | NibbleProductWork | PerceptronWork | ConvolutionWork;

/** Multiply-adds times two: the operations that a work consists of. */
export function operationCount(work: Work): number {
  switch (work.kind) {
    case 'perceptron':
      return 2 * work.batch * work.layers.reduce((sum, { inputs, units }) => sum + inputs * units, 0);
    case 'convolution': {
      const { outHeight, outWidth } = convolutionOutput(work);
      return 2 * outHeight * outWidth * work.outChannels * work.kernel ** 2 * (work.inChannels / work.groups);
    }
    default:
      return 2 * work.m * work.n * work.k;
  }
}

/** Height and width of the result of a convolution. */
export function convolutionOutput(work: ConvolutionWork): { outHeight: number; outWidth: number } {
  const size = (input: number) => {
    return Math.floor((input + 2 * work.padding - work.kernel) / work.stride) + 1;
  };
  return { outHeight: size(work.height), outWidth: size(work.width) };
}

// Random data, not constants: a processor that flips fewer bits may run at a higher clock.

export function makeProduct(m: number, n: number, k: number, random: Random): ProductWork {
  return { kind: 'product', m, n, k, a: uniform(m * k, random), b: uniform(k * n, random) };
}

export function makeIntegerProduct(
  m: number,
  n: number,
  k: number,
  signed: boolean,
  random: Random,
): IntegerProductWork {
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.uint32() & 255);
  const a = bytes(m * k);
  return {
    kind: 'integer product',
    m,
    n,
    k,
    a: signed ? new Int8Array(a.buffer) : a,
    b: new Int8Array(bytes(k * n).buffer),
  };
}

export function makeNibbleProduct(m: number, n: number, k: number, random: Random): NibbleProductWork {
  return {
    kind: 'nibble product',
    m,
    n,
    k,
    x: uniform(m * k, random),
    codes: Uint8Array.from({ length: (n * k) / 2 }, () => random.uint32() & 255),
    scales: Float32Array.from({ length: (n * k) / 32 }, () => 0.01 + 0.02 * random.uniform()),
  };
}

export function makePerceptron(sizes: readonly number[], batch: number, random: Random): PerceptronWork {
  const layers = sizes.slice(1).map((units, index): DenseLayer => {
    const inputs = sizes[index]!;
    const bound = Math.sqrt(6 / inputs);
    return {
      inputs,
      units,
      kernel: uniform(inputs * units, random).map((value) => value * 2 * bound),
      bias: uniform(units, random),
    };
  });
  return { kind: 'perceptron', batch, layers, input: uniform(batch * sizes[0]!, random) };
}

/** Shape of a convolution; see {@link ConvolutionWork}. */
export type ConvolutionShape = Omit<ConvolutionWork, 'kind' | 'input' | 'weights' | 'bias'>;

export function makeConvolution(shape: ConvolutionShape, random: Random): ConvolutionWork {
  const { height, width, inChannels, outChannels, kernel, groups } = shape;
  return {
    kind: 'convolution',
    ...shape,
    input: uniform(height * width * inChannels, random),
    weights: uniform(kernel * kernel * (inChannels / groups) * outChannels, random),
    bias: uniform(outChannels, random),
  };
}

function uniform(count: number, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => random.uniform() - 0.5);
}
