import { UseAfterReleaseError } from '@qedge/core';
import type { FileVersion } from './file-version.ts';
import type { FileMapping } from './posix-mapping.ts';

/**
 * A counted loan of a mapped file's bytes for machine code. They stay where they are until `dispose`, also when the file's handles
 * are disposed before. They are read-only: writing to them ends the process.
 *
 * @example
 * using pages = file.pages();
 * if (pages) { pages.verify(); kernel.run(pages.address + offset); }
 */
export class MappedPages implements Disposable {
  readonly #version: FileVersion;
  readonly #mapping: FileMapping;
  #disposed = false;

  /** @internal Use `MappedFile.pages`. */
  constructor(version: FileVersion, mapping: FileMapping) {
    this.#version = version;
    this.#mapping = mapping;
    mapping.lend();
  }

  /** Of the file's first byte; a multiple of the system's page size. */
  get address(): number {
    return this.#mapping.address;
  }

  /** Of the whole file. */
  get byteLength(): number {
    return this.#mapping.byteLength;
  }

  /**
   * To be called before code reads the bytes: a page that a truncated file no longer has ends the process.
   *
   * @throws FileFormatError when the file was truncated, changed, replaced or removed, UseAfterReleaseError after `dispose`.
   */
  verify(): void {
    if (this.#disposed) {
      throw new UseAfterReleaseError(`Pages of ${this.#version.path} were used after they were given back`);
    }
    this.#version.verify();
  }

  /** Ends the loan. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#mapping.giveBack();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
