import type { PackedWeights } from '../../engine/packed-weights.ts';
import type { RecordedWeights } from '../prepared-weights.ts';

/** Between packed weights, so that an address near them can be told to belong to them. */
const GAP_BYTES = 2 ** 22;

interface PlacedWeights {
  readonly key: string;
  readonly byteLength: number;
  readonly address: number;
}

/** Packed weights at addresses where nothing lies. */
export class ImagedWeights implements PackedWeights {
  readonly #known: readonly PlacedWeights[];
  readonly #used: PlacedWeights[] = [];

  constructor(recorded: RecordedWeights, start: number) {
    let address = start;
    this.#known = recorded.byteLengths().map(({ key, byteLength }) => {
      const known = { key, byteLength, address };
      address += Math.ceil(byteLength / GAP_BYTES + 1) * GAP_BYTES;
      return known;
    });
  }

  /** In the order of their use. */
  get used(): readonly { readonly key: string; readonly byteLength: number }[] {
    return this.#used.map(({ key, byteLength }) => ({ key, byteLength }));
  }

  find(key: string, byteLength: number): number | null {
    const known = this.#known.find((each) => each.key === key && each.byteLength === byteLength);
    if (known === undefined) return null;
    if (!this.#used.includes(known)) this.#used.push(known);
    return known.address;
  }

  record(): void {}

  /** Which weights an address belongs to, and how far from their start it is. Null: to none. */
  locate(address: number): { readonly index: number; readonly offset: number } | null {
    const index = this.#used.findIndex((weights) => {
      const offset = address - weights.address;
      return offset >= -GAP_BYTES / 4 && offset <= weights.byteLength + GAP_BYTES / 4;
    });
    return index < 0 ? null : { index, offset: address - this.#used[index]!.address };
  }
}
