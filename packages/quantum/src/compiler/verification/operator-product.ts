import { throwIfCancelled } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { multiplyMatrices } from '../../circuit/complex-matrix.ts';
import { gateMatrix } from '../../circuit/gate-matrix.ts';
import { bodiesOf, isControlFlow } from '../../circuit/instruction.ts';
import { permuteWires } from './local-unitary.ts';
import {
  describeFence,
  type FenceOperation,
  type GateOperation,
  hasJump,
  readOperations,
  sharesOf,
} from './operation-list.ts';
import { OperationOrder } from './operation-order.ts';
import { OperatorState, type ProductChange, type ProductSide } from './operator-state.ts';

/** What both circuits of a product have in common. */
export interface ProductSettings {
  readonly reversed: boolean;
  readonly mostTerms: number;
  readonly tolerance: number;
  /**
   * What comes next where no gate makes the product smaller: the one that comes first in its circuit, so that both go on at the same
   * pace, or the one that makes it grow least. Each gets through where the other one gets lost.
   */
  readonly choice: 'pace' | 'growth';
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
}

/** One of the two circuits. */
export interface ProductCircuit {
  readonly circuit: Circuit;
  /** The label on each line at the beginning. */
  readonly labels: Int32Array;
  /** The labels at the beginning of the loop around, where jumps must find them again; null outside of loops. */
  readonly loopLabels: Int32Array | null;
}

/** What a product came to. */
export interface ProductOutcome {
  /** Null when it was given up. */
  readonly infidelity: number | null;
  readonly reason: string;
}

/** Sums of products of terms after which it is given up: seconds. */
const MOST_WORK = 4e7;

interface Side {
  readonly side: ProductSide;
  readonly order: OperationOrder;
  readonly labels: Int32Array;
  readonly loopLabels: Int32Array | null;
  /** What was worked out for operations at the front, with the sum of the versions of their labels. */
  readonly known: Map<number, { readonly stamp: number; readonly candidate: Candidate | null }>;
  /** For each operation the share of gates on several lines that come before it. */
  readonly shares: Float64Array;
}

interface Candidate extends ProductChange {
  readonly index: number;
  readonly isSwapped: boolean;
}

/** Gates that are taken together, one of either circuit or of both. */
interface Choice {
  readonly change: ProductChange;
  readonly taken: readonly (readonly [side: Side, index: number])[];
  /** The side whose labels are exchanged. */
  readonly swapped: Side | null;
}

const SWAP = gateMatrix('swap');

/**
 * Multiplies gates of a compiled circuit from the left and inverse gates of the original one from the right, always those next that
 * keep the product smallest. Equal circuits stay near the identity all the way (Burgholzer and Wille, arXiv 2004.08420, with sums of
 * Paulis for decision diagrams). A swap only renames wires. Measurements, resets, assignments and control flow are passed when both
 * circuits have the same one next and the product commutes with it; bodies are compared in the same way.
 */
export class OperatorProduct {
  readonly #settings: ProductSettings;
  readonly #state: OperatorState;
  readonly #left: Side;
  readonly #right: Side;
  readonly #path: string;
  /** Pairs of gates that do not cancel, with the sum of the versions of their labels. */
  readonly #failed = new Map<number, number>();
  #work = 0;

  private constructor(left: Side, right: Side, settings: ProductSettings, path: string) {
    this.#settings = settings;
    this.#left = left;
    this.#right = right;
    this.#path = path;
    this.#state = new OperatorState(left.labels.length);
  }

  /** @returns null where a circuit has a gate that is too large. */
  static create(
    compiled: ProductCircuit,
    original: ProductCircuit,
    settings: ProductSettings,
    path = '',
  ): OperatorProduct | null {
    const prepare = (side: ProductSide, { circuit, labels, loopLabels }: ProductCircuit): Side | null => {
      const operations = readOperations(circuit, { ...settings, path });
      if (operations === null) return null;
      return {
        side,
        order: new OperationOrder(operations),
        labels: labels.slice(),
        loopLabels,
        known: new Map(),
        shares: sharesOf(operations),
      };
    };
    const [left, right] = [prepare('left', compiled), prepare('right', original)];
    return left && right && new OperatorProduct(left, right, settings, path);
  }

  /** Multiplies as far as it goes. @returns null when all of both circuits is in the product, else why it is not. */
  run(): string | null {
    for (let steps = 0; ; steps++) {
      if (steps % 64 === 0) throwIfCancelled(this.#settings.signal, 'The verification');
      this.#takeLocals();
      if (this.#passFence()) continue;
      const next = this.#findMatch() ?? this.#chooseNext();
      if (next === 'too large') {
        return `the product has more than ${this.#settings.mostTerms} terms, or takes too long`;
      }
      if (next === null) break;
      this.#takeChoice(next);
    }
    if (this.#left.order.isDone && this.#right.order.isDone) return null;
    const name = (side: Side) =>
      [...side.order.front].map(
        (index) => (side.order.operations[index] as FenceOperation).instruction.kind,
      )[0];
    return `could not match ${name(this.#left) ?? 'nothing'} with ${name(this.#right) ?? 'nothing'}`;
  }

  /**
   * How far the product is from the identity.
   *
   * @param ends pairs of a line of the compiled and a line of the original circuit that must hold the same at the end.
   * @param isZero labels of wires in |0>.
   */
  distance(ends: readonly (readonly [number, number])[], isZero: (label: number) => boolean): ProductOutcome {
    for (const [line, other] of ends) {
      const [found, expected] = [this.#left.labels[line]!, this.#right.labels[other]!];
      if (found === expected) continue;
      const change = this.#state.peek('left', [found, expected], SWAP, this.#settings.mostTerms);
      if (change === null) return { infidelity: null, reason: 'the product has too many terms' };
      this.#state.apply(change);
      this.#exchangeLabels(this.#left, found, expected);
    }
    const infidelity = this.#state.infidelity(isZero, 4 * this.#settings.mostTerms);
    return { infidelity, reason: infidelity === null ? 'the product has too many terms' : '' };
  }

  /** The label on a line of the original circuit, once everything is in the product. */
  originalLabel(line: number): number {
    return this.#right.labels[line]!;
  }

  /** Gates on one line cost nothing. */
  #takeLocals(): void {
    for (const side of [this.#left, this.#right]) {
      for (let again = true; again; ) {
        again = false;
        for (const index of side.order.front) {
          const operation = side.order.operations[index]!;
          if (operation.kind === 'fence' || operation.lines.length !== 1) continue;
          side.order.take(index);
          this.#state.applyLocal(side.side, side.labels[operation.lines[0]!]!, operation.matrix);
          again = true;
        }
      }
    }
  }

  /** A gate of each circuit on the same wires that cancel, up to gates on single wires and an exchange of wires. */
  #findMatch(): Choice | null {
    const { front, operations } = this.#right.order;
    if (front.size === 0) return null;
    const partners = new Map<number, number>();
    for (const index of front) {
      const operation = operations[index]!;
      if (operation.kind === 'gate') partners.set(this.#placeKey(this.#right, operation.lines), index);
    }
    for (const index of this.#left.order.front) {
      const operation = this.#left.order.operations[index]!;
      if (operation.kind === 'fence') continue;
      const partner = partners.get(this.#placeKey(this.#left, operation.lines));
      const match = partner === undefined ? null : this.#matchOf(index, operation, partner);
      if (match !== null) return match;
    }
    return null;
  }

  /** A number for the set of wires on some lines. */
  #placeKey({ labels }: Side, lines: readonly number[]): number {
    const places = lines.map((line) => labels[line]!).sort((a, b) => a - b);
    return places.reduce((key, label) => (key * (labels.length + 1) + label + 1) % 9007199254740881, 0);
  }

  #matchOf(index: number, { lines, matrix }: GateOperation, partner: number): Choice | null {
    const labels = lines.map((line) => this.#left.labels[line]!);
    const stamp = labels.reduce((sum, label) => sum + this.#state.versions[label]!, 0);
    const key = index * this.#right.order.operations.length + partner;
    if (this.#failed.get(key) === stamp) return null;
    const other = this.#right.order.operations[partner] as GateOperation;
    const order = labels.map((label) => other.lines.findIndex((line) => this.#right.labels[line] === label));
    if (order.includes(-1)) return null;
    const expected = permuteWires(other.matrix, order);
    const { mostTerms } = this.#settings;
    for (const isSwapped of lines.length === 2 ? [false, true] : [false]) {
      const found = isSwapped ? multiplyMatrices(SWAP, matrix) : matrix;
      const change = this.#state.peekBoth(labels, found, expected, mostTerms);
      this.#work += change === null ? 64 * mostTerms : 64 * change.termsBefore;
      if (change === null || change.termsAfter > change.termsBefore) continue;
      return {
        change,
        taken: [
          [this.#left, index],
          [this.#right, partner],
        ],
        swapped: isSwapped ? this.#left : null,
      };
    }
    this.#failed.set(key, stamp);
    return null;
  }

  /** What shrinks the product most; where nothing does, what the settings choose. */
  #chooseNext(): Choice | 'too large' | null {
    let best: { side: Side; candidate: Candidate; rank: number } | null = null;
    let isEmpty = true;
    for (const side of [this.#left, this.#right]) {
      for (const index of side.order.front) {
        const operation = side.order.operations[index]!;
        if (operation.kind === 'fence') continue;
        isEmpty = false;
        const candidate = this.#candidate(side, index, operation);
        if (candidate === null) continue;
        const rank = this.#rank(side, candidate);
        if (best === null || rank < best.rank) best = { side, candidate, rank };
      }
    }
    if (best === null) return isEmpty ? null : 'too large';
    if (this.#work > MOST_WORK) return 'too large';
    const { side, candidate } = best;
    return {
      change: candidate,
      taken: [[side, candidate.index]],
      swapped: candidate.isSwapped ? side : null,
    };
  }

  #rank({ shares }: Side, { index, termsBefore, termsAfter }: Candidate): number {
    const growth = termsAfter / termsBefore;
    const share = shares[index]!;
    return growth <= 1 || this.#settings.choice === 'growth' ? growth : 1 + share;
  }

  #candidate(side: Side, index: number, { lines, matrix, axes }: GateOperation): Candidate | null {
    const labels = lines.map((line) => side.labels[line]!);
    const stamp = labels.reduce((sum, label) => sum + this.#state.versions[label]!, 0);
    const known = side.known.get(index);
    if (known?.stamp === stamp) return known.candidate;
    const { mostTerms } = this.#settings;
    const plain = this.#state.peek(side.side, labels, matrix, mostTerms);
    let candidate: Candidate | null = plain && { ...plain, index, isSwapped: false };
    // Where a gate commutes with something along an axis, it is not for moving wires.
    if (lines.length === 2 && axes.every((axis) => axis === null)) {
      const swapped = this.#state.peek(side.side, labels, multiplyMatrices(SWAP, matrix), mostTerms);
      if (swapped && (candidate === null || swapped.termsAfter < candidate.termsAfter)) {
        candidate = { ...swapped, index, isSwapped: true };
      }
    }
    this.#work += candidate === null ? 64 * mostTerms : 16 * candidate.termsBefore;
    side.known.set(index, { stamp, candidate });
    return candidate;
  }

  #takeChoice({ change, taken, swapped }: Choice): void {
    for (const [side, index] of taken) {
      side.order.take(index);
      side.known.delete(index);
    }
    this.#state.apply(change);
    const [a, b] = change.labels;
    if (swapped !== null) this.#exchangeLabels(swapped, a!, b!);
  }

  #exchangeLabels(side: Side, a: number, b: number): void {
    const [first, second] = [side.labels.indexOf(a), side.labels.indexOf(b)];
    side.labels[first] = b;
    side.labels[second] = a;
    this.#state.touch([a, b]);
    side.known.clear();
  }

  /** Passes one instruction that is no gate and that both circuits have next. */
  #passFence(): boolean {
    for (const index of this.#left.order.front) {
      const found = this.#left.order.operations[index]!;
      if (found.kind !== 'fence') continue;
      for (const other of this.#right.order.front) {
        const expected = this.#right.order.operations[other]!;
        if (expected.kind !== 'fence' || !this.#canPass(found, expected)) continue;
        this.#left.order.take(index);
        this.#right.order.take(other);
        return true;
      }
    }
    return false;
  }

  #canPass(found: FenceOperation, expected: FenceOperation): boolean {
    if (found.step !== expected.step || describeFence(found) !== describeFence(expected)) return false;
    const labels = found.lines.map((line) => this.#left.labels[line]!);
    const others = expected.lines.map((line) => this.#right.labels[line]!);
    const { instruction } = found;
    if (isControlFlow(instruction)) return this.#bodiesAgree(found, expected, [...labels, ...others]);
    if (instruction.kind === 'break' || instruction.kind === 'continue') {
      const isHome = ({ labels: now, loopLabels }: Side) =>
        loopLabels?.every((label, line) => label === now[line]);
      return this.#isIdentityOn(labels) && isHome(this.#left) === true && isHome(this.#right) === true;
    }
    if (labels.some((label, position) => label !== others[position])) return false;
    switch (instruction.kind) {
      case 'measure':
        return this.#state.distanceFromDiagonal(labels[0]!, this.#settings.mostTerms) <= this.#tolerance;
      case 'reset':
        return this.#passReset(labels[0]!);
      default:
        return this.#isIdentityOn(labels);
    }
  }

  /** One operation may differ by this much: a small part of what the whole may. */
  get #tolerance(): number {
    return this.#settings.tolerance / 1000;
  }

  #isIdentityOn(labels: readonly number[]): boolean {
    return labels.every((label) => this.#state.distanceFromIdentity(label) <= this.#tolerance);
  }

  /** Before a reset anything may happen to a wire alone; behind it the wire is |0>, and may get a phase. */
  #passReset(label: number): boolean {
    if (this.#state.isEntangling(label)) return false;
    if (this.#settings.reversed) {
      if (this.#state.distanceFromDiagonal(label, this.#settings.mostTerms) > this.#tolerance) return false;
    }
    this.#state.clearLocal(label);
    return true;
  }

  #bodiesAgree(found: FenceOperation, expected: FenceOperation, labels: readonly number[]): boolean {
    const [left, right] = [found.instruction, expected.instruction];
    if (!isControlFlow(left) || !isControlFlow(right) || !this.#isIdentityOn(labels)) return false;
    const others = bodiesOf(right);
    const isLoop = left.kind === 'while' || left.kind === 'for';
    return bodiesOf(left).every((body, index) => {
      const other = others[index]!;
      const path = `${this.#path}/${found.step}.${index}`;
      const product = OperatorProduct.create(
        this.#body(body, this.#left, isLoop),
        this.#body(other, this.#right, isLoop),
        this.#settings,
        path,
      );
      if (product === null || product.run() !== null) return false;
      if (hasJump(body) !== hasJump(other)) return false;
      const ends = Array.from(
        this.#right.labels,
        (label, line) => [this.#left.labels.indexOf(label), line] as const,
      );
      const { infidelity } = product.distance(ends, () => false);
      return infidelity !== null && infidelity <= this.#tolerance;
    });
  }

  #body(circuit: Circuit, { labels, loopLabels }: Side, isLoop: boolean): ProductCircuit {
    return { circuit, labels, loopLabels: isLoop ? labels.slice() : loopLabels };
  }
}
