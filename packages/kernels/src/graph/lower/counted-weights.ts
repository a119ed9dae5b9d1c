import type { PackedWeights } from '../../engine/packed-weights.ts';

/** Packed weights that count what was found and is read where it lies. */
export class CountedWeights implements PackedWeights {
  readonly #weights: PackedWeights;
  #foundBytes = 0;

  constructor(weights: PackedWeights) {
    this.#weights = weights;
  }

  get mappedBytes(): number {
    return this.#foundBytes - (this.#weights.copiedBytes ?? 0);
  }

  find(key: string, byteLength: number): number | null {
    const address = this.#weights.find(key, byteLength);
    if (address !== null) this.#foundBytes += byteLength;
    return address;
  }

  record(key: string, bytes: Uint8Array): void {
    this.#weights.record(key, bytes);
  }
}
