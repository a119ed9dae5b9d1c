import {
  BudgetExceededError,
  DoubleReleaseError,
  type DType,
  dtypeByteLength,
  elementCount,
  InvalidArgumentError,
  isDType,
  type OwnedTensor,
  type Shape,
  type TensorData,
  UseAfterReleaseError,
} from '@qedge/core';
import { dataConstructor } from './model-file/raw-encoding.ts';

/** Options of {@link TensorPool}. */
export interface TensorPoolOptions {
  /** The most bytes that buffers in use and idle ones may have together; unlimited by default. */
  readonly maxBytes?: number;
  /** The most buffers, in use and idle together; unlimited by default. */
  readonly maxBuffers?: number;
  /** For development: remembers where each tensor was acquired and overwrites released bytes with 0xff (NaN in floats). */
  readonly debug?: boolean;
}

/** Options of {@link TensorPool.acquire}. */
export interface AcquireOptions {
  /** Fills the tensor with zeros. Off by default, because most tensors are overwritten at once. */
  readonly clear?: boolean;
}

/** What a pool has done so far and holds now. Bytes are those of the buffers: up to 25 % more than the tensors have, and at least 64. */
export interface TensorPoolStatistics {
  readonly acquisitions: number;
  readonly releases: number;
  /** Acquisitions that found an idle buffer. */
  readonly reuses: number;
  /** Buffers that had to be made. */
  readonly allocations: number;
  readonly buffersInUse: number;
  readonly buffersIdle: number;
  readonly bytesInUse: number;
  readonly bytesIdle: number;
  readonly peakBytesInUse: number;
}

/** A tensor that was not given back. */
export interface OutstandingTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  /** The stack of the call to `acquire`, innermost caller first. */
  readonly acquiredAt: string;
}

/** The tensors that were not given back. */
export interface LeakReport {
  readonly buffers: number;
  readonly bytes: number;
  /** One entry per tensor when the pool was made with `debug`, otherwise null. */
  readonly tensors: readonly OutstandingTensor[] | null;
}

/** A reusable piece of memory with the last view that was made of it. */
interface Block {
  readonly buffer: ArrayBuffer;
  view: TensorData | null;
}

/**
 * Lends typed arrays and takes them back, so that steady work allocates no buffers. Buffers come in size classes, four per doubling,
 * and are handed out again last in, first out, while they are still in the cache. Not shared between threads.
 *
 * @example
 * using pool = new TensorPool({ maxBytes: 1 << 20 });
 * {
 *   using hidden = pool.acquire('float32', [32, 128]);
 *   hidden.data.fill(1);
 * } // given back here
 */
export class TensorPool implements Disposable {
  readonly #maxBytes: number;
  readonly #maxBuffers: number;
  readonly #idle = new Map<number, Block[]>();
  readonly #outstanding: Map<PooledTensor, OutstandingTensor> | null;
  #disposed = false;
  #acquisitions = 0;
  #releases = 0;
  #allocations = 0;
  #buffersIdle = 0;
  #bytesIdle = 0;
  #bytesInUse = 0;
  #peakBytesInUse = 0;

  /** @throws InvalidArgumentError for a limit that is not a positive number. */
  constructor({
    maxBytes = Number.POSITIVE_INFINITY,
    maxBuffers = Number.POSITIVE_INFINITY,
    debug = false,
  }: TensorPoolOptions = {}) {
    for (const [name, limit] of Object.entries({ maxBytes, maxBuffers })) {
      if (typeof limit === 'number' && limit > 0) continue;
      throw new InvalidArgumentError(`A pool's ${name} is out of range`, { expected: '> 0', actual: limit });
    }
    this.#maxBytes = maxBytes;
    this.#maxBuffers = maxBuffers;
    this.#outstanding = debug ? new Map() : null;
  }

  /**
   * Lends a tensor. Its content is whatever the last user left, unless `clear` is set. Its `data` may not be used after `dispose`,
   * not even through a reference taken before.
   *
   * @param shape row-major; borrowed while the tensor is in use.
   * @throws BudgetExceededError when the limits or the machine leave no room, InvalidArgumentError for an unknown dtype or impossible shape,
   *   UseAfterReleaseError after the pool's `dispose`.
   */
  acquire(dtype: DType, shape: Shape, options?: AcquireOptions): OwnedTensor {
    if (this.#disposed) throw new UseAfterReleaseError('A tensor was acquired from a pool that is disposed');
    if (!isDType(dtype)) throw new InvalidArgumentError('Unknown dtype', { actual: String(dtype) });
    const byteLength = dtypeByteLength(dtype, elementCount(shape));
    const classBytes = sizeClass(byteLength);
    const block = this.#idle.get(classBytes)?.pop() ?? null;
    if (block) {
      this.#buffersIdle--;
      this.#bytesIdle -= classBytes;
    }
    const taken = block ?? this.#allocate(classBytes, byteLength);
    const tensor = new PooledTensor(dtype, shape, viewOf(taken, dtype, byteLength), () =>
      this.#release(tensor, taken, classBytes),
    );
    this.#acquisitions++;
    this.#bytesInUse += classBytes;
    this.#peakBytesInUse = Math.max(this.#peakBytesInUse, this.#bytesInUse);
    this.#outstanding?.set(tensor, { dtype, shape, byteLength, acquiredAt: callSite() });
    if (options?.clear) tensor.data.fill(0);
    return tensor;
  }

  /**
   * Makes the buffers that all of `specs` need at the same time, so that acquiring them later allocates nothing.
   *
   * @throws what {@link acquire} throws; the buffers made so far stay idle in the pool.
   */
  preallocate(specs: readonly { readonly dtype: DType; readonly shape: Shape }[]): void {
    const tensors: OwnedTensor[] = [];
    try {
      for (const { dtype, shape } of specs) tensors.push(this.acquire(dtype, shape));
    } finally {
      for (const tensor of tensors) tensor.dispose();
    }
  }

  /** Counters since the pool was made. */
  statistics(): TensorPoolStatistics {
    return {
      acquisitions: this.#acquisitions,
      releases: this.#releases,
      reuses: this.#acquisitions - this.#allocations,
      allocations: this.#allocations,
      buffersInUse: this.#acquisitions - this.#releases,
      buffersIdle: this.#buffersIdle,
      bytesInUse: this.#bytesInUse,
      bytesIdle: this.#bytesIdle,
      peakBytesInUse: this.#peakBytesInUse,
    };
  }

  /** What has not been given back, with the place of acquisition when the pool was made with `debug`. */
  leakReport(): LeakReport {
    return {
      buffers: this.#acquisitions - this.#releases,
      bytes: this.#bytesInUse,
      tensors: this.#outstanding && [...this.#outstanding.values()],
    };
  }

  /** Forgets the idle buffers and refuses further work. Tensors in use stay valid until they are given back. */
  dispose(): void {
    this.#disposed = true;
    this.#dropIdle(0, 0);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #allocate(classBytes: number, byteLength: number): Block {
    const room = this.#maxBytes - this.#bytesInUse;
    const buffersInUse = this.#acquisitions - this.#releases;
    if (classBytes > room || buffersInUse + 1 > this.#maxBuffers) {
      throw new BudgetExceededError(`A pool has no room for a tensor of ${byteLength} bytes`, {
        expected: `at most ${this.#maxBytes} bytes in ${this.#maxBuffers} buffers`,
        actual: `${this.#bytesInUse + classBytes} bytes in ${buffersInUse + 1} buffers`,
        remedy: 'Give tensors back earlier, or raise maxBytes or maxBuffers',
      });
    }
    this.#dropIdle(room - classBytes, this.#maxBuffers - buffersInUse - 1);
    const block = { buffer: allocateBytes(classBytes), view: null };
    this.#allocations++;
    return block;
  }

  /** Lets go of idle buffers, the largest first, until no more than the given bytes and buffers are idle. */
  #dropIdle(maxBytes: number, maxBuffers: number): void {
    if (this.#bytesIdle <= maxBytes && this.#buffersIdle <= maxBuffers) return;
    for (const classBytes of [...this.#idle.keys()].sort((a, b) => b - a)) {
      const blocks = this.#idle.get(classBytes)!;
      while (blocks.length > 0 && (this.#bytesIdle > maxBytes || this.#buffersIdle > maxBuffers)) {
        blocks.pop();
        this.#buffersIdle--;
        this.#bytesIdle -= classBytes;
      }
    }
  }

  #release(tensor: PooledTensor, block: Block, classBytes: number): void {
    this.#releases++;
    this.#bytesInUse -= classBytes;
    if (this.#outstanding) {
      this.#outstanding.delete(tensor);
      new Uint8Array(block.buffer).fill(0xff);
    }
    if (this.#disposed) return;
    const blocks = this.#idle.get(classBytes);
    if (blocks) blocks.push(block);
    else this.#idle.set(classBytes, [block]);
    this.#buffersIdle++;
    this.#bytesIdle += classBytes;
  }
}

class PooledTensor implements OwnedTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly #data: TensorData;
  #release: (() => void) | null;

  constructor(dtype: DType, shape: Shape, data: TensorData, release: () => void) {
    this.dtype = dtype;
    this.shape = shape;
    this.#data = data;
    this.#release = release;
  }

  get disposed(): boolean {
    return this.#release === null;
  }

  get data(): TensorData {
    if (this.#release === null) {
      throw new UseAfterReleaseError('The data of a pooled tensor was used after it was given back', {
        remedy: 'Dispose the tensor after its last use',
      });
    }
    return this.#data;
  }

  dispose(): void {
    const release = this.#release;
    if (release === null) {
      throw new DoubleReleaseError('A pooled tensor was given back twice', {
        remedy: 'Dispose it exactly once, for example with `using`',
      });
    }
    this.#release = null;
    release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const SMALLEST_CLASS_BYTES = 64;

/** @throws BudgetExceededError when the machine, or what the engine can address, is too small. */
function allocateBytes(byteLength: number): ArrayBuffer {
  try {
    return new ArrayBuffer(byteLength);
  } catch (cause) {
    throw new BudgetExceededError(`The host cannot allocate a buffer of ${byteLength} bytes`, {
      actual: String(cause),
      cause,
    });
  }
}

/** The size of the buffer for a tensor: 64 bytes, or the next of four equal steps between two powers of two. */
function sizeClass(byteLength: number): number {
  if (byteLength <= SMALLEST_CLASS_BYTES) return SMALLEST_CLASS_BYTES;
  // The integer path is the usual one; logarithms would take most of the time of an acquisition.
  const last = byteLength - 1;
  const step = last < 2 ** 31 ? 1 << (29 - Math.clz32(last)) : 2 ** (Math.floor(Math.log2(last)) - 2);
  return Math.ceil(byteLength / step) * step;
}

/** A view of the block's start; the previous one when it fits, because making views is what costs time. */
function viewOf(block: Block, dtype: DType, byteLength: number): TensorData {
  const Data = dataConstructor(dtype);
  if (block.view?.byteLength === byteLength && block.view.constructor === Data) return block.view;
  block.view = new Data(block.buffer, 0, byteLength / Data.BYTES_PER_ELEMENT);
  return block.view;
}

/** The stack above `acquire`. */
function callSite(): string {
  const lines = (new Error().stack ?? 'unknown').split('\n');
  return lines
    .slice(3)
    .map((line) => line.trim())
    .join('\n');
}
