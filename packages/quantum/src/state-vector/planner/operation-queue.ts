import { type LoweredOperations, OperationKind } from '../lowering/lowered-circuit.ts';
import { listBits } from './bits.ts';

/** How the planner sees an operation. */
export const QueueKind = { diagonal: 0, rotation: 1, matrix: 2 } as const;

/** Operations that are left to be planned, in an order that is right. Masks are of physical qubits. */
export interface OperationQueue {
  /** By operation. */
  readonly kinds: Uint8Array;
  readonly masks: Int32Array;
  readonly controls: Int32Array;
  readonly rotatable: Uint8Array;
  readonly certain: Int32Array;
  readonly certainBits: Int32Array;
  /** Operations that are left: the first `total` entries. */
  readonly order: Int32Array;
  total: number;
  /** How many of them are looked at: planning time then grows with the circuit, not with its square. */
  length: number;
  /** How many of all that are left are not diagonal. */
  branching: number;
  readonly planned: Uint8Array;
}

/** Everything that a circuit has to execute. `physicalOf` gives the physical qubit of each wire. */
export function createOperationQueue(operations: LoweredOperations, physicalOf: Int32Array): OperationQueue {
  const { count } = operations;
  const moved = physicalOf.some((physical, wire) => physical !== wire);
  const kinds = new Uint8Array(count);
  const order = new Int32Array(count);
  let branching = 0;
  for (let i = 0; i < count; i++) {
    const kind = operations.kinds[i];
    order[i] = i;
    if (kind === OperationKind.rotationY || kind === OperationKind.rotationX) kinds[i] = QueueKind.rotation;
    else if (kind === OperationKind.matrix) kinds[i] = QueueKind.matrix;
    if (kinds[i] !== QueueKind.diagonal) branching++;
  }
  const move = (masks: Int32Array) => (moved ? masks.map((mask) => moveBits(mask, physicalOf)) : masks);
  const queue: OperationQueue = {
    kinds,
    masks: move(operations.masks),
    controls: move(operations.controls),
    rotatable: operations.rotatable,
    certain: move(operations.certain),
    certainBits: move(operations.certainBits),
    order,
    total: count,
    length: count,
    branching,
    planned: new Uint8Array(count),
  };
  limitLength(queue);
  return queue;
}

/** Rotations and matrices that are looked ahead. */
const LOOKAHEAD = 512;

function limitLength(queue: OperationQueue): void {
  const { order, kinds, total } = queue;
  queue.length = total;
  if (queue.branching <= LOOKAHEAD) return;
  let branching = 0;
  let length = 0;
  while (branching < LOOKAHEAD) if (kinds[order[length++]!] !== QueueKind.diagonal) branching++;
  queue.length = length;
}

function moveBits(mask: number, physicalOf: Int32Array): number {
  return listBits(mask).reduce((moved, wire) => moved | (1 << physicalOf[wire]!), 0);
}

/** Forgets operations that are planned. */
export function compactQueue(queue: OperationQueue): void {
  const { order, planned, kinds, length } = queue;
  let kept = 0;
  for (let i = 0; i < length; i++) {
    const operation = order[i]!;
    if (planned[operation] === 0) order[kept++] = operation;
    else if (kinds[operation] !== QueueKind.diagonal) queue.branching--;
  }
  order.copyWithin(kept, length, queue.total);
  queue.total -= length - kept;
  limitLength(queue);
}

/** The part of a queue that a tile can execute, in order; all else waits for rotations outside of it. */
export function selectExecutable(queue: OperationQueue, required: Int32Array, tile: number): OperationQueue {
  const { order, kinds, length } = queue;
  const selected = new Int32Array(length);
  let count = 0;
  let branching = 0;
  for (let i = 0; i < length; i++) {
    const operation = order[i]!;
    if ((required[operation]! & ~tile) !== 0) continue;
    selected[count++] = operation;
    if (kinds[operation] !== QueueKind.diagonal) branching++;
  }
  return { ...queue, order: selected, total: count, length: count, branching };
}
