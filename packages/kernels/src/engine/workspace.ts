import type { BindingContext } from './binding.ts';
import type { BoundKernel } from './bound-kernel.ts';
import { bindGemm, type GemmOptions } from './gemm.ts';
import { requireSize } from './operands.ts';
import { PackedMatrix, type PackMatrixOptions } from './packed-matrix.ts';

/** Array types by the name of the method that makes them. */
type ArrayConstructor<Values> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Values;

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
    return this.#allocate(Float32Array, length);
  }

  /** As {@link float32}. */
  int8(length: number): Int8Array {
    return this.#allocate(Int8Array, length);
  }

  /** As {@link float32}. */
  uint8(length: number): Uint8Array {
    return this.#allocate(Uint8Array, length);
  }

  /** As {@link float32}; holds the bits of float16 or bfloat16 numbers too. */
  uint16(length: number): Uint16Array {
    return this.#allocate(Uint16Array, length);
  }

  /** As {@link float32}. */
  int32(length: number): Int32Array {
    return this.#allocate(Int32Array, length);
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
    return bindGemm(this.#context, options);
  }

  #allocate<Values extends { readonly BYTES_PER_ELEMENT: number }>(
    type: ArrayConstructor<Values> & { readonly BYTES_PER_ELEMENT: number },
    length: number,
  ): Values {
    requireSize('The length', length);
    const { arena } = this.#context;
    const { byteOffset } = arena.allocate(length * type.BYTES_PER_ELEMENT, `${length} numbers`);
    return new type(arena.memory.buffer, byteOffset, length);
  }
}
