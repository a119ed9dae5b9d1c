import { applyToColumns } from '../../circuit/complex-matrix.ts';
import { type GateOperation, type Operation, withAxes } from './operation-list.ts';
import { areParallel } from './operation-order.ts';

/** How many operations on a line are looked through for an earlier gate on the same pair. */
const MOST_PASSED = 64;

/**
 * Multiplies gates on the same two lines where one of them commutes, by its axes, with everything in between. What a router writes as
 * `cx rz . . cx cx` with gates of other qubits at the dots becomes one gate.
 */
export function gatherPairs(operations: readonly Operation[]): readonly Operation[] {
  const gathering = new Gathering();
  for (const operation of operations) gathering.add(operation);
  return gathering.placed.filter((operation) => operation !== null);
}

interface Partner {
  readonly at: number;
  /** Which of the two gates moves to the other one. */
  readonly moving: 'earlier' | 'later';
}

class Gathering {
  readonly placed: (Operation | null)[] = [];
  /** For each line the places of its operations, ascending. */
  readonly #histories = new Map<number, number[]>();

  add(operation: Operation): void {
    let current = operation;
    while (current.kind === 'gate' && current.lines.length === 2) {
      const partner = this.#findPartner(current);
      if (partner === null) break;
      const earlier = this.placed[partner.at] as GateOperation;
      const [joined] = withAxes(multiplyPair(earlier, current));
      const isMoved = partner.moving === 'earlier';
      this.#replace(partner.at, isMoved ? undefined : joined);
      if (!isMoved || joined === undefined) return;
      current = joined;
    }
    const at = this.placed.push(current) - 1;
    for (const line of current.lines) this.#history(line).push(at);
  }

  #history(line: number): number[] {
    const known = this.#histories.get(line);
    if (known !== undefined) return known;
    const history: number[] = [];
    this.#histories.set(line, history);
    return history;
  }

  #replace(at: number, operation: GateOperation | undefined): void {
    for (const line of this.placed[at]!.lines) {
      if (operation?.lines.includes(line)) continue;
      const history = this.#history(line);
      history.splice(history.lastIndexOf(at), 1);
    }
    this.placed[at] = operation ?? null;
  }

  /** The last gate on the same lines that can meet this one. */
  #findPartner(operation: GateOperation): Partner | null {
    const [a, b] = operation.lines as [number, number];
    const at = this.#lastOnBoth(a, b);
    if (at === null) return null;
    const earlier = this.placed[at] as GateOperation;
    if (this.#commutesBehind(operation, at)) return { at, moving: 'later' };
    return this.#commutesBehind(earlier, at) ? { at, moving: 'earlier' } : null;
  }

  #lastOnBoth(a: number, b: number): number | null {
    const history = this.#history(a);
    const least = Math.max(0, history.length - MOST_PASSED);
    for (let index = history.length - 1; index >= least; index--) {
      const { kind, lines } = this.placed[history[index]!]!;
      if (kind === 'gate' && lines.length === 2 && lines.includes(b)) return history[index]!;
    }
    return null;
  }

  /** Whether a gate commutes, line by line, with everything that stands behind a place. */
  #commutesBehind({ lines, axes }: GateOperation, place: number): boolean {
    return lines.every((line, position) => {
      const axis = axes[position]!;
      const history = this.#history(line);
      for (let index = history.length - 1; history[index]! > place; index--) {
        const other = this.placed[history[index]!]!;
        if (other.kind !== 'gate' || axis === null) return false;
        const otherAxis = other.axes[other.lines.indexOf(line)]!;
        if (otherAxis === null || !areParallel(axis, otherAxis)) return false;
      }
      return true;
    });
  }
}

/** One gate for two on the same lines. */
function multiplyPair(first: GateOperation, second: GateOperation): GateOperation {
  const matrix = first.matrix.slice();
  const bits = second.lines.map((line) => first.lines.indexOf(line));
  applyToColumns(matrix, second.matrix, bits);
  return { ...first, matrix };
}
