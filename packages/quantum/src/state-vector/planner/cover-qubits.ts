import { countBits } from './bits.ts';
import { type OperationQueue, QueueKind } from './operation-queue.ts';
import type { Requirements } from './requirements.ts';

/** Distinct sets of qubits with the work that becomes possible where one is contained. */
export interface Demands {
  readonly masks: Int32Array;
  readonly weights: Float64Array;
  count: number;
}

export function createDemands(capacity: number): Demands {
  return { masks: new Int32Array(capacity), weights: new Float64Array(capacity), count: 0 };
}

/** What a matrix counts as, in rotations. */
const MATRIX_WEIGHT = 8;
/** The rotations of a queue by what they require besides `given`, where that is at most `most` qubits. */
export function collectDemands(
  queue: OperationQueue,
  requirements: Requirements,
  given: number,
  most: number,
  demands: Demands,
): void {
  const { order, kinds, length } = queue;
  let count = 0;
  for (let i = 0; i < length; i++) {
    const operation = order[i]!;
    const kind = kinds[operation];
    if (kind === QueueKind.diagonal) continue;
    const mask = requirements.masks[operation]! & ~given;
    if (countBits(mask) > most) continue;
    const weight = kind === QueueKind.matrix ? MATRIX_WEIGHT : 1;
    let at = 0;
    while (at < count && demands.masks[at] !== mask) at++;
    if (at === count) {
      demands.masks[count] = mask;
      demands.weights[count++] = 0;
    }
    demands.weights[at]! += weight;
  }
  demands.count = count;
}

/** Work that a set of qubits makes possible. */
export function coveredWeight(demands: Demands, set: number): number {
  let sum = 0;
  for (let i = 0; i < demands.count; i++) if ((demands.masks[i]! & ~set) === 0) sum += demands.weights[i]!;
  return sum;
}

/**
 * Per qubit, the work that adding it to a set makes possible. Where there is room for more, work that misses further qubits
 * counts by the factor `promise` for each.
 */
export function gainsOf(
  demands: Demands,
  set: number,
  room: number,
  promise: number,
  gains: Float64Array,
): void {
  gains.fill(0);
  for (let i = 0; i < demands.count; i++) {
    const missing = demands.masks[i]! & ~set;
    if (missing === 0) continue;
    const bits = countBits(missing);
    if (bits > room) continue;
    let gain = demands.weights[i]!;
    for (let step = 1; step < bits; step++) gain *= promise;
    for (let rest = missing; rest !== 0; rest &= rest - 1) gains[31 - Math.clz32(rest & -rest)]! += gain;
  }
}
