import { type OperationQueue, QueueKind } from './operation-queue.ts';

/**
 * For every operation of a queue the qubits that must be in reach for it to be executed now: its own where it is not diagonal, and
 * those of everything before it that it does not commute with. A set of qubits (a tile, a block with its lanes) can execute exactly
 * the operations whose requirement it contains.
 */
export interface Requirements {
  /** By operation. */
  readonly masks: Int32Array;
  /** Scratch, per qubit: what all that rotates it requires, and what all that acts on it or is controlled by it does. */
  readonly rotating: Int32Array;
  readonly touching: Int32Array;
}

export function createRequirements(operationCount: number): Requirements {
  return {
    masks: new Int32Array(operationCount),
    rotating: new Int32Array(32),
    touching: new Int32Array(32),
  };
}

/** One pass over the queue. */
export function computeRequirements(queue: OperationQueue, requirements: Requirements): void {
  const { order, kinds, masks, controls, length } = queue;
  const { rotating, touching } = requirements;
  rotating.fill(0);
  touching.fill(0);
  for (let i = 0; i < length; i++) {
    const operation = order[i]!;
    const mask = masks[operation]!;
    if (kinds[operation] === QueueKind.diagonal) {
      const required = collect(rotating, mask);
      requirements.masks[operation] = required;
      if (required !== 0 && (mask & (mask - 1)) !== 0) spread(touching, mask, required);
      continue;
    }
    const control = controls[operation]!;
    let required = mask | collect(touching, mask);
    if (control !== 0) required |= collect(rotating, control);
    requirements.masks[operation] = required;
    spread(rotating, mask, required);
    spread(touching, mask | control, required);
  }
}

function collect(perQubit: Int32Array, mask: number): number {
  let all = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) all |= perQubit[31 - Math.clz32(rest & -rest)]!;
  return all;
}

function spread(perQubit: Int32Array, mask: number, required: number): void {
  for (let rest = mask; rest !== 0; rest &= rest - 1) perQubit[31 - Math.clz32(rest & -rest)]! |= required;
}
