/**
 * @file What the planner hands to the emitter: a circuit as sweeps over a state vector, made of vector operations on registers.
 *
 * Structure only. Every number that depends on an angle stands in tables, so that new parameters refill tables and need no new code.
 * The CPU emitters and later GPU engines read the same program.
 */

/** The numbers that a state is made of. */
export type AmplitudeElement = 'float32' | 'float64';

/**
 * How a state of `2^qubitCount` amplitudes lies in memory: blocks of `2^laneQubits` real parts followed by as many imaginary parts. Physical
 * qubit `q < laneQubits` is bit `q` of the lane, every other one a bit of the block's number. States are padded to at least one block.
 */
export interface StateLayout {
  /** Physical qubits; at least `laneQubits`. */
  readonly qubitCount: number;
  readonly laneQubits: number;
  readonly element: AmplitudeElement;
  /**
   * Bytes inserted after every `2^28` bytes of amplitudes (0: none): streams at such a distance fight for the same lines of the
   * level-1 cache on several processors.
   */
  readonly paddingBytes: number;
}

/** What the planner must know of the code that will run: found by measuring, one per target. */
export interface SweepShape {
  readonly laneQubits: number;
  /** Most qubits of a register block: 3 with 32 vector registers, else 2. */
  readonly blockQubits: number;
  /** Most qubits of a tile, which should stay in the level-2 cache. */
  readonly tileQubits: number;
  /** Lowest qubits that every tile holds, lanes included, so that memory is touched in long runs. */
  readonly lowQubits: number;
  /** Most qubits outside of the block that may index a phase table. */
  readonly tableQubits: number;
}

/** A circuit (or a part of one without measurements) on one layout. */
export interface VectorProgram {
  readonly layout: StateLayout;
  /** In order; each ends before the next begins. */
  readonly sweeps: readonly Sweep[];
  /** Numbers (of the layout's element) in all tables. */
  readonly tableLength: number;
}

/** One pass over the state, tile by tile. Tiles are independent of each other. */
export interface Sweep {
  /** Physical qubits inside a tile, ascending; all lanes are among them. */
  readonly tileQubits: readonly number[];
  /**
   * True where a tile is contiguous in memory and is worked on where it lies; else its first kernel reads from the state, its last
   * one writes back, and all between use a scratch tile (the same one when there is one kernel: memory to memory).
   */
  readonly inPlace: boolean;
  /** At least one. */
  readonly kernels: readonly RegisterKernel[];
}

/** Loads rows of vectors into registers, works on them, stores them: for every block of a tile. */
export interface RegisterKernel {
  /** Physical qubits, ascending, within the tile, no lanes: bit `i` of a row's number is the bit of `blockQubits[i]`. */
  readonly blockQubits: readonly number[];
  readonly operations: readonly VectorOperation[];
}

/**
 * Where an operation finds its numbers. The index of an entry is made of the bits of qubits that are neither lanes nor rows of
 * the kernel: loop bits inside the tile, or bits of the tile's own number.
 */
export interface TableReference {
  /** Position of entry 0 in the tables, in numbers; a multiple of 16. */
  readonly start: number;
  /** Physical qubits, least significant bit of the index first. */
  readonly indexQubits: readonly number[];
  /** True: the index is the parity of these bits (two entries), else their binary number. */
  readonly parity: boolean;
  /** Numbers per entry: a power of two. */
  readonly entryLength: number;
}

/** `lanes` numbers, one per lane, or one number for all lanes. */
export type TableWidth = 'vector' | 'splat';

/**
 * What happens to the rows in registers. `R` rows of `[re, im]` vectors; `signs` is a bit per row: 1 where the number of the table is
 * taken with the other sign.
 */
export type VectorOperation =
  | SetRows
  | RotateRows
  | RotateLanes
  | RotatePhase
  | MultiplyPhases
  | MultiplyFactors
  | MultiplyMatrix
  | Scale;

/**
 * Sets every row to the same complex number per lane, whatever it held; where it comes first, rows are not loaded. An entry holds the real
 * parts, then the imaginary ones: `[2, lanes]`.
 */
export interface SetRows {
  readonly kind: 'set-rows';
  readonly table: TableReference;
}

/** What a rotation turns about: Y, which mixes real with real parts, or X, which mixes real with imaginary ones. */
export type RotationAxis = 'x' | 'y';

/**
 * A rotation on a block qubit with its cosine left out; an entry holds `t`. For rows `a` (bit clear) and `b` (bit set) of a pair
 * `Ry` is `a' = a - s_a t b`, `b' = b + s_b t a`, real and imaginary parts alike, and `Rx` is `a' = a - i s_a t b`, `b' = b - i s_b t a`.
 */
export interface RotateRows {
  readonly kind: 'rotate-rows';
  readonly axis: RotationAxis;
  /** Index into `blockQubits`. */
  readonly position: number;
  readonly table: TableReference;
  readonly width: TableWidth;
  readonly signs: number;
}

/**
 * A rotation on a lane qubit with its cosine left out: `Ry` is `v' = v + s t exchange(v, 1 << lane)`, `Rx` is `v' = v - i s t exchange(v, 1 << lane)`.
 * An entry holds `t` per lane, sign included.
 */
export interface RotateLanes {
  readonly kind: 'rotate-lanes';
  readonly axis: RotationAxis;
  readonly lane: number;
  readonly table: TableReference;
  readonly signs: number;
}

/** `Rz` with its cosine left out: `re' = re + s t im`, `im' = im - s t re`. An entry holds `t`. */
export interface RotatePhase {
  readonly kind: 'rotate-phase';
  readonly table: TableReference;
  readonly width: TableWidth;
  readonly signs: number;
}

/**
 * `v' = v * factor`, a complex number per row (and lane). An entry holds for each row the cosines, then the sines: `[R, 2, lanes or 1]`.
 * Rows whose bit of `trivialRows` is set are 1 whatever the angles, and skipped; their numbers are in the table all the same.
 */
export interface MultiplyPhases {
  readonly kind: 'multiply-phases';
  readonly table: TableReference;
  readonly width: TableWidth;
  readonly trivialRows: number;
}

/**
 * `v' = v * product of the factors`, a complex number per row: for phases that depend on more qubits than one table may have. An
 * entry of each factor holds the cosines of all rows, then the sines: `[2, R]`.
 *
 * With a selection `m` (one number per lane, no index) it is `v' = v * (1 + m * product of the factors)`: a phase on the
 * states where many bits have given values, which no product of phases expresses.
 */
export interface MultiplyFactors {
  readonly kind: 'multiply-factors';
  /** One or more. */
  readonly factors: readonly TableReference[];
  readonly selection: TableReference | null;
  readonly trivialRows: number;
}

/** Numbers of a coefficient `a + ib` of a dense matrix: `a`, `a + b`, `b - a`. */
export const COEFFICIENT_NUMBERS = 3;

/**
 * A dense matrix on one or two qubits, each a row position or a lane: `v'_r = sum over rows s that differ from r in `positions` only and
 * over lane masks m of c[r, s, m] exchange(v_s, m)`, complex. With `x + iy` the amplitudes of a source and `[p, q, r] = [a, a + b, b - a]` of a
 * coefficient, three multiplications do for each (Gauss): `re' = sum p (x + y) - sum q y`, `im' = sum p (x + y) + sum r x`. An entry holds for every `r` of
 * the `2^p` combinations of position bits, every `s` alike and every `m` of the `2^l` combinations of lane bits these three:
 * `[2^p, 2^p, 2^l, 3, lanes or 1]` (lanes where there are lane bits, else 1).
 */
export interface MultiplyMatrix {
  readonly kind: 'multiply-matrix';
  /** Indices into `blockQubits`, the first one the least significant bit of `r` and `s`. */
  readonly positions: readonly number[];
  /** Lane qubits, the first one the least significant bit of `m`. */
  readonly lanes: readonly number[];
  readonly table: TableReference;
}

/** Multiplies everything by one number: the cosines that were left out. */
export interface Scale {
  readonly kind: 'scale';
  readonly table: TableReference;
}
