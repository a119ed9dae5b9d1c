import { type LoweredOperations, OperationKind } from '../lowering/lowered-circuit.ts';
import type { RegisterKernel, TableReference, VectorOperation } from '../vector-program.ts';
import { countBits, isOdd, listBits, lowBits } from './bits.ts';
import { type KernelScan, StepKind } from './kernel-scan.ts';
import { oddLanes, type TableBuilder } from './table-builder.ts';
import { TangentSource } from './table-plan.ts';

/** Most outer qubits of one factor: its table stays in the level-1 cache. */
const FACTOR_QUBITS = 7;
/** Outer qubits of one factor of a product state: more make binding slower, fewer the kernel. */
const START_QUBITS = 5;

/** What stays the same for all kernels of a program. */
export interface EmissionContext {
  readonly operations: LoweredOperations;
  /** Of physical qubits, by operation. */
  readonly masks: Int32Array;
  readonly controls: Int32Array;
  readonly certain: Int32Array;
  readonly certainBits: Int32Array;
  /** The physical qubit of each wire. */
  readonly physicalOf: Int32Array;
  readonly tables: TableBuilder;
  readonly laneQubits: number;
  readonly tableQubits: number;
}

/** Writes the operations of one kernel. */
export class KernelEmitter {
  readonly #context: EmissionContext;
  readonly #block: readonly number[];
  readonly #blockMask: number;
  readonly #laneMask: number;
  /** The block qubits that are 1 in each row. */
  readonly #rowBits: number[];
  readonly #operations: VectorOperation[] = [];

  constructor(context: EmissionContext, blockMask: number) {
    this.#context = context;
    this.#block = listBits(blockMask);
    this.#blockMask = blockMask;
    this.#laneMask = lowBits(context.laneQubits);
    this.#rowBits = [0];
    for (const qubit of this.#block) {
      for (let row = 0, rows = this.#rowBits.length; row < rows; row++) {
        this.#rowBits.push(this.#rowBits[row]! | (1 << qubit));
      }
    }
  }

  /** The steps that a scan recorded. */
  emitSteps(scan: KernelScan): void {
    let from = 0;
    for (let step = 0; step < scan.stepCount; step++) {
      const to = scan.stepEnds[step]!;
      const operation = scan.taken[from]!;
      switch (scan.stepKinds[step]) {
        case StepKind.rotation:
          this.#rotate(operation);
          break;
        case StepKind.matrix:
          this.#multiplyMatrix(operation);
          break;
        case StepKind.phaseAlone:
          this.#rotatePhase(operation);
          break;
        default: {
          const terms: number[] = [];
          for (let i = from; i < to; i++) terms.push(scan.taken[i]!);
          this.emitPhases(terms);
        }
      }
      from = to;
    }
  }

  /** Begins with a product state instead of what is in memory. */
  emitStart(physicalCount: number): void {
    const { tables, laneQubits } = this.#context;
    const outer = listBits(this.#outerOf(lowBits(physicalCount)));
    const groups: number[][] = [[]];
    for (let i = 0; i < outer.length; i += START_QUBITS) {
      groups[i / START_QUBITS] = outer.slice(i, i + START_QUBITS);
    }
    const { lanes, factors } = tables.addStart(listBits(lowBits(laneQubits)), this.#block, groups);
    this.#operations.unshift(
      { kind: 'set-rows', table: lanes },
      { kind: 'multiply-factors', factors, selection: null, trivialRows: 0 },
    );
  }

  finish(): RegisterKernel {
    return { blockQubits: this.#block, operations: this.#operations };
  }

  /** Rows with an odd number of the bits of a mask of block qubits. */
  #rowSigns(mask: number): number {
    let signs = 0;
    if (mask === 0) return signs;
    for (let row = 1; row < this.#rowBits.length; row++) {
      if (isOdd(this.#rowBits[row]! & mask)) signs |= 1 << row;
    }
    return signs;
  }

  #outerOf(mask: number): number {
    return mask & ~(this.#blockMask | this.#laneMask);
  }

  #scaleWhereFull(): void {
    if (this.#context.tables.isFull) this.emitScale();
  }

  emitScale(): void {
    this.#operations.push({ kind: 'scale', table: this.#context.tables.addScale() });
  }

  #rotate(operation: number): void {
    const { masks, controls, laneQubits, tables, operations } = this.#context;
    this.#scaleWhereFull();
    const axis = operations.kinds[operation] === OperationKind.rotationX ? 'x' : 'y';
    const qubit = 31 - Math.clz32(masks[operation]!);
    const control = controls[operation]!;
    const outer = listBits(this.#outerOf(control));
    const signs = this.#rowSigns(control & this.#blockMask);
    const laneSigns = oddLanes(control & this.#laneMask, laneQubits);
    const all = 2 ** laneQubits;
    if (qubit < laneQubits) {
      // About Y, lanes with the bit clear subtract.
      const clear = axis === 'y' ? ~oddLanes(1 << qubit, laneQubits) & lowBits(all) : 0;
      const table = tables.addTangent(operation, all, laneSigns ^ clear, outer, TangentSource.rotation);
      this.#operations.push({ kind: 'rotate-lanes', axis, lane: qubit, table, signs });
      return;
    }
    const vector = (control & this.#laneMask) !== 0;
    const table = tables.addTangent(
      operation,
      vector ? all : 1,
      vector ? laneSigns : 0,
      outer,
      TangentSource.rotation,
    );
    const position = this.#block.indexOf(qubit);
    this.#operations.push({
      kind: 'rotate-rows',
      axis,
      position,
      table,
      width: vector ? 'vector' : 'splat',
      signs,
    });
  }

  #rotatePhase(operation: number): void {
    const { masks, operations, laneQubits, tables } = this.#context;
    this.#scaleWhereFull();
    const mask = masks[operation]!;
    const vector = (mask & this.#laneMask) !== 0;
    const parity = operations.kinds[operation] === OperationKind.parity;
    const source = parity ? TangentSource.parity : TangentSource.phase;
    const laneSigns = vector ? oddLanes(mask & this.#laneMask, laneQubits) : 0;
    const outer = listBits(this.#outerOf(mask));
    const table = tables.addTangent(operation, vector ? 2 ** laneQubits : 1, laneSigns, outer, source);
    const signs = this.#rowSigns(mask & this.#blockMask);
    this.#operations.push({ kind: 'rotate-phase', table, width: vector ? 'vector' : 'splat', signs });
  }

  /** Executes phases: products of factors for rows with outer bits, tables for the rest, single operations for what fits neither. */
  emitPhases(terms: readonly number[]): void {
    const { masks, tableQubits, operations } = this.#context;
    let outer = 0;
    for (const term of terms) outer |= this.#outerOf(masks[term]!);
    if (countBits(outer) <= tableQubits) {
      this.#multiplyTable(terms, listBits(outer));
      return;
    }
    const factors: number[] = [];
    const rest: number[] = [];
    for (const term of terms) {
      const mask = masks[term]!;
      const outerCount = countBits(this.#outerOf(mask));
      if (operations.kinds[term] === OperationKind.diagonal) {
        if (outerCount > tableQubits) this.#multiplyTable([term], listBits(this.#outerOf(mask)));
        else rest.push(term);
      } else if (outerCount > 0 && outerCount <= FACTOR_QUBITS && (mask & this.#laneMask) === 0)
        factors.push(term);
      else if (outerCount <= tableQubits) rest.push(term);
      else if (operations.kinds[term] === OperationKind.parity) this.#rotatePhase(term);
      else this.#multiplySelected(term);
    }
    this.#multiplyTables(rest);
    this.#multiplyFactors(factors);
  }

  /** As few tables as a greedy choice of outer bits finds. */
  #multiplyTables(terms: readonly number[]): void {
    const { masks, tableQubits } = this.#context;
    let left = terms;
    while (left.length > 0) {
      let outer = 0;
      const taken: number[] = [];
      const rest: number[] = [];
      for (const term of left) {
        const more = outer | this.#outerOf(masks[term]!);
        if (countBits(more) > tableQubits) rest.push(term);
        else {
          outer = more;
          taken.push(term);
        }
      }
      this.#multiplyTable(taken, listBits(outer));
      left = rest;
    }
  }

  #multiplyTable(terms: readonly number[], outer: readonly number[]): void {
    const { masks, tables, laneQubits } = this.#context;
    let all = 0;
    for (const term of terms) all |= masks[term]!;
    const vector = (all & this.#laneMask) !== 0;
    const lanes = vector ? listBits(lowBits(laneQubits)) : [];
    const trivialRows = tables.isHalfFull ? 0 : this.#trivialRows(terms);
    const table = tables.addPhases(terms, masks, lanes, this.#block, outer, trivialRows === 0);
    this.#operations.push({
      kind: 'multiply-phases',
      table,
      width: vector ? 'vector' : 'splat',
      trivialRows,
    });
  }

  #multiplyFactors(terms: readonly number[]): void {
    if (terms.length === 0) return;
    const { masks, tables } = this.#context;
    const groups: { outer: number; terms: number[] }[] = [];
    // Terms on many outer bits first: they leave less choice.
    const sorted = terms.toSorted(
      (a, b) => countBits(this.#outerOf(masks[b]!)) - countBits(this.#outerOf(masks[a]!)),
    );
    for (const term of sorted) {
      const outer = this.#outerOf(masks[term]!);
      const group =
        groups.find((each) => (outer & ~each.outer) === 0) ??
        groups.find((each) => countBits(each.outer | outer) <= FACTOR_QUBITS);
      if (group === undefined) groups.push({ outer, terms: [term] });
      else {
        group.outer |= outer;
        group.terms.push(term);
      }
    }
    const trivialRows = tables.isHalfFull ? 0 : this.#trivialRows(terms);
    const factors = groups.map((group, index) =>
      tables.addPhases(
        group.terms,
        masks,
        this.#block,
        [],
        listBits(group.outer),
        index === 0 && trivialRows === 0,
      ),
    );
    this.#operations.push({ kind: 'multiply-factors', factors, selection: null, trivialRows });
  }

  /** Rows on which none of the phases acts, whatever the angles. */
  #trivialRows(terms: readonly number[]): number {
    const { certain, certainBits } = this.#context;
    let trivial = lowBits(this.#rowBits.length);
    for (let i = 0; i < terms.length && trivial !== 0; i++) {
      const term = terms[i]!;
      const deciding = certain[term]! & this.#blockMask;
      if (deciding === 0) return 0;
      for (let row = 0; row < this.#rowBits.length; row++) {
        if (((this.#rowBits[row]! ^ certainBits[term]!) & deciding) === 0) trivial &= ~(1 << row);
      }
    }
    return trivial;
  }

  /** One phase on more bits than a table has room for. */
  #multiplySelected(operation: number): void {
    const { masks, tables, laneQubits } = this.#context;
    const mask = masks[operation]!;
    const used = (qubit: number) => (((mask >>> qubit) & 1) !== 0 ? qubit : -1);
    const outer = listBits(this.#outerOf(mask));
    const groups: number[][] = [];
    for (let i = 0; i < outer.length; i += FACTOR_QUBITS) groups.push(outer.slice(i, i + FACTOR_QUBITS));
    const lanes = listBits(this.#laneMask).map(used);
    const { factors, selection } = tables.addSelected(
      operation,
      lanes,
      laneQubits,
      this.#block.map(used),
      this.#block.length,
      groups,
    );
    this.#operations.push({ kind: 'multiply-factors', factors, selection, trivialRows: 0 });
  }

  #multiplyMatrix(operation: number): void {
    const { operations, tables, laneQubits, physicalOf } = this.#context;
    const qubits = operations.wires.get(operation)!.map((wire) => physicalOf[wire]!);
    const positions: number[] = [];
    const lanes: number[] = [];
    const places = qubits.map((qubit) => {
      if (qubit < laneQubits) return { row: false, bit: lanes.push(qubit) - 1 };
      return { row: true, bit: positions.push(this.#block.indexOf(qubit)) - 1 };
    });
    const table: TableReference = tables.addMatrix(operation, places, lanes, laneQubits);
    this.#operations.push({ kind: 'multiply-matrix', positions, lanes, table });
  }
}
