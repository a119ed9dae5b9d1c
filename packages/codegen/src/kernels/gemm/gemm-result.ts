import { GEMM_ARGUMENTS } from '../../description/gemm.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import type { MemoryOperand, Pointer, Target, Vector } from '../../target/target.ts';
import { emitClamp } from '../activation/emit-activation.ts';
import { type GemmPlan, WORD_BYTES } from './gemm-plan.ts';
import type { Tile } from './gemm-tile.ts';

/** Where a tile's results go: `c` points at its first element, rows are `rowBytes` apart, the last vector has `tailLanes` lanes. */
export interface TileResult {
  readonly c: Pointer;
  readonly rowBytes: number;
  readonly tailLanes: number;
}

/** Calls `visit` with every sum of a tile, where its result lies, and how many lanes of it exist. */
function eachSum(
  target: Target<unknown>,
  tile: Tile,
  { c, rowBytes, tailLanes }: TileResult,
  visit: (sum: Vector, memory: MemoryOperand, lanes: number) => void,
): void {
  const { lanes } = target.traits;
  for (const [row, sums] of tile.accumulators.entries()) {
    for (const [v, sum] of sums.entries()) {
      const offset = row * rowBytes + v * lanes * WORD_BYTES;
      visit(sum, { base: c, offset }, v === sums.length - 1 ? tailLanes : lanes);
    }
  }
}

/** Starts all sums at 0. */
export function emitZeroSums(target: Target<unknown>, tile: Tile): void {
  for (const sum of tile.accumulators.flat()) target.zero(sum);
}

/** Goes on with the sums of the pass before. A float32 that was stored comes back unchanged, so this adds no rounding. */
export function emitLoadSums(target: Target<unknown>, tile: Tile, result: TileResult): void {
  eachSum(target, tile, result, (sum, memory, lanes) => target.load(sum, memory, lanes));
}

export function emitStoreSums(target: Target<unknown>, tile: Tile, result: TileResult): void {
  eachSum(target, tile, result, (sum, memory, lanes) => target.store(sum, memory, lanes));
}

/** `sum = activation(alpha * sum + beta * C + bias)` for the activations that need no registers of their own. Uses two registers. */
export function emitFinishSums(
  target: Target<unknown>,
  plan: GemmPlan,
  tile: Tile,
  result: TileResult,
  bias: Pointer | null,
): void {
  const { alpha, beta } = plan.description;
  const [first, second] = [...tile.heldVectors, ...tile.passingVectors] as [Vector, Vector];
  const field = (index: number) => ({ base: target.block, offset: index * ARGUMENT_BYTES });
  if (alpha === 'argument') {
    target.splat(first, field(GEMM_ARGUMENTS.alpha));
    for (const sum of tile.accumulators.flat()) target.float('multiply', sum, sum, first);
  }
  if (beta === 'argument') target.splat(first, field(GEMM_ARGUMENTS.beta));
  if (beta !== 'zero') {
    eachSum(target, tile, result, (sum, memory, lanes) => {
      target.load(second, memory, lanes);
      if (beta === 'one') target.float('add', sum, sum, second);
      else target.fma(sum, first, second);
    });
  }
  if (plan.biasAxis !== null && bias !== null) emitBias(target, plan.biasAxis, tile, result, bias, first);
  emitClamp(target, plan.description.epilogue.activation, tile.accumulators.flat(), first);
}

function emitBias(
  target: Target<unknown>,
  axis: 'row' | 'column',
  { accumulators }: Tile,
  { tailLanes }: TileResult,
  bias: Pointer,
  scratch: Vector,
): void {
  if (axis === 'row') {
    for (const [row, sums] of accumulators.entries()) {
      target.splat(scratch, { base: bias, offset: row * WORD_BYTES });
      for (const sum of sums) target.float('add', sum, sum, scratch);
    }
    return;
  }
  const { lanes } = target.traits;
  const vectors = accumulators[0]!.length;
  for (let v = 0; v < vectors; v++) {
    const readable = v === vectors - 1 ? tailLanes : lanes;
    target.load(scratch, { base: bias, offset: v * lanes * WORD_BYTES }, readable);
    for (const sums of accumulators) target.float('add', sums[v]!, sums[v]!, scratch);
  }
}
