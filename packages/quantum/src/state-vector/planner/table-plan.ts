/** @file What binding must write where: one record per table, made once with the plan. */

/** Where the number of a tangent comes from. */
export const TangentSource = {
  /** A rotation: its tangent as it is. */
  rotation: 0,
  /** A phase on one wire: a unit of twice the angle. */
  phase: 1,
  /** A parity: a unit of the angle. */
  parity: 2,
} as const;

/** Tangents as columns: each has one entry, or two of opposite sign that a parity chooses from. */
export interface TangentFills {
  readonly count: number;
  readonly operations: Int32Array;
  readonly sources: Uint8Array;
  readonly starts: Int32Array;
  /** Entries, 1 or 2. */
  readonly entries: Uint8Array;
  /** Numbers per entry. */
  readonly widths: Uint8Array;
  /** Where the signs of the lanes in entry 0, 1 or -1 each, begin in `signs`. */
  readonly signStarts: Int32Array;
  readonly signs: Float64Array;
  /** Where the cosine goes. */
  readonly scaleGroups: Int32Array;
}

/** One phase operation within a table. */
export interface TableTerm {
  readonly operation: number;
  readonly kind: 'phase' | 'parity';
  /** Over the table's local bits. */
  readonly localMask: number;
}

/** One diagonal within a table: `positions[i]` is the local bit of its wire `i`. */
export interface TableDiagonal {
  readonly operation: number;
  readonly wires: readonly number[];
  readonly positions: readonly number[];
}

/** Products of phases: entries `[2, 2^innerBits]`, cosines then sines, for every combination of the other local bits. */
export interface PhaseFill {
  readonly start: number;
  /** The wire of each local bit, -1 where nothing acts; the lowest `innerBits` are within an entry's run of cosines. */
  readonly localWires: readonly number[];
  readonly innerBits: number;
  /** By their highest local bit. */
  readonly terms: readonly (readonly TableTerm[])[];
  readonly diagonals: readonly TableDiagonal[];
  /** The group of cosines that the table takes in, or -1. */
  readonly scaleGroup: number;
}

/** Factors of one phase on many bits, and the lanes where it acts. */
export interface SelectedFill {
  readonly operation: number;
  readonly factors: readonly {
    readonly start: number;
    readonly rowWires: readonly number[];
    readonly outerWires: readonly number[];
  }[];
  readonly selectionStart: number;
  readonly laneWires: readonly number[];
}

/**
 * A product state: an entry `[2, lanes]`, and factors `[2, rowCount]` for every combination of outer bits, those without row wires
 * the same in all rows. Wire -1: |0>.
 */
export interface StartFill {
  readonly laneStart: number;
  readonly laneWires: readonly number[];
  readonly rowCount: number;
  readonly factors: SelectedFill['factors'];
}

/** A dense matrix. For bit `i` of its index (a wire): the bit of `r` or of `m` that it is. */
export interface MatrixFill {
  readonly operation: number;
  readonly start: number;
  readonly rowBits: readonly number[];
  readonly laneBits: readonly number[];
  /** Lane qubit of each lane bit. */
  readonly lanes: readonly number[];
  readonly laneCount: number;
  readonly scaleGroup: number;
}

/** One number. */
export interface ScaleFill {
  readonly start: number;
  readonly scaleGroup: number;
}

export interface TablePlan {
  readonly tangents: TangentFills;
  readonly phases: readonly PhaseFill[];
  readonly selected: readonly SelectedFill[];
  readonly matrices: readonly MatrixFill[];
  readonly scales: readonly ScaleFill[];
  /** Where the program does not begin with what is in memory. */
  readonly start: StartFill | null;
  readonly scaleGroups: number;
  readonly length: number;
}
