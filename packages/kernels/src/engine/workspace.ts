import type { ArrayConstructor } from './arena.ts';
import {
  type ArgExtremumOptions,
  argExtremumSteps,
  type GatherOptions,
  gatherSteps,
  type ReduceOptions,
  reduceSteps,
} from './axis-kernels.ts';
import { type BindingContext, bindSteps, type KernelSteps } from './binding.ts';
import type { BoundKernel } from './bound-kernel.ts';
import {
  type ConvolutionOptions,
  convolutionSteps,
  type DepthwiseOptions,
  depthwiseSteps,
} from './convolution.ts';
import { type CopyOptions, copySteps, type FillOptions, fillSteps } from './copy.ts';
import { type CombineOptions, type ConvertOptions, combineSteps, convertSteps } from './element-kernels.ts';
import { type GemmOptions, gemmSteps } from './gemm.ts';
import { type GemvOptions, gemvSteps } from './gemv.ts';
import { type IntegerGemmOptions, integerGemmSteps } from './integer-gemm.ts';
import { type MapOptions, mapSteps } from './map.ts';
import { type NibbleGemmOptions, nibbleGemmSteps } from './nibble-gemm.ts';
import { requireSize } from './operands.ts';
import { PackedMatrix, type PackMatrixOptions } from './packed-matrix.ts';
import { type PoolingOptions, poolingSteps } from './pooling.ts';
import { type ProcessBatchOptions, processBatchSteps } from './process-batch.ts';
import { type ResizeOptions, resizeSteps } from './resize.ts';
import {
  type ActivationOptions,
  activationSteps,
  type NormalizeOptions,
  normalizeSteps,
  type RowOptions,
  type ScaleChannelsOptions,
  scaleChannelsSteps,
  softmaxSteps,
} from './row-kernels.ts';

/**
 * Memory for kernels: makes the arrays that they work on, and binds kernels to them. Everything comes from the bytes that the
 * workspace was made with, one after the other: arrays, packed weights, scratch memory and argument blocks (64 bytes or a few
 * more for each kernel). Nothing is given back one by one; drop the workspace as a whole. Memory that is never touched costs
 * nothing, so a generous size is free.
 *
 * All checks happen when a kernel is bound; what is bound runs without any.
 */
export class KernelWorkspace {
  readonly #context: BindingContext;

  /** Made by `KernelEngine.workspace`. */
  constructor(context: BindingContext) {
    this.#context = context;
  }

  /** Bytes that the workspace was made with. */
  get byteLength(): number {
    return this.#context.arena.memory.byteLength;
  }

  /** Bytes that are not used yet. */
  get remainingBytes(): number {
    return this.#context.arena.remainingBytes;
  }

  /** Zeroed numbers in this workspace, aligned to 64 bytes. @throws BudgetExceededError when it has no room for them. */
  float32(length: number): Float32Array {
    return this.#array(Float32Array, length);
  }

  /** As {@link float32}. */
  int8(length: number): Int8Array {
    return this.#array(Int8Array, length);
  }

  /** As {@link float32}. */
  uint8(length: number): Uint8Array {
    return this.#array(Uint8Array, length);
  }

  /** As {@link float32}; holds the bits of float16 or bfloat16 numbers too. */
  uint16(length: number): Uint16Array {
    return this.#array(Uint16Array, length);
  }

  /** As {@link float32}. */
  int32(length: number): Int32Array {
    return this.#array(Int32Array, length);
  }

  /**
   * Packs a matrix into the order in which kernels read it, to be used as `b` of any number of products. The source is copied and
   * need not lie in this workspace.
   *
   * @throws InvalidArgumentError, ShapeMismatchError or BudgetExceededError, as {@link gemm}.
   */
  packMatrix(options: PackMatrixOptions): PackedMatrix {
    return PackedMatrix.pack(this.#context, options);
  }

  /**
   * Binds a float32 product, or a batch of products, to its operands.
   *
   * @throws InvalidArgumentError for operands of another type or workspace, impossible sizes or strides, and a result that overlaps
   *   an operand; ShapeMismatchError for arrays that do not fit; BudgetExceededError when the workspace has no room for what the
   *   kernel needs; VerificationError when generated code is wrong; UseAfterReleaseError after the engine's `dispose`.
   * @example
   * const product = space.gemm({ m: 64, n: 64, k: 64, a, b, c, bias, activation: 'relu' });
   * product.run();
   */
  gemm(options: GemmOptions): BoundKernel {
    return this.#bind(gemmSteps, options);
  }

  /**
   * Binds the product of a matrix with a vector. Row-major matrices are multiplied as they lie, with sums in 16 lanes; their bits
   * differ from those of {@link gemm}.
   *
   * @throws as {@link gemm}.
   */
  gemv(options: GemvOptions): BoundKernel {
    return this.#bind(gemvSteps, options);
  }

  /**
   * Binds an exact product of integer codes, with int32 sums or scaled to float32. Weights are packed when it is bound.
   *
   * @throws as {@link gemm}.
   */
  integerGemm(options: IntegerGemmOptions): BoundKernel {
    return this.#bind(integerGemmSteps, options);
  }

  /**
   * Binds a product with 4-bit weights in groups of 32 (MatMulNBits of ONNX Runtime). Weights are packed when it is bound.
   *
   * @throws as {@link gemm}.
   */
  nibbleGemm(options: NibbleGemmOptions): BoundKernel {
    return this.#bind(nibbleGemmSteps, options);
  }

  /**
   * Binds a convolution with bias, batch normalisation and activation. Weights are packed when it is bound. `windowOutputSize` gives
   * the size of the output.
   *
   * @throws as {@link gemm}.
   */
  convolution(options: ConvolutionOptions): BoundKernel {
    return this.#bind(convolutionSteps, options);
  }

  /** Binds a depthwise convolution; as {@link convolution}. */
  depthwise(options: DepthwiseOptions): BoundKernel {
    return this.#bind(depthwiseSteps, options);
  }

  /** Binds a pooling over windows. @throws as {@link gemm}. */
  pooling(options: PoolingOptions): BoundKernel {
    return this.#bind(poolingSteps, options);
  }

  /** Binds a function of every element. @throws as {@link gemm}. */
  activation(options: ActivationOptions): BoundKernel {
    return this.#bind(activationSteps, options);
  }

  /** Binds a softmax over each row. @throws as {@link gemm}. */
  softmax(options: RowOptions): BoundKernel {
    return this.#bind(softmaxSteps, options);
  }

  /** Binds a normalisation of each row: layer normalisation, or standardisation. @throws as {@link gemm}. */
  normalize(options: NormalizeOptions): BoundKernel {
    return this.#bind(normalizeSteps, options);
  }

  /** Binds a scale and a shift per column, such as a batch normalisation. @throws as {@link gemm}. */
  scaleChannels(options: ScaleChannelsOptions): BoundKernel {
    return this.#bind(scaleChannelsSteps, options);
  }

  /** Binds an operation on the elements of two arrays. @throws as {@link gemm}. */
  combine(options: CombineOptions): BoundKernel {
    return this.#bind(combineSteps, options);
  }

  /** Binds a copy between two layouts: a transposition, a slice, a part of a concatenation, a broadcast. @throws as {@link gemm}. */
  copy(options: CopyOptions): BoundKernel {
    return this.#bind(copySteps, options);
  }

  /** Binds the writing of one number into many elements. @throws as {@link gemm}. */
  fill(options: FillOptions): BoundKernel {
    return this.#bind(fillSteps, options);
  }

  /** Binds an expression in the elements of up to four arrays, which may repeat along axes. @throws as {@link gemm}. */
  map(options: MapOptions): BoundKernel {
    return this.#bind(mapSteps, options);
  }

  /** Binds a reduction along any axis. @throws as {@link gemm}. */
  reduce(options: ReduceOptions): BoundKernel {
    return this.#bind(reduceSteps, options);
  }

  /** Binds the search of the first largest or smallest element along any axis. @throws as {@link gemm}. */
  argExtremum(options: ArgExtremumOptions): BoundKernel {
    return this.#bind(argExtremumSteps, options);
  }

  /** Binds the copying of rows by their indices, such as an embedding. Indices are not checked when it runs. @throws as {@link gemm}. */
  gather(options: GatherOptions): BoundKernel {
    return this.#bind(gatherSteps, options);
  }

  /** Binds a resize of images by tables of cells and weights. @throws as {@link gemm}. */
  resize(options: ResizeOptions): BoundKernel {
    return this.#bind(resizeSteps, options);
  }

  /** Binds a conversion between number formats. @throws as {@link gemm}. */
  convert(options: ConvertOptions): BoundKernel {
    return this.#bind(convertSteps, options);
  }

  /** Binds a whole layer on raw samples: each is standardised, then multiplied and activated. @throws as {@link gemm}. */
  processBatch(options: ProcessBatchOptions): BoundKernel {
    return this.#bind(processBatchSteps, options);
  }

  #bind<Options>(
    plan: (context: BindingContext, options: Options) => KernelSteps,
    options: Options,
  ): BoundKernel {
    return this.#context.arena.reuse(() => bindSteps(this.#context, plan(this.#context, options)));
  }

  #array<Values>(type: ArrayConstructor<Values>, length: number): Values {
    requireSize('The length', length);
    return this.#context.arena.array(type, length, `${length} numbers`);
  }
}
