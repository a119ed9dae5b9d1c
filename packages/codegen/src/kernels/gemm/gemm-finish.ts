import { GEMM_ARGUMENTS } from '../../description/gemm.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';
import { emitStoredActivation, needsActivationPass } from '../activation/emit-stored-activation.ts';
import { emitSoftmaxRows, softmaxVectors } from '../softmax/emit-softmax-rows.ts';
import { type GemmPlan, WORD_BYTES } from './gemm-plan.ts';
import type { TileResult } from './gemm-result.ts';

/** Registers that alpha, beta and bias need beside the value in {@link emitFinishRows}. */
const FINISH_OPERANDS = 2;

/** Vector registers that the parts of this file need, whatever the tile. */
export function finishVectors({ description, traits, result }: GemmPlan): number {
  const { activation, softmax } = description.epilogue;
  const needsPass = !result.direct || softmax || activation !== 'none';
  const forRows = needsPass ? 1 + Math.max(FINISH_OPERANDS, activationScratch(activation)) : 1;
  return softmax ? Math.max(forRows, softmaxVectors(traits)) : forRows;
}

/**
 * Applies an activation that needs registers of its own to a tile that was just stored and still is in the first-level cache. Changes
 * `result.c`.
 */
export function emitTileActivation(
  target: Target<unknown>,
  plan: GemmPlan,
  { c, rowBytes, tailLanes }: TileResult,
  { rows, width }: { readonly rows: number; readonly width: number },
  vectors: readonly Vector[],
): void {
  const { activation } = plan.description.epilogue;
  if (!needsActivationPass(activation)) return;
  const columns = (width - 1) * target.traits.lanes + tailLanes;
  target.loop(rows, () => {
    emitStoredActivation(target, activation, c, columns, vectors);
    target.advance(c, rowBytes);
  });
}

/** Address registers of {@link emitFinishRows}: the first three point at the first row's sums, at C, and anywhere. All are changed. */
export interface FinishPointers {
  readonly sums: Pointer;
  readonly result: Pointer;
  readonly collected: Pointer;
  readonly bias: Pointer | null;
}

/**
 * What remains when all sums are complete: nothing, softmax over the rows, or, for sums that lie in scratch, everything up to storing
 * them where C wants them.
 */
export function emitFinishRows(
  target: Target<unknown>,
  plan: GemmPlan,
  pointers: FinishPointers,
  vectors: readonly Vector[],
): void {
  const { result, scratch, rows, columns } = plan;
  const { softmax } = plan.description.epilogue;
  if (result.direct) {
    if (softmax) emitSoftmax(target, plan, pointers.result, result.rowBytes, vectors);
    return;
  }
  if (pointers.bias !== null) target.argument(pointers.bias, GEMM_ARGUMENTS.bias);
  target.argument(pointers.collected, GEMM_ARGUMENTS.scratch);
  target.advance(pointers.collected, scratch.collected.offset);
  const contiguous = result.columnBytes === WORD_BYTES || columns === 1;
  const eachRow = (body: () => void) => {
    target.loop(rows, () => {
      body();
      target.advance(pointers.sums, scratch.sums.rowBytes);
      target.advance(pointers.result, result.rowBytes);
      if (plan.biasAxis === 'row' && pointers.bias !== null) target.advance(pointers.bias, WORD_BYTES);
    });
    target.advance(pointers.sums, -rows * scratch.sums.rowBytes);
    target.advance(pointers.result, -rows * result.rowBytes);
  };
  eachRow(() => emitFinishRow(target, plan, pointers, vectors, contiguous));
  if (softmax) {
    target.copyPointer(pointers.collected, pointers.sums);
    emitSoftmax(target, plan, pointers.collected, scratch.sums.rowBytes, vectors);
  }
  eachRow(() => emitCopyRow(target, plan, pointers, vectors[0]!, contiguous));
}

/** Softmax over finished rows, in place. */
function emitSoftmax(
  target: Target<unknown>,
  { rows, columns }: GemmPlan,
  start: Pointer,
  rowBytes: number,
  vectors: readonly Vector[],
): void {
  const stride = rowBytes / WORD_BYTES;
  const layout = { rows, width: columns, inputStride: stride, outputStride: stride };
  emitSoftmaxRows(target, { input: start, output: start }, layout, vectors);
}

/** Walks over a row in vectors; the pointers, all of them moved by the bytes given per column, come back to where they were. */
function emitAlongRow(
  target: Target<unknown>,
  columns: number,
  moves: readonly (readonly [pointer: Pointer, bytesPerColumn: number])[],
  body: (lanes: number) => void,
): void {
  const { lanes } = target.traits;
  const turns = Math.floor(columns / lanes);
  const move = (count: number) => {
    for (const [pointer, bytes] of moves) target.advance(pointer, count * bytes);
  };
  if (turns > 0) {
    target.loop(turns, () => {
      body(lanes);
      move(lanes);
    });
  }
  const tail = columns - turns * lanes;
  if (tail > 0) body(tail);
  move(-turns * lanes);
}

/** Alpha, beta, bias and activation of one row of sums, in place. */
function emitFinishRow(
  target: Target<unknown>,
  plan: GemmPlan,
  { sums, result, collected, bias }: FinishPointers,
  [value, ...others]: readonly Vector[],
  contiguous: boolean,
): void {
  const { alpha, beta, epilogue } = plan.description;
  const [first, second] = others as [Vector, Vector];
  const field = (index: number) => ({ base: target.block, offset: index * ARGUMENT_BYTES });
  const sum = value as Vector;
  const moves: [Pointer, number][] = [
    [sums, WORD_BYTES],
    [result, plan.result.columnBytes],
  ];
  if (bias !== null && plan.biasAxis === 'column') moves.push([bias, WORD_BYTES]);
  emitAlongRow(target, plan.columns, moves, (lanes) => {
    target.load(sum, { base: sums, offset: 0 }, lanes);
    if (alpha === 'argument') {
      target.splat(first, field(GEMM_ARGUMENTS.alpha));
      target.float('multiply', sum, sum, first);
    }
    if (beta !== 'zero') {
      const old = contiguous ? result : collected;
      if (!contiguous) emitMoveWords(target, collected, WORD_BYTES, result, plan.result.columnBytes, lanes);
      target.load(second, { base: old, offset: 0 }, lanes);
      if (beta === 'one') target.float('add', sum, sum, second);
      else {
        target.splat(first, field(GEMM_ARGUMENTS.beta));
        target.fma(sum, first, second);
      }
    }
    if (bias !== null && plan.biasAxis !== null) {
      if (plan.biasAxis === 'row') target.splat(first, { base: bias, offset: 0 });
      else target.load(first, { base: bias, offset: 0 }, lanes);
      target.float('add', sum, sum, first);
    }
    emitActivation(target, epilogue.activation, [sum], others);
    target.store(sum, { base: sums, offset: 0 }, lanes);
  });
}

/** Copies one finished row to C. */
function emitCopyRow(
  target: Target<unknown>,
  { columns, result: { columnBytes } }: GemmPlan,
  { sums, result }: FinishPointers,
  vector: Vector,
  contiguous: boolean,
): void {
  const moves: [Pointer, number][] = [
    [sums, WORD_BYTES],
    [result, columnBytes],
  ];
  emitAlongRow(target, columns, moves, (lanes) => {
    if (contiguous) {
      target.load(vector, { base: sums, offset: 0 }, lanes);
      target.store(vector, { base: result, offset: 0 }, lanes);
    } else emitMoveWords(target, result, columnBytes, sums, WORD_BYTES, lanes);
  });
}

function emitMoveWords(
  target: Target<unknown>,
  destination: Pointer,
  destinationBytes: number,
  source: Pointer,
  sourceBytes: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const from = { base: source, offset: i * sourceBytes };
    target.moveWord({ base: destination, offset: i * destinationBytes }, from);
  }
}
