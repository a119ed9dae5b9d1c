import type { TensorInfo } from '@tensorflow/tfjs';
import type { CallBytes } from './call-memory.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { WeightPacking } from './program.ts';

interface PackedWeights {
  readonly biasId: object | null;
  /** Null after the first use: only weights that are used again are kept. */
  readonly bytes: CallBytes | null;
}

/**
 * Weights in the order in which kernels read them. The data of a tensor never changes, so that packed weights can be kept for as
 * long as the data live. While a model learns, its weights are new in each step: those of the first use are packed into memory that the
 * next ones overwrite.
 */
export class WeightCache {
  readonly #runner: KernelRunner;
  readonly #packed = new WeakMap<object, Map<string, PackedWeights>>();
  readonly #owners = new FinalizationRegistry<CallBytes>((bytes) => this.#runner.memory.release(bytes));
  #transient: CallBytes | null = null;

  constructor(runner: KernelRunner) {
    this.#runner = runner;
  }

  /** The packed weights; valid until the next call. */
  find(packing: WeightPacking, weights: TensorInfo, bias: TensorInfo | undefined): CallBytes {
    const biasId = bias?.dataId ?? null;
    let ofTensor = this.#packed.get(weights.dataId);
    const known = ofTensor?.get(packing.key);
    if (known !== undefined && known.biasId === biasId) {
      if (known.bytes !== null) return known.bytes;
      const bytes = this.#runner.memory.allocate(packing.byteLength);
      this.#owners.register(weights.dataId, bytes);
      ofTensor!.set(packing.key, { biasId, bytes });
      return this.#pack(packing, weights, bias, bytes);
    }
    if (ofTensor === undefined) {
      ofTensor = new Map();
      this.#packed.set(weights.dataId, ofTensor);
    }
    // What was packed with another bias stays allocated until the tensor goes, and is used again.
    if (known?.bytes) {
      ofTensor.set(packing.key, { biasId, bytes: known.bytes });
      return this.#pack(packing, weights, bias, known.bytes);
    }
    ofTensor.set(packing.key, { biasId, bytes: null });
    return this.#pack(packing, weights, bias, this.#transientBytes(packing.byteLength));
  }

  /** False at the first use of weights that are to be packed in a certain way: then packing them may not pay. */
  isReused(weights: TensorInfo, packingKey: string): boolean {
    const ofTensor = this.#packed.get(weights.dataId);
    if (ofTensor?.has(packingKey)) return true;
    const first = { biasId: null, bytes: null };
    if (ofTensor) ofTensor.set(packingKey, first);
    else this.#packed.set(weights.dataId, new Map([[packingKey, first]]));
    return false;
  }

  #pack(
    packing: WeightPacking,
    weights: TensorInfo,
    bias: TensorInfo | undefined,
    bytes: CallBytes,
  ): CallBytes {
    this.#runner.bringHere([weights, bias]);
    const target = bytes.bytes().subarray(0, packing.byteLength);
    const biasValues = bias === undefined ? null : this.#runner.floats(bias);
    packing.pack(this.#runner.floats(weights), biasValues, target as Uint8Array);
    return bytes;
  }

  #transientBytes(byteLength: number): CallBytes {
    if (this.#transient !== null && this.#transient.byteLength >= byteLength) return this.#transient;
    if (this.#transient !== null) this.#runner.memory.release(this.#transient);
    this.#transient = this.#runner.memory.allocate(byteLength);
    return this.#transient;
  }
}
