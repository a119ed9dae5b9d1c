import {
  BudgetExceededError,
  DoubleReleaseError,
  DTYPE_BITS,
  type DType,
  dtypeByteLength,
  elementCount,
  InvalidArgumentError,
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
  /** Who takes the tensor, for the leak report of a pool with `debug`. */
  readonly label?: string;
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
  /** As given to `acquire`, or null. */
  readonly label: string | null;
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
  readonly sizeClass: number;
  readonly classBytes: number;
  view: TensorData;
  viewDtype: DType;
  viewBytes: number;
}

/** Set by the class: gives a block back without a closure per tensor, which would take a third of the time of an acquisition. */
let giveBack: (pool: TensorPool, tensor: PooledTensor, block: Block) => void;

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
  /** By size class. */
  readonly #idle: Block[][] = Array.from({ length: SIZE_CLASSES }, () => []);
  readonly #outstanding: Map<PooledTensor, OutstandingTensor> | null;
  static {
    giveBack = (pool, tensor, block) => pool.#release(tensor, block);
  }

  #disposed = false;
  #acquisitions = 0;
  #releases = 0;
  #allocations = 0;
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
   * not even through a reference taken before. A buffer that was transferred (`postMessage`) is not reused.
   *
   * @param shape row-major; borrowed while the tensor is in use.
   * @throws BudgetExceededError when the limits or the machine leave no room, InvalidArgumentError for an unknown dtype or impossible shape,
   *   UseAfterReleaseError after the pool's `dispose`.
   */
  acquire(dtype: DType, shape: Shape, options?: AcquireOptions): OwnedTensor {
    if (this.#disposed) throw new UseAfterReleaseError('A tensor was acquired from a pool that is disposed');
    const byteLength = tensorByteLength(dtype, shape);
    const sizeClass = sizeClassOf(byteLength);
    const idle = this.#idle[sizeClass]!;
    let block = idle.pop();
    if (block === undefined) block = this.#allocate(dtype, byteLength, sizeClass);
    else if (block.viewBytes !== byteLength || block.viewDtype !== dtype)
      changeView(block, dtype, byteLength);
    const tensor = new PooledTensor(this, dtype, shape, block);
    this.#acquisitions++;
    this.#bytesInUse += block.classBytes;
    if (this.#bytesInUse > this.#peakBytesInUse) this.#peakBytesInUse = this.#bytesInUse;
    if (this.#outstanding !== null || options !== undefined) this.#applyOptions(tensor, byteLength, options);
    return tensor;
  }

  #applyOptions(tensor: PooledTensor, byteLength: number, { label, clear }: AcquireOptions = {}): void {
    const { dtype, shape } = tensor;
    this.#outstanding?.set(tensor, {
      dtype,
      shape,
      byteLength,
      label: label ?? null,
      acquiredAt: callSite(),
    });
    if (clear) tensor.data.fill(0);
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
    const idle = this.#countIdle();
    return {
      acquisitions: this.#acquisitions,
      releases: this.#releases,
      reuses: this.#acquisitions - this.#allocations,
      allocations: this.#allocations,
      buffersInUse: this.#acquisitions - this.#releases,
      buffersIdle: idle.buffers,
      bytesInUse: this.#bytesInUse,
      bytesIdle: idle.bytes,
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

  #allocate(dtype: DType, byteLength: number, sizeClass: number): Block {
    const classBytes = classByteLength(sizeClass);
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
    const buffer = allocateBytes(classBytes);
    const view = makeView(buffer, dtype, byteLength);
    this.#allocations++;
    return { buffer, sizeClass, classBytes, view, viewDtype: dtype, viewBytes: byteLength };
  }

  /** Lets go of idle buffers, the largest first, until no more than the given bytes and buffers are idle. */
  #dropIdle(maxBytes: number, maxBuffers: number): void {
    let { buffers, bytes } = this.#countIdle();
    for (let sizeClass = SIZE_CLASSES - 1; sizeClass >= 0; sizeClass--) {
      const blocks = this.#idle[sizeClass]!;
      while (blocks.length > 0 && (bytes > maxBytes || buffers > maxBuffers)) {
        bytes -= blocks.pop()!.classBytes;
        buffers--;
      }
    }
  }

  /** Counted when asked, so that lending and taking back need not keep count. */
  #countIdle(): { buffers: number; bytes: number } {
    let [buffers, bytes] = [0, 0];
    for (const [sizeClass, blocks] of this.#idle.entries()) {
      buffers += blocks.length;
      bytes += blocks.length * classByteLength(sizeClass);
    }
    return { buffers, bytes };
  }

  #release(tensor: PooledTensor, block: Block): void {
    this.#releases++;
    this.#bytesInUse -= block.classBytes;
    this.#outstanding?.delete(tensor);
    // A buffer that was transferred to another thread holds nothing any more.
    if (this.#disposed || block.buffer.byteLength !== block.classBytes) return;
    if (this.#outstanding !== null) new Uint8Array(block.buffer).fill(0xff);
    this.#idle[block.sizeClass]!.push(block);
  }
}

class PooledTensor implements OwnedTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly #pool: TensorPool;
  #block: Block | null;

  constructor(pool: TensorPool, dtype: DType, shape: Shape, block: Block) {
    this.dtype = dtype;
    this.shape = shape;
    this.#pool = pool;
    this.#block = block;
  }

  get disposed(): boolean {
    return this.#block === null;
  }

  get data(): TensorData {
    if (this.#block !== null) return this.#block.view;
    throw new UseAfterReleaseError('The data of a pooled tensor was used after it was given back', {
      remedy: 'Dispose the tensor after its last use',
    });
  }

  dispose(): void {
    const block = this.#block;
    if (block === null) {
      throw new DoubleReleaseError('A pooled tensor was given back twice', {
        remedy: 'Dispose it exactly once, for example with `using`',
      });
    }
    this.#block = null;
    giveBack(this.#pool, this, block);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const SMALLEST_CLASS_BYTES = 64;
/** Enough for buffers of 2^56 bytes, which no engine can make. */
const SIZE_CLASSES = 4 * 50 + 1;

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

/** What `dtypeByteLength` and `elementCount` give, in a third of their time where every size is a 32-bit integer. */
function tensorByteLength(dtype: DType, shape: Shape): number {
  const bits = DTYPE_BITS[dtype];
  // Not a number for inherited names either.
  if (typeof bits !== 'number') throw new InvalidArgumentError('Unknown dtype', { actual: String(dtype) });
  let count = 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    if ((size | 0) !== size || size < 0) return dtypeByteLength(dtype, elementCount(shape));
    count *= size;
  }
  if (count > 2 ** 48) return dtypeByteLength(dtype, elementCount(shape));
  return bits < 8 ? Math.ceil((count * bits) / 8) : count * (bits >> 3);
}

/** Class 0 holds up to 64 bytes; then there are four classes, with equal steps between, for every doubling. */
function sizeClassOf(byteLength: number): number {
  if (byteLength <= SMALLEST_CLASS_BYTES) return 0;
  const last = byteLength - 1;
  // The integer path is the usual one; logarithms would take most of the time of an acquisition.
  if (last < 2 ** 31) {
    const exponent = 31 - Math.clz32(last);
    return ((exponent - 6) << 2) + ((last >>> (exponent - 2)) & 3) + 1;
  }
  const exponent = Math.floor(Math.log2(last));
  return (exponent - 6) * 4 + (Math.floor(last / 2 ** (exponent - 2)) % 4) + 1;
}

/** The size of the buffers of a class. */
function classByteLength(sizeClass: number): number {
  if (sizeClass === 0) return SMALLEST_CLASS_BYTES;
  const quarter = (sizeClass - 1) % 4;
  return 2 ** (Math.floor((sizeClass - 1) / 4) + 4) * (5 + quarter);
}

/** The previous view is kept as long as it fits, because making views is what costs time. */
function changeView(block: Block, dtype: DType, byteLength: number): void {
  block.view = makeView(block.buffer, dtype, byteLength);
  block.viewDtype = dtype;
  block.viewBytes = byteLength;
}

function makeView(buffer: ArrayBuffer, dtype: DType, byteLength: number): TensorData {
  const Data = dataConstructor(dtype);
  return new Data(buffer, 0, byteLength / Data.BYTES_PER_ELEMENT);
}

/** The stack above `acquire`. */
function callSite(): string {
  const lines = (new Error().stack ?? 'unknown').split('\n');
  return lines
    .slice(4)
    .map((line) => line.trim())
    .join('\n');
}
