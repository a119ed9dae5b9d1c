import { builtInNames } from '../analysis/evaluate.ts';
import { GATE_DEFINITIONS } from '../gate-definitions.ts';
import { BUILT_IN_GATES, LIBRARY_GATES } from '../library-gates.ts';
import { isKeyword } from '../syntax/lexer.ts';
import type { OpenQasmVersion } from '../syntax/source-text.ts';

const LIBRARY = { 2: 'qelib1.inc', 3: 'stdgates.inc' } as const;

/** The words of a program that is being written: each thing gets one that nothing else has. */
export class NameTable {
  readonly #version: OpenQasmVersion;
  readonly #taken: Set<string>;

  constructor(version: OpenQasmVersion) {
    this.#version = version;
    this.#taken = new Set([
      ...builtInNames(version),
      ...Object.keys(GATE_DEFINITIONS[version]),
      ...BUILT_IN_GATES[version].keys(),
      ...LIBRARY_GATES[LIBRARY[version]]!.keys(),
      'sizeof',
    ]);
  }

  /** The name itself where the language allows it and nothing else has it, else one like it. */
  choose(name: string): string {
    let word = this.#spell(name);
    if (isKeyword(this.#version, word)) word += '_';
    while (this.#taken.has(word)) word += '_';
    this.#taken.add(word);
    return word;
  }

  #spell(name: string): string {
    if (this.#version === 3) {
      const word = name.replaceAll(/[^\p{L}\p{Nl}0-9_]/gu, '_');
      return /^[\p{L}\p{Nl}_]/u.test(word) ? word : `_${word}`;
    }
    const word = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
    return /^[a-z]/.test(word) ? word : `r_${word}`;
  }
}
