/** A file in memory that is mapped readable and executable; code is written to the file. */
export interface Slab {
  readonly descriptor: number;
  readonly address: number;
  readonly byteLength: number;
}

/** A part of a slab that holds no code, or none any more. */
interface Gap {
  readonly slab: Slab;
  readonly offset: number;
  readonly byteLength: number;
}

/** Which parts of slabs are free. Lengths are whole multiples of the alignment of functions. */
export class CodeSlabs {
  readonly #closeFile: (descriptor: number) => void;
  #slabs: Slab[] = [];
  #gaps: Gap[] = [];

  constructor(closeFile: (descriptor: number) => void) {
    this.#closeFile = closeFile;
  }

  /** Takes a slab whose whole length is free. */
  add(slab: Slab): void {
    this.#slabs.push(slab);
    this.#gaps.push({ slab, offset: 0, byteLength: slab.byteLength });
  }

  /** The start of the smallest gap of at least `byteLength` bytes, which is taken; null where there is none. */
  take(byteLength: number): { readonly slab: Slab; readonly offset: number } | null {
    let best: Gap | null = null;
    for (const gap of this.#gaps) {
      if (gap.byteLength >= byteLength && gap.byteLength < (best?.byteLength ?? Number.POSITIVE_INFINITY))
        best = gap;
    }
    if (best === null) return null;
    const index = this.#gaps.indexOf(best);
    const { slab, offset, byteLength: whole } = best;
    const rest = { slab, offset: offset + byteLength, byteLength: whole - byteLength };
    this.#gaps.splice(index, 1, ...(rest.byteLength > 0 ? [rest] : []));
    return { slab, offset };
  }

  /** Makes `byteLength` bytes from `address` free; they were taken before. Code that lies elsewhere is left where it is. */
  release(address: number, byteLength: number): void {
    const slab = this.#slabs.find(
      (each) => address >= each.address && address < each.address + each.byteLength,
    );
    if (slab === undefined) return;
    let [start, end] = [address - slab.address, address - slab.address + byteLength];
    const apart = this.#gaps.filter((gap) => {
      if (gap.slab !== slab) return true;
      if (gap.offset + gap.byteLength === start) start = gap.offset;
      else if (gap.offset === end) end = gap.offset + gap.byteLength;
      else return true;
      return false;
    });
    this.#gaps = [...apart, { slab, offset: start, byteLength: end - start }];
  }

  /** Closes the files; code stays mapped. */
  close(): void {
    for (const { descriptor } of this.#slabs) this.#closeFile(descriptor);
    this.#slabs = [];
    this.#gaps = [];
  }
}
