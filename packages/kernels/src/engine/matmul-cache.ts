import { ShapeMismatchError } from '@qedge/core';
import type { BoundKernel } from './bound-kernel.ts';
import { requireSize } from './operands.ts';
import type { KernelWorkspace } from './workspace.ts';

/** Sizes of `KernelEngine.matmul`. */
export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** True: `a` holds `[k, m]`. */
  readonly transposeA?: boolean;
  /** True: `b` holds `[n, k]`. */
  readonly transposeB?: boolean;
}

/** A product with arrays of its own. */
interface CachedProduct {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly c: Float32Array;
  readonly product: BoundKernel;
}

/** Shapes whose kernels and arrays are kept. */
const SHAPES = 16;

/** Bytes per thread for alignment, an argument block and the padding of small operands. */
const SLACK_BYTES = 2 ** 20;

/** Products on ordinary arrays, by shape; the one unused for longest makes room for a new one. */
export class MatmulCache {
  readonly #products = new Map<string, CachedProduct>();
  readonly #threads: number;
  readonly #createWorkspace: (byteLength: number) => KernelWorkspace;

  constructor(threads: number, createWorkspace: (byteLength: number) => KernelWorkspace) {
    this.#threads = threads;
    this.#createWorkspace = createWorkspace;
  }

  multiply(a: Float32Array, b: Float32Array, shape: MatmulShape): Float32Array {
    const { m, n, k, transposeA = false, transposeB = false } = shape;
    for (const [name, size] of Object.entries({ m, n, k })) requireSize(name, size);
    requireLength('a', a, m * k);
    requireLength('b', b, k * n);
    const key = `${m}x${n}x${k}${transposeA ? 'a' : ''}${transposeB ? 'b' : ''}`;
    const known = this.#products.get(key) ?? this.#bind(shape);
    // Maps keep the order of insertion: the last one is the one used last.
    this.#products.delete(key);
    this.#products.set(key, known);
    if (this.#products.size > SHAPES) this.#products.delete(this.#products.keys().next().value!);
    known.a.set(a);
    known.b.set(b);
    known.product.run();
    return known.c.slice();
  }

  clear(): void {
    this.#products.clear();
  }

  #bind({ m, n, k, transposeA = false, transposeB = false }: MatmulShape): CachedProduct {
    const operands = (m * k + k * n + m * n) * 4;
    // The kernel of each thread may copy both operands, padded.
    const space = this.#createWorkspace((1 + 2 * this.#threads) * operands + this.#threads * SLACK_BYTES);
    const [a, b, c] = [space.float32(m * k), space.float32(k * n), space.float32(m * n)];
    return { a, b, c, product: space.gemm({ m, n, k, a, b, c, transposeA, transposeB }) };
  }
}

function requireLength(name: string, values: Float32Array, length: number): void {
  if (values instanceof Float32Array && values.length === length) return;
  throw new ShapeMismatchError(`${name} does not fit its shape`, {
    expected: `a Float32Array of ${length} numbers`,
    actual: `${Object.prototype.toString.call(values).slice(8, -1)} of ${values.length}`,
  });
}
