import { countBits } from './bits.ts';
import { type OperationQueue, QueueKind } from './operation-queue.ts';
import { createRequirements, type Requirements } from './requirements.ts';

/** What one step of a kernel executes. */
export const StepKind = {
  rotation: 0,
  matrix: 1,
  /** One phase by its tangent. */
  phaseAlone: 2,
  /** Phases as one table. */
  table: 3,
  /** Phases that one table has no room for: as many tables and products of factors as it takes. */
  wide: 4,
} as const;

/** Vector instructions per amplitude vector. */
export const InstructionCost = { rotation: 2, phaseAlone: 2, table: 4, factors: 5, matrix: 13 } as const;

/** A look at what one register kernel could execute, with memory that all looks share. */
export interface KernelScan {
  /** What the current tile can execute. */
  queue: OperationQueue;
  readonly lanes: number;
  readonly tableQubits: number;
  /** What loading and storing cost, in instructions. */
  readonly baseCost: number;
  /** True where filling tables costs more than multiplying with them: phases then stay alone. */
  readonly fewAmplitudes: boolean;
  /** Operations that are still to be executed in the kernel, in order. */
  readonly ready: Int32Array;
  readonly pending: Int32Array;
  readonly marked: Uint8Array;
  /** What each operation of the queue requires. */
  readonly requirements: Requirements;
  /** When recorded: operations by step. */
  readonly taken: Int32Array;
  readonly stepKinds: Uint8Array;
  readonly stepEnds: Int32Array;
  recording: boolean;
  takenCount: number;
  stepCount: number;
  pendingCount: number;
  pendingMask: number;
  markedCount: number;
  /** Qubits of rotations that wait for nothing but phases. */
  waiting: number;
  rotations: number;
  work: number;
  cost: number;
}

export function createKernelScan(
  queue: OperationQueue,
  options: Pick<KernelScan, 'lanes' | 'tableQubits' | 'baseCost' | 'fewAmplitudes'>,
): KernelScan {
  const size = queue.order.length;
  return {
    queue,
    ...options,
    ready: new Int32Array(size),
    pending: new Int32Array(size),
    marked: new Uint8Array(size),
    requirements: createRequirements(queue.kinds.length),
    taken: new Int32Array(size),
    stepKinds: new Uint8Array(size),
    stepEnds: new Int32Array(size),
    recording: false,
    takenCount: 0,
    stepCount: 0,
    pendingCount: 0,
    pendingMask: 0,
    markedCount: 0,
    waiting: 0,
    rotations: 0,
    work: 0,
    cost: 0,
  };
}

/**
 * Executes in thought all that a kernel on the qubits of `inside` (block and lanes) can. Rotations that wait for phases are put off as
 * long as others can go on, then all these phases are executed at once. The requirements must be those of the queue as it is. Returns
 * a score, work per cost, or -1 where there is no rotation to execute.
 */
export function scanKernel(scan: KernelScan, inside: number, recording: boolean): number {
  const { queue, ready } = scan;
  const { order, length } = queue;
  const required = scan.requirements.masks;
  scan.recording = recording;
  scan.takenCount = scan.stepCount = scan.pendingCount = scan.pendingMask = 0;
  scan.rotations = scan.work = 0;
  scan.cost = scan.baseCost;
  let count = 0;
  for (let i = 0; i < length; i++) {
    const operation = order[i]!;
    if ((required[operation]! & ~inside) === 0) ready[count++] = operation;
  }
  while (count > 0) {
    count = executeRound(scan, count);
    if (count > 0) executeRequired(scan, inside, scan.waiting);
  }
  if (scan.rotations === 0) return -1;
  executeEagerly(scan, inside);
  return (scan.work + 0.01 * scan.rotations) / scan.cost;
}

/** Executes what does not wait for phases; returns how many operations are left in `ready`. */
function executeRound(scan: KernelScan, count: number): number {
  const { ready, queue } = scan;
  const { kinds, masks, controls } = queue;
  /** Qubits with a rotation put off, and with anything put off. */
  let rotated = 0;
  let blocked = 0;
  let kept = 0;
  scan.waiting = 0;
  for (let i = 0; i < count; i++) {
    const operation = ready[i]!;
    const mask = masks[operation]!;
    const kind = kinds[operation];
    if (kind === QueueKind.diagonal) {
      if ((mask & rotated) === 0) {
        scan.pending[scan.pendingCount++] = operation;
        scan.pendingMask |= mask;
      } else {
        blocked |= mask;
        ready[kept++] = operation;
      }
      continue;
    }
    const control = controls[operation]!;
    const free = (mask & blocked) === 0 && (control & rotated) === 0;
    if (!free || (mask & scan.pendingMask) !== 0) {
      if (free) scan.waiting |= mask;
      blocked |= mask | control;
      rotated |= mask;
      ready[kept++] = operation;
      continue;
    }
    const matrix = kind === QueueKind.matrix;
    const cost = matrix ? InstructionCost.matrix : InstructionCost.rotation;
    scan.rotations++;
    scan.work += cost;
    scan.cost += cost;
    if (scan.recording) takeOne(scan, operation, matrix ? StepKind.matrix : StepKind.rotation);
  }
  return kept;
}

function takeOne(scan: KernelScan, operation: number, kind: number): void {
  scan.taken[scan.takenCount++] = operation;
  scan.stepKinds[scan.stepCount] = kind;
  scan.stepEnds[scan.stepCount++] = scan.takenCount;
}

/** Executes the pending phases on qubits that rotations wait to act on. */
function executeRequired(scan: KernelScan, inside: number, waiting: number): void {
  const { pending, marked, pendingCount, queue } = scan;
  const { masks, rotatable } = queue;
  let outer = 0;
  let required = 0;
  let alone = 0;
  for (let j = 0; j < pendingCount; j++) {
    const operation = pending[j]!;
    const term = masks[operation]!;
    const hit = (term & waiting) !== 0 ? 1 : 0;
    marked[j] = hit;
    if (hit === 0) continue;
    required++;
    alone += rotatable[operation]!;
    outer |= term & ~inside;
  }
  scan.markedCount = required;
  const outerCount = countBits(outer);
  // One phase or two by tangents need no more instructions than a table, unless that can take more.
  const tangents = alone === required && (scan.fewAmplitudes || required <= 2);
  if (tangents && (scan.fewAmplitudes || pendingCount < 3 || outerCount > scan.tableQubits)) {
    executeMarked(scan, StepKind.phaseAlone);
  } else if (outerCount > scan.tableQubits) {
    markWide(scan, inside);
    executeMarked(scan, StepKind.wide, wideCost(scan, inside));
  } else {
    markMore(scan, inside, outer, outerCount);
    const few = tangents && scan.markedCount < 3;
    if (few) markWaited(scan, waiting);
    executeMarked(scan, few ? StepKind.phaseAlone : StepKind.table);
  }
}

function markWaited(scan: KernelScan, waiting: number): void {
  scan.markedCount = 0;
  for (let j = 0; j < scan.pendingCount; j++) {
    const hit = (scan.queue.masks[scan.pending[j]!]! & waiting) !== 0 ? 1 : 0;
    scan.marked[j] = hit;
    scan.markedCount += hit;
  }
}

/** Marks what the table can take besides: first what needs no more outer qubits, then what needs few. */
function markMore(scan: KernelScan, inside: number, outerAtFirst: number, countAtFirst: number): void {
  const { pending, marked, pendingCount, tableQubits } = scan;
  const { masks } = scan.queue;
  let outer = outerAtFirst;
  let count = countAtFirst;
  for (let j = 0; j < pendingCount; j++) {
    if (marked[j] === 0 && (masks[pending[j]!]! & ~inside & ~outer) === 0) {
      marked[j] = 1;
      scan.markedCount++;
    }
  }
  if (count >= tableQubits) return;
  for (let j = 0; j < pendingCount; j++) {
    if (marked[j] !== 0) continue;
    const more = masks[pending[j]!]! & ~inside & ~outer;
    const extra = countBits(more);
    if (count + extra > tableQubits) continue;
    outer |= more;
    count += extra;
    marked[j] = 1;
    scan.markedCount++;
  }
}

/** True for phases that factors (rows times one outer bit) or a table without outer bits can express. */
function fitsWide(mask: number, inside: number, lanes: number): boolean {
  const outer = mask & ~inside;
  return outer === 0 || ((mask & lanes) === 0 && (mask & inside) !== 0 && (outer & (outer - 1)) === 0);
}

function markWide(scan: KernelScan, inside: number): void {
  const { pending, marked, pendingCount, lanes } = scan;
  const { masks } = scan.queue;
  for (let j = 0; j < pendingCount; j++) {
    if (marked[j] !== 0 || !fitsWide(masks[pending[j]!]!, inside, lanes)) continue;
    marked[j] = 1;
    scan.markedCount++;
  }
}

/** Instructions for all marked phases. */
function wideCost(scan: KernelScan, inside: number): number {
  const { pending, marked, pendingCount, lanes } = scan;
  const { masks } = scan.queue;
  let laneOuter = 0;
  let inner = false;
  let factors = false;
  for (let j = 0; j < pendingCount; j++) {
    if (marked[j] === 0) continue;
    const mask = masks[pending[j]!]!;
    if ((mask & ~inside) === 0) inner = true;
    else if ((mask & lanes) === 0) factors = true;
    else laneOuter |= mask & ~inside;
  }
  const tables = Math.max(inner ? 1 : 0, Math.ceil(countBits(laneOuter) / scan.tableQubits));
  return tables * InstructionCost.table + (factors ? InstructionCost.factors : 0);
}

/** Moves what is marked from the pending phases into a step. */
function executeMarked(scan: KernelScan, kind: number, cost = 0): void {
  const { pending, marked, pendingCount, recording, queue } = scan;
  let kept = 0;
  let mask = 0;
  for (let j = 0; j < pendingCount; j++) {
    const operation = pending[j]!;
    if (marked[j] === 0) {
      mask |= queue.masks[operation]!;
      pending[kept++] = operation;
    } else if (recording) {
      if (kind === StepKind.phaseAlone) takeOne(scan, operation, kind);
      else scan.taken[scan.takenCount++] = operation;
    }
  }
  scan.pendingCount = kept;
  scan.pendingMask = mask;
  scan.work += 2 * scan.markedCount;
  if (kind === StepKind.phaseAlone) {
    scan.cost += InstructionCost.phaseAlone * scan.markedCount;
    return;
  }
  scan.cost += kind === StepKind.table ? InstructionCost.table : cost;
  if (!recording) return;
  scan.stepKinds[scan.stepCount] = kind;
  scan.stepEnds[scan.stepCount++] = scan.takenCount;
}

/** Phases that need not be executed yet but are cheapest together here: three or more that couple rows with other qubits. */
function executeEagerly(scan: KernelScan, inside: number): void {
  const { pending, marked, pendingCount, lanes } = scan;
  const { masks } = scan.queue;
  let couplings = 0;
  scan.markedCount = 0;
  for (let j = 0; j < pendingCount; j++) {
    const mask = masks[pending[j]!]!;
    marked[j] = fitsWide(mask, inside, lanes) ? 1 : 0;
    if (marked[j] === 0) continue;
    scan.markedCount++;
    if ((mask & (mask - 1)) !== 0) couplings++;
  }
  if (couplings >= 3) executeMarked(scan, StepKind.wide, wideCost(scan, inside));
}
