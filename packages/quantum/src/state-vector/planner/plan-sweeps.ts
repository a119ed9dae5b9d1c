import { InvalidArgumentError, VerificationError } from '@qedge/core';
import type { LoweredCircuit } from '../lowering/lowered-circuit.ts';
import { type BoundFrame, ProgramBinder } from '../tables/program-binder.ts';
import type { RegisterKernel, StateLayout, Sweep, SweepShape, VectorProgram } from '../vector-program.ts';
import { countBits, fillWithLowest, listBits, lowBits } from './bits.ts';
import { chooseBlock, createBlockSearch } from './choose-block.ts';
import { chooseTile } from './choose-tile.ts';
import { collectDemands, createDemands, type Demands } from './cover-qubits.ts';
import { type EmissionContext, KernelEmitter } from './emit-kernel.ts';
import { createKernelScan, type KernelScan, scanKernel } from './kernel-scan.ts';
import {
  compactQueue,
  createOperationQueue,
  type OperationQueue,
  selectExecutable,
} from './operation-queue.ts';
import { measurePlan, type PlanStatistics } from './plan-statistics.ts';
import { computeRequirements } from './requirements.ts';
import { chooseStreamingBlock, requiredQubits } from './streaming-block.ts';
import { TableBuilder } from './table-builder.ts';

/** Up to so many qubits, filling a table takes longer than several multiplications of the state. */
const FEW_QUBITS = 10;
/** Loading and storing a block, in instructions per amplitude vector. */
const BASE_COST = 5;

export interface PlanOptions {
  /** Physical qubit of each logical one (-1: none) where an earlier program left the state. */
  readonly initialQubits?: ArrayLike<number>;
  /** Told each operation of the lowered circuit as it takes its place in the program. */
  readonly onPlanned?: (operation: number) => void;
}

/** A planned circuit: code is generated from `program` once, tables are filled by `binder` for every set of parameters. */
export interface PlannedCircuit {
  readonly program: VectorProgram;
  /** Physical qubit of each logical one at the end, -1 for idle ones. */
  readonly finalQubits: Int32Array;
  readonly statistics: PlanStatistics;
  /**
   * Fills the tables for parameters in the order of `lowered.parameterNames`, and returns how to read the state that the program
   * leaves. For many sets of parameters call it with a part of a larger array each.
   *
   * @throws InvalidArgumentError for too few values or numbers in the tables.
   * @param start flips (per physical qubit) and phase that are pending where the program begins.
   */
  bind(values: ArrayLike<number>, tables: Float32Array | Float64Array, start?: FrameStart): BoundFrame;
}

/** What is pending on a state. */
export interface FrameStart {
  readonly flips: Uint8Array;
  readonly phase: number;
}

/**
 * Arranges a circuit into sweeps over a state. Pure, and a matter of structure alone: the same for all parameters.
 *
 * @throws InvalidArgumentError where the layout has too few qubits, or a qubit that is acted on has no place in the given state.
 */
export function planSweeps(
  lowered: LoweredCircuit,
  layout: StateLayout,
  shape: SweepShape,
  options: PlanOptions = {},
): PlannedCircuit {
  const physicalOf = placeWires(lowered, layout, options.initialQubits);
  const wireOf = new Int32Array(32).fill(-1);
  physicalOf.forEach((physical, wire) => {
    wireOf[physical] = wire;
  });
  const queue = createOperationQueue(lowered.operations, physicalOf);
  const tables = new TableBuilder(lowered.operations, wireOf);
  const context: EmissionContext = {
    operations: lowered.operations,
    masks: queue.masks,
    controls: queue.controls,
    certain: queue.certain,
    certainBits: queue.certainBits,
    physicalOf,
    tables,
    laneQubits: shape.laneQubits,
    tableQubits: shape.tableQubits,
  };
  const sweeps = planAll(queue, context, layout.qubitCount, shape, lowered.sets, options.onPlanned);
  const plan = tables.finish();
  const program: VectorProgram = { layout, sweeps, tableLength: plan.length };
  const finalQubits = Int32Array.from(lowered.finalPlaces, (place, qubit) => {
    if (place < 0) return options.initialQubits?.[qubit] ?? -1;
    return physicalOf[lowered.activeQubits.indexOf(place)]!;
  });
  const binder = new ProgramBinder(lowered, plan, physicalOf, finalQubits, layout.qubitCount);
  return {
    program,
    finalQubits,
    get statistics() {
      return measurePlan(program);
    },
    bind: (values, into, start) => binder.bind(values, into, start),
  };
}

function placeWires(
  lowered: LoweredCircuit,
  layout: StateLayout,
  initialQubits: ArrayLike<number> | undefined,
): Int32Array {
  const { activeQubits } = lowered;
  if (activeQubits.length > layout.qubitCount) {
    throw new InvalidArgumentError('The layout has too few qubits', {
      expected: `at least ${activeQubits.length}`,
      actual: layout.qubitCount,
    });
  }
  return Int32Array.from(activeQubits, (qubit, wire) => {
    const physical = initialQubits === undefined ? wire : (initialQubits[qubit] ?? -1);
    if (physical >= 0 && physical < layout.qubitCount) return physical;
    throw new InvalidArgumentError('A qubit has no place in the state', {
      expected: `a physical qubit in 0..${layout.qubitCount - 1} for qubit ${qubit}`,
      actual: physical,
    });
  });
}

function planAll(
  queue: OperationQueue,
  context: EmissionContext,
  qubitCount: number,
  shape: SweepShape,
  sets: boolean,
  onPlanned: PlanOptions['onPlanned'],
): Sweep[] {
  // Any two qubits must fit besides the lanes, or a matrix on them would never be executed.
  const tileQubits = Math.min(Math.max(shape.tileQubits, shape.laneQubits + 2), qubitCount);
  const lowQubits = Math.max(Math.min(shape.lowQubits, tileQubits - 2), shape.laneQubits);
  const scan = createKernelScan(queue, {
    lanes: lowBits(shape.laneQubits),
    tableQubits: shape.tableQubits,
    baseCost: BASE_COST,
    fewAmplitudes: qubitCount <= FEW_QUBITS,
  });
  const demands = createDemands(queue.length);
  const drafts: { tile: number; kernels: KernelEmitter[] }[] = [];
  while (queue.branching > 0) {
    computeRequirements(queue, scan.requirements);
    let tile = pickTile(queue, scan, demands, qubitCount, tileQubits, lowQubits);
    scan.queue = selectExecutable(queue, scan.requirements.masks, tile);
    const required = requiredQubits(scan.queue, scan.requirements, scan.lanes);
    let first = -1;
    if (tileQubits < qubitCount && countBits(required) <= shape.blockQubits) {
      first = chooseStreamingBlock(required, qubitCount, shape.laneQubits, shape.blockQubits);
      tile = fillWithLowest(first, tileQubits, 0);
      scan.queue = selectExecutable(queue, scan.requirements.masks, tile);
    }
    const kernels = planKernels(scan, demands, context, tile, shape, first, onPlanned);
    compactQueue(queue);
    const last = drafts.at(-1);
    if (last?.tile === tile) last.kernels.push(...kernels);
    else drafts.push({ tile, kernels });
  }
  const left = Array.from(queue.order.subarray(0, queue.total));
  if (drafts.length === 0 && (sets || left.length > 0)) {
    const block = chooseStreamingBlock(0, qubitCount, shape.laneQubits, shape.blockQubits);
    const tile = fillWithLowest(block, tileQubits, 0);
    drafts.push({ tile, kernels: [new KernelEmitter(context, block)] });
  }
  finishPhases(left, context, drafts.at(-1)?.kernels.at(-1));
  if (sets) drafts[0]!.kernels[0]!.emitStart(qubitCount);
  if (onPlanned !== undefined) left.forEach(onPlanned);
  return drafts.map(({ tile, kernels }) => ({
    tileQubits: listBits(tile),
    inPlace: tile === lowBits(tileQubits),
    kernels: kernels.map((kernel): RegisterKernel => kernel.finish()),
  }));
}

function pickTile(
  queue: OperationQueue,
  scan: KernelScan,
  demands: Demands,
  qubitCount: number,
  tileQubits: number,
  lowQubits: number,
): number {
  if (tileQubits >= qubitCount) return lowBits(qubitCount);
  collectDemands(queue, scan.requirements, lowBits(lowQubits), tileQubits - lowQubits, demands);
  return chooseTile(demands, qubitCount, tileQubits, lowQubits, new Float64Array(32));
}

function planKernels(
  scan: KernelScan,
  demands: Demands,
  context: EmissionContext,
  tile: number,
  shape: SweepShape,
  /** The block of the first kernel where it is known; else -1. */
  first: number,
  onPlanned: PlanOptions['onPlanned'],
): KernelEmitter[] {
  const { queue } = scan;
  const candidates = listBits(tile & ~scan.lanes);
  const size = Math.min(shape.blockQubits, candidates.length);
  const search = createBlockSearch();
  const kernels: KernelEmitter[] = [];
  while (queue.branching > 0) {
    computeRequirements(queue, scan.requirements);
    collectDemands(queue, scan.requirements, scan.lanes, size, demands);
    const isKnown = kernels.length === 0 && first !== -1;
    const block = isKnown ? first : chooseBlock(scan, demands, candidates, size, search);
    if (block === -1) break;
    scanKernel(scan, scan.lanes | block, true);
    const kernel = new KernelEmitter(context, block);
    kernel.emitSteps(scan);
    kernels.push(kernel);
    for (let i = 0; i < scan.takenCount; i++) {
      const operation = scan.taken[i]!;
      queue.planned[operation] = 1;
      onPlanned?.(operation);
    }
    compactQueue(queue);
  }
  if (kernels.length > 0) return kernels;
  throw new VerificationError('The planner chose a tile in which nothing can be executed', {
    expected: 'a rotation or a matrix on qubits of the tile',
    actual: candidates,
    remedy: 'Please report the circuit: this is a defect of the planner.',
  });
}

/** Phases that no rotation waits for go to the end of the last kernel, and so do cosines that nothing took in. */
function finishPhases(
  terms: readonly number[],
  context: EmissionContext,
  last: KernelEmitter | undefined,
): void {
  if (terms.length > 0) last!.emitPhases(terms);
  if (context.tables.needsFinalScale()) last!.emitScale();
}
