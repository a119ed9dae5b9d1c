import type { MemoryOperand, Pointer, Target, TargetTraits, Vector } from '@qedge/codegen';

/** Fields of the argument block of a sweep. */
export const SWEEP_ARGUMENTS = {
  state: 0,
  /** Scratch memory of the thread: {@link WORKSPACE_BYTES}, then a tile. */
  scratch: 1,
  tables: 2,
  /** The offset within the state of the tile that comes next; at the start, of the first one. */
  nextOffset: 3,
  tileCount: 4,
  // What the sweep itself keeps there while it runs:
  tileOffset: 5,
  tile: 6,
  nextTile: 7,
  /** The first of the fields that hold addresses of table entries while a kernel runs. */
  entries: 8,
} as const;

/** Bytes at the start of scratch memory where operations put vectors aside. */
export const WORKSPACE_BYTES = 8192;

/** Most qubits of a block that a target has registers for. */
export function blockQubitsOf(traits: TargetTraits): number {
  return traits.vectors >= 31 ? 3 : 2;
}

/** Registers of a sweep, claimed in one order, so that the same operation is the same code in every kernel. */
export class KernelRegisters {
  readonly tables: Pointer;
  readonly scratch: Pointer;
  readonly tile: Pointer;
  readonly tileOffset: Pointer;
  readonly nextTile: Pointer;
  /** The subset of loop bits, as an offset within the tile. */
  readonly local: Pointer;
  /** The same as an offset within the state. */
  readonly far: Pointer;
  readonly memory: Pointer;
  readonly inScratch: Pointer;
  readonly entry: Pointer;
  readonly part: Pointer;
  readonly temporaries: readonly Vector[];
  readonly #rows: readonly Vector[];
  readonly #parts: readonly (readonly [Vector, Vector])[];

  constructor(target: Target<unknown>) {
    const { traits } = target;
    this.tables = target.pointer('tables');
    this.scratch = target.pointer('scratch');
    this.tile = target.pointer('tile');
    this.tileOffset = target.pointer('offset of the tile');
    this.nextTile = target.pointer('next tile');
    this.local = target.pointer('offset within the tile');
    this.far = target.pointer('offset within the state');
    this.memory = target.pointer('rows in memory');
    this.inScratch = target.pointer('rows in scratch');
    this.entry = target.pointer('table entry');
    this.part = target.pointer('part of an address');
    const rowVectors = 2 * 2 ** blockQubitsOf(traits);
    const rows = target.vectors('rows', rowVectors);
    this.#rows = rows;
    const parts: [Vector, Vector][] = [];
    for (let i = 0; i < rowVectors; i += 2) parts.push([rows[i]!, rows[i + 1]!]);
    this.#parts = parts;
    const free = traits.vectors - rowVectors - traits.temporaries.fma;
    this.temporaries = target.vectors('temporaries', free);
  }

  real(row: number): Vector {
    return this.#rows[2 * row]!;
  }

  imaginary(row: number): Vector {
    return this.#rows[2 * row + 1]!;
  }

  /** Both parts of a row. */
  parts(row: number): readonly [Vector, Vector] {
    return this.#parts[row]!;
  }

  /** Both parts of the first `rowCount` rows. */
  rowVectors(rowCount: number): readonly Vector[] {
    return 2 * rowCount === this.#rows.length ? this.#rows : this.#rows.slice(0, 2 * rowCount);
  }

  /** The place of vector `index` of the workspace. */
  workspace(index: number): MemoryOperand {
    return { base: this.scratch, offset: 64 * index };
  }
}

/** Hands out registers in turn. */
export class Rotation {
  readonly #vectors: readonly Vector[];
  #next = 0;

  constructor(vectors: readonly Vector[]) {
    this.#vectors = vectors;
  }

  next(): Vector {
    const vector = this.#vectors[this.#next]!;
    this.#next = (this.#next + 1) % this.#vectors.length;
    return vector;
  }
}
