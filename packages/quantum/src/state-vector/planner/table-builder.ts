import { type LoweredOperations, OperationKind } from '../lowering/lowered-circuit.ts';
import { COEFFICIENT_NUMBERS, type TableReference } from '../vector-program.ts';
import { isOdd } from './bits.ts';
import type {
  MatrixFill,
  PhaseFill,
  ScaleFill,
  SelectedFill,
  StartFill,
  TablePlan,
  TableTerm,
  TangentFills,
} from './table-plan.ts';

/** Rotations whose cosines may be left out before something multiplies with them: amplitudes grow by at most 2^32. */
const MOST_DEFERRED = 64;
/** Tables begin where vectors of any width are aligned. */
const ALIGNMENT = 16;

/** Places tables and notes what binding writes into them. */
export class TableBuilder {
  readonly #operations: LoweredOperations;
  readonly #wireOf: Int32Array;
  /** Seven numbers per tangent, in the order of {@link TangentFills}. */
  readonly #tangents: number[] = [];
  readonly #signs: number[] = [];
  readonly #signPlaces = new Map<number, number>();
  readonly #phases: PhaseFill[] = [];
  readonly #selected: SelectedFill[] = [];
  readonly #matrices: MatrixFill[] = [];
  readonly #scales: ScaleFill[] = [];
  /** Scratch: where a physical qubit's bit is within the current table. */
  readonly #localOf = new Int32Array(32);
  #start: StartFill | null = null;
  #length = 0;
  #group = 0;
  #deferred = 0;
  /** The last group that something takes in. */
  #absorbed = -1;

  /** `wireOf[physical]` is the wire of a physical qubit. */
  constructor(operations: LoweredOperations, wireOf: Int32Array) {
    this.#operations = operations;
    this.#wireOf = wireOf;
  }

  #allocate(length: number): number {
    const start = this.#length;
    this.#length = Math.ceil((start + length) / ALIGNMENT) * ALIGNMENT;
    return start;
  }

  /** True when cosines have to be multiplied with before more rotations. */
  get isFull(): boolean {
    return this.#deferred >= MOST_DEFERRED;
  }

  /** True when a table that can take cosines in should. */
  get isHalfFull(): boolean {
    return 2 * this.#deferred >= MOST_DEFERRED;
  }

  #absorb(): number {
    this.#absorbed = this.#group++;
    this.#deferred = 0;
    return this.#absorbed;
  }

  /** `outer` chooses between two signs by its parity. */
  addTangent(
    operation: number,
    width: number,
    laneSigns: number,
    outer: readonly number[],
    source: number,
  ): TableReference {
    const entries = outer.length > 0 ? 2 : 1;
    const start = this.#allocate(entries * width);
    const signs = this.#placeSigns(laneSigns, width);
    this.#tangents.push(operation, source, start, entries, width, signs, this.#group);
    this.#deferred++;
    return { start, indexQubits: outer, parity: entries === 2, entryLength: width };
  }

  /**
   * A product of phases. Local bits are `inner` (within a run of cosines), `rows`, `outer`, physical qubits each. With `absorbs` it takes in the cosines left out so far.
   */
  addPhases(
    terms: readonly number[],
    masks: Int32Array,
    inner: readonly number[],
    rows: readonly number[],
    outer: readonly number[],
    absorbs: boolean,
  ): TableReference {
    const local = [...inner, ...rows, ...outer];
    const start = this.#allocate(2 * 2 ** local.length);
    const localOf = this.#localOf;
    const localWires: number[] = [];
    const byTop: TableTerm[][] = [];
    for (let position = 0; position < local.length; position++) {
      const qubit = local[position]!;
      localOf[qubit] = position;
      localWires.push(this.#wireOf[qubit]!);
      byTop.push([]);
    }
    const diagonals: PhaseFill['diagonals'][number][] = [];
    for (const operation of terms) {
      const kind = this.#operations.kinds[operation];
      if (kind === OperationKind.diagonal) {
        diagonals.push(this.#placeDiagonal(operation));
        continue;
      }
      const localMask = this.#toLocal(masks[operation]!);
      byTop[31 - Math.clz32(localMask)]!.push({
        operation,
        localMask,
        kind: kind === OperationKind.parity ? 'parity' : 'phase',
      });
    }
    this.#phases.push({
      start,
      localWires,
      innerBits: inner.length,
      terms: byTop,
      diagonals,
      scaleGroup: absorbs ? this.#absorb() : -1,
    });
    return { start, indexQubits: outer, parity: false, entryLength: 2 * 2 ** (inner.length + rows.length) };
  }

  #toLocal(mask: number): number {
    let local = 0;
    for (let rest = mask; rest !== 0; rest &= rest - 1)
      local |= 1 << this.#localOf[31 - Math.clz32(rest & -rest)]!;
    return local;
  }

  #placeDiagonal(operation: number): PhaseFill['diagonals'][number] {
    const wires = this.#operations.wires.get(operation)!;
    return { operation, wires, positions: wires.map((wire) => this.#localOf[this.#wireOf.indexOf(wire)]!) };
  }

  /** A phase where all of many bits are 1: factors on groups of outer bits, the first one with the rows; and the lanes. */
  addSelected(
    operation: number,
    lanes: readonly number[],
    laneQubits: number,
    rows: readonly number[],
    blockQubits: number,
    groups: readonly (readonly number[])[],
  ): { factors: TableReference[]; selection: TableReference } {
    const wires = (qubits: readonly number[]) =>
      qubits.map((qubit) => (qubit < 0 ? -1 : this.#wireOf[qubit]!));
    const entryLength = 2 * 2 ** blockQubits;
    const rowWires = wires(rows);
    const factors = groups.map((outer, index) => ({
      start: this.#allocate(entryLength * 2 ** outer.length),
      rowWires: index === 0 ? rowWires : rowWires.map(() => -1),
      outerWires: wires(outer),
    }));
    const selectionStart = this.#allocate(2 ** laneQubits);
    this.#selected.push({ operation, factors, selectionStart, laneWires: wires(lanes) });
    return {
      factors: factors.map(({ start }, index) => ({
        start,
        indexQubits: groups[index]!,
        parity: false,
        entryLength,
      })),
      selection: { start: selectionStart, indexQubits: [], parity: false, entryLength: 2 ** laneQubits },
    };
  }

  /** A product state: its lanes, and factors on groups of outer qubits, the first one with the rows. */
  addStart(
    lanes: readonly number[],
    rows: readonly number[],
    groups: readonly (readonly number[])[],
  ): { lanes: TableReference; factors: TableReference[] } {
    const wires = (qubits: readonly number[]) => qubits.map((qubit) => this.#wireOf[qubit]!);
    const entryLength = 2 * 2 ** rows.length;
    const laneStart = this.#allocate(2 * 2 ** lanes.length);
    const factors = groups.map((outer, index) => ({
      start: this.#allocate(entryLength * 2 ** outer.length),
      rowWires: index === 0 ? wires(rows) : [],
      outerWires: wires(outer),
    }));
    this.#start = { laneStart, laneWires: wires(lanes), rowCount: 2 ** rows.length, factors };
    const reference = { indexQubits: [], parity: false };
    return {
      lanes: { ...reference, start: laneStart, entryLength: 2 * 2 ** lanes.length },
      factors: factors.map(({ start }, index) => {
        return { ...reference, start, indexQubits: groups[index]!, entryLength };
      }),
    };
  }

  /** A matrix whose wire `i` is a row position or a lane. */
  addMatrix(
    operation: number,
    places: readonly { readonly row: boolean; readonly bit: number }[],
    lanes: readonly number[],
    laneQubits: number,
  ): TableReference {
    const rowBits = places.map(({ row, bit }) => (row ? bit : -1));
    const laneBits = places.map(({ row, bit }) => (row ? -1 : bit));
    const rowCount = 2 ** (2 - lanes.length);
    const laneCount = lanes.length > 0 ? 2 ** laneQubits : 1;
    // Rounded up to a power of two.
    const coefficients = rowCount * rowCount * 2 ** lanes.length;
    const entryLength = 2 ** Math.ceil(Math.log2(coefficients * COEFFICIENT_NUMBERS * laneCount));
    const start = this.#allocate(entryLength);
    this.#matrices.push({
      operation,
      start,
      rowBits,
      laneBits,
      lanes,
      laneCount,
      scaleGroup: this.#absorb(),
    });
    return { start, indexQubits: [], parity: false, entryLength };
  }

  addScale(): TableReference {
    const start = this.#allocate(1);
    this.#scales.push({ start, scaleGroup: this.#absorb() });
    return { start, indexQubits: [], parity: false, entryLength: 1 };
  }

  /** True where cosines are left that nothing takes in; else the last table takes them in ahead. */
  needsFinalScale(): boolean {
    return this.#deferred > 0 && this.#absorbed < 0;
  }

  finish(): TablePlan {
    const tangents = this.#finishTangents();
    return {
      tangents,
      phases: this.#phases,
      selected: this.#selected,
      matrices: this.#matrices,
      scales: this.#scales,
      start: this.#start,
      scaleGroups: this.#group + 1,
      length: this.#length,
    };
  }

  /** Patterns of signs are few: one copy of each. All vectors of a program are of one width. */
  #placeSigns(laneSigns: number, width: number): number {
    if (width === 1) return 0;
    const known = this.#signPlaces.get(laneSigns);
    if (known !== undefined) return known;
    const place = this.#signs.length;
    this.#signPlaces.set(laneSigns, place);
    for (let lane = 0; lane < width; lane++) this.#signs.push(((laneSigns >>> lane) & 1) === 1 ? -1 : 1);
    return place;
  }

  #finishTangents(): TangentFills {
    const rows = this.#tangents;
    const count = rows.length / 7;
    const fills: TangentFills = {
      count,
      operations: new Int32Array(count),
      sources: new Uint8Array(count),
      starts: new Int32Array(count),
      entries: new Uint8Array(count),
      widths: new Uint8Array(count),
      signStarts: new Int32Array(count),
      signs: new Float64Array(this.#signs),
      scaleGroups: new Int32Array(count),
    };
    for (let i = 0; i < count; i++) {
      fills.operations[i] = rows[7 * i]!;
      fills.sources[i] = rows[7 * i + 1]!;
      fills.starts[i] = rows[7 * i + 2]!;
      fills.entries[i] = rows[7 * i + 3]!;
      fills.widths[i] = rows[7 * i + 4]!;
      fills.signStarts[i] = rows[7 * i + 5]!;
      const group = rows[7 * i + 6]!;
      // What nothing takes in afterwards the last table takes in ahead.
      fills.scaleGroups[i] = group === this.#group ? this.#absorbed : group;
    }
    return fills;
  }
}

/** Which lanes have an odd number of the bits of `mask`, a bit each. */
export function oddLanes(mask: number, laneQubits: number): number {
  let signs = 0;
  if (mask === 0) return signs;
  for (let lane = 1; lane < 1 << laneQubits; lane++) {
    if (isOdd(lane & mask)) signs |= 1 << lane;
  }
  return signs;
}
