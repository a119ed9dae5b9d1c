import type { Operation } from './operation-list.ts';

/** Which operations may come next: those behind everything that they do not commute with. */
export class OperationOrder {
  readonly operations: readonly Operation[];
  /** Operations that may come next, ascending within a step. */
  readonly front = new Set<number>();
  readonly #successors: number[][];
  readonly #waitsFor: Int32Array;
  #left: number;

  constructor(operations: readonly Operation[]) {
    this.operations = operations;
    this.#successors = operations.map(() => []);
    this.#waitsFor = new Int32Array(operations.length);
    this.#left = operations.length;
    const groups = new Map<string, CommutingGroup>();
    for (const [index, operation] of operations.entries()) {
      const resources = operation.kind === 'fence' ? operation.resources : [];
      for (const resource of resources) this.#join(groups, resource, index, null);
      operation.lines.forEach((line, position) => {
        const axis = operation.kind === 'gate' ? operation.axes[position]! : null;
        this.#join(groups, `line ${line}`, index, axis);
      });
      if (this.#waitsFor[index] === 0) this.front.add(index);
    }
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  /** Takes an operation from the front; others take its place. */
  take(index: number): void {
    this.front.delete(index);
    this.#left--;
    for (const successor of this.#successors[index]!) {
      this.#waitsFor[successor]!--;
      if (this.#waitsFor[successor] === 0) this.front.add(successor);
    }
  }

  /** Adds an operation to the last group on a line where it commutes with that, else begins a group. */
  #join(groups: Map<string, CommutingGroup>, key: string, index: number, axis: Float64Array | null): void {
    const last = groups.get(key);
    const fits = last?.axis && axis && areParallel(last.axis, axis);
    const group: CommutingGroup = fits ? last : { axis, before: last?.members ?? [], members: [] };
    if (!fits) groups.set(key, group);
    group.members.push(index);
    for (const earlier of group.before) {
      this.#successors[earlier]!.push(index);
      this.#waitsFor[index]!++;
    }
  }
}

interface CommutingGroup {
  readonly axis: Float64Array | null;
  /** The members of the group before it on the same line. */
  readonly before: readonly number[];
  readonly members: number[];
}

/** By the cross product: a scalar product near 1 would let angles of 1e-4 pass. */
export function areParallel(a: Float64Array, b: Float64Array): boolean {
  const [x, y, z] = [
    a[1]! * b[2]! - a[2]! * b[1]!,
    a[2]! * b[0]! - a[0]! * b[2]!,
    a[0]! * b[1]! - a[1]! * b[0]!,
  ];
  return Math.hypot(x, y, z) < 1e-10;
}
