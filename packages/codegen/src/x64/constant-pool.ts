import type { CodeBuffer } from './code-buffer.ts';
import { Label } from './registers.ts';

/** A cache line: constants up to this size, aligned to their size, never cross one. */
const POOL_ALIGNMENT = 64;

interface Constant {
  readonly label: Label;
  readonly words: readonly number[];
}

/** Constants behind the code, each stored once. */
export class ConstantPool {
  readonly #constants = new Map<string, Constant>();

  /** The place of `words`, 32 bits each; their number is a power of two, at most 16. */
  place(words: readonly number[]): Label {
    const key = words.join();
    let constant = this.#constants.get(key);
    if (constant === undefined) {
      constant = { label: new Label(), words: words.map((word) => word >>> 0) };
      this.#constants.set(key, constant);
    }
    return constant.label;
  }

  /** Appends all constants, the longest first, so that each is aligned to its own length. */
  append(buffer: CodeBuffer): void {
    if (this.#constants.size === 0) return;
    buffer.align(POOL_ALIGNMENT);
    const longestFirst = [...this.#constants.values()].sort((a, b) => b.words.length - a.words.length);
    for (const { label, words } of longestFirst) {
      buffer.bind(label);
      for (const word of words) {
        buffer.reserve();
        buffer.int32(word);
      }
    }
  }
}
