import type { Isa } from '@qedge/codegen';
import type { LazyModel } from '@qedge/memory';
import type { MappedFile, MappedPages, MemoryOverlay } from '@qedge/memory/node';
import type { Arena } from '../engine/arena.ts';
import type { OwnedWeights } from './compile-graph.ts';
import { sectionKey } from './prepared-weights.ts';

/** A page of WebAssembly; a multiple of every system's pages. */
const PAGE_BYTES = 65_536;

/** Where the sections of a file lie for the kernels of one memory. */
interface PlacedSections extends Disposable {
  /** What to add to an offset in the file. */
  readonly base: number;
  verify(): void;
}

/**
 * Packed weights in the sections of a mapped file. Machine code reads them where they are mapped; in a WebAssembly memory, pages of the file
 * take the place of pages of the memory; where neither can be, they are copied.
 */
export class MappedWeights implements OwnedWeights {
  readonly #file: MappedFile;
  readonly #model: LazyModel;
  readonly #arena: Arena;
  readonly #isa: Isa;
  /** Null: sections are copied one by one. Undefined: nothing was looked for yet. */
  #placed: PlacedSections | null | undefined;
  #copiedBytes = 0;

  constructor(file: MappedFile, model: LazyModel, arena: Arena, isa: Isa) {
    this.#file = file;
    this.#model = model;
    this.#arena = arena;
    this.#isa = isa;
  }

  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  find(key: string, byteLength: number): number | null {
    const section = this.#model.section(sectionKey(key));
    if (section === null || section.byteLength !== byteLength) return null;
    if (this.#placed === undefined) this.#placed = this.#place();
    if (this.#placed !== null) return this.#placed.base + section.byteOffset;
    const { address, byteOffset } = this.#arena.allocate(byteLength, 'packed weights');
    this.#model.borrowSection(sectionKey(key), (bytes) => {
      new Uint8Array(this.#arena.memory.buffer, byteOffset, byteLength).set(bytes);
    });
    this.#copiedBytes += byteLength;
    return address;
  }

  record(): void {}

  /** A page of a truncated file ends the process when it is read. @throws FileFormatError when the file changed. */
  verify(): void {
    this.#placed?.verify();
  }

  /** Gives the pages back. */
  [Symbol.dispose](): void {
    this.#placed?.[Symbol.dispose]();
    this.#placed = null;
  }

  #place(): PlacedSections | null {
    if (this.#isa === 'avx512' || this.#isa === 'avx2') return placePages(this.#file.pages());
    return this.#isa === 'interpreter' ? null : this.#overlay();
  }

  /** Maps all sections as one range: each of them may be too small to begin a page. */
  #overlay(): PlacedSections | null {
    const sections = this.#model.sectionKeys().map((key) => this.#model.section(key)!);
    const first = Math.min(...sections.map(({ byteOffset }) => byteOffset));
    const fileOffset = Math.floor(first / PAGE_BYTES) * PAGE_BYTES;
    const end = Math.max(...sections.map(({ byteOffset, byteLength }) => byteOffset + byteLength));
    const byteLength = Math.min(this.#file.byteLength, Math.ceil(end / PAGE_BYTES) * PAGE_BYTES) - fileOffset;
    const room = this.#arena.allocate(byteLength + 2 * PAGE_BYTES, 'pages of packed weights');
    const byteOffset = Math.ceil(room.byteOffset / PAGE_BYTES) * PAGE_BYTES;
    const range = { fileOffset, byteLength };
    const result = this.#file.mapInto({ buffer: this.#arena.memory.buffer }, byteOffset, range);
    if (!result.mapped) return null;
    return placeOverlay(result.overlay, room.address + byteOffset - room.byteOffset - fileOffset);
  }
}

function placePages(pages: MappedPages | null): PlacedSections | null {
  if (pages === null) return null;
  pages.verify();
  return { base: pages.address, verify: () => pages.verify(), [Symbol.dispose]: () => pages.dispose() };
}

function placeOverlay(overlay: MemoryOverlay, base: number): PlacedSections {
  return { base, verify: () => overlay.verify(), [Symbol.dispose]: () => overlay.dispose() };
}
