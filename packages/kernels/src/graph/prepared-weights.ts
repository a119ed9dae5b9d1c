import type { PackedWeights } from '../engine/packed-weights.ts';

/** Changes with every change of what packed bytes mean. */
const LAYOUT_VERSION = 1;

/** The key of packed weights in a model file. */
export function sectionKey(key: string): string {
  return `packed ${LAYOUT_VERSION} ${key}`;
}

/** Packed weights that are collected to be written. Nothing is found in them. */
export class RecordedWeights implements PackedWeights {
  readonly #sections = new Map<string, Uint8Array>();

  find(): null {
    return null;
  }

  record(key: string, bytes: Uint8Array): void {
    const known = this.#sections.has(key);
    if (!known) this.#sections.set(key, Uint8Array.from(bytes));
  }

  /** The bytes of each key, in the order of their recording. */
  byteLengths(): { readonly key: string; readonly byteLength: number }[] {
    return [...this.#sections].map(([key, { byteLength }]) => ({ key, byteLength }));
  }

  /** Their bytes, owned by this object. */
  sections(): { readonly key: string; readonly bytes: Uint8Array }[] {
    return [...this.#sections].map(([key, bytes]) => ({ key: sectionKey(key), bytes }));
  }
}
