import { GEMM_ARGUMENTS } from '../../description/gemm.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { type GemmPlan, WORD_BYTES } from './gemm-plan.ts';

/** Vectors that a copy loop moves per turn. */
const COPY_VECTORS = 4;

/** What packing works with: both pointers are left somewhere else; the vectors are overwritten. */
export interface PackingRegisters {
  readonly source: Pointer;
  readonly destination: Pointer;
  readonly vectors: readonly Vector[];
}

/** Puts the start of a part of the scratch memory into `destination`. */
export function emitScratchAddress(target: Target<unknown>, destination: Pointer, offset: number): void {
  target.argument(destination, GEMM_ARGUMENTS.scratch);
  target.advance(destination, offset);
}

/** Copies the block of A at `source`, `rows` by `depth`, into scratch. */
export function emitPackLeft(
  target: Target<unknown>,
  plan: GemmPlan,
  registers: PackingRegisters,
  rows: number,
  depth: number,
): void {
  const { left, packLeft, scratch } = plan;
  const { source, destination } = registers;
  const packed = scratch.left;
  emitScratchAddress(target, destination, packed.offset);
  if (packLeft === 'depth') {
    target.loop(depth, () => {
      const moved = emitCopyWords(target, registers, rows, WORD_BYTES);
      target.advance(source, left.depthBytes - moved.source);
      target.advance(destination, packed.depthBytes - moved.destination);
    });
    return;
  }
  target.loop(rows, () => {
    const moved = emitCopyWords(target, registers, depth, left.depthBytes);
    target.advance(source, left.rowBytes - moved.source);
    target.advance(destination, packed.rowBytes - moved.destination);
  });
}

/** Copies `words` words that lie `stepBytes` apart next to each other. Returns how far the pointers moved, in bytes. */
function emitCopyWords(
  target: Target<unknown>,
  { source, destination, vectors }: PackingRegisters,
  words: number,
  stepBytes: number,
): { readonly source: number; readonly destination: number } {
  if (stepBytes !== WORD_BYTES) {
    target.loop(words, () => {
      target.moveWord({ base: destination, offset: 0 }, { base: source, offset: 0 });
      target.advance(source, stepBytes);
      target.advance(destination, WORD_BYTES);
    });
    return { source: words * stepBytes, destination: words * WORD_BYTES };
  }
  const { lanes } = target.traits;
  const group = vectors.slice(0, COPY_VECTORS);
  const turnBytes = group.length * lanes * WORD_BYTES;
  const turns = Math.floor(words / (group.length * lanes));
  target.loop(turns, () => {
    for (const [v, vector] of group.entries())
      target.load(vector, { base: source, offset: v * lanes * WORD_BYTES });
    for (const [v, vector] of group.entries())
      target.store(vector, { base: destination, offset: v * lanes * WORD_BYTES });
    target.advance(source, turnBytes);
    target.advance(destination, turnBytes);
  });
  for (let done = turns * group.length * lanes; done < words; done += lanes) {
    const offset = done * WORD_BYTES - turns * turnBytes;
    const count = Math.min(lanes, words - done);
    target.load(group[0]!, { base: source, offset }, count);
    target.store(group[0]!, { base: destination, offset }, count);
  }
  return { source: turns * turnBytes, destination: turns * turnBytes };
}

/**
 * Packs `columns` columns (at most a panel) of B, `depth` deep, from `source` to `destination`; columns that do not exist become 0.
 * Leaves `destination` behind the panel. Returns how far `source` moved, in bytes.
 */
export function emitPackPanel(
  target: Target<unknown>,
  plan: GemmPlan,
  registers: PackingRegisters,
  columns: number,
  depth: number,
): number {
  const { right, panelRowBytes } = plan;
  if (right.kind !== 'matrix') return 0;
  const { source, destination } = registers;
  const step =
    right.columnBytes === WORD_BYTES
      ? (turn: number) => emitPackContiguous(target, plan, registers, columns, turn)
      : (turn: number) => emitPackWords(target, plan, registers, columns, turn);
  const unroll = right.columnBytes === WORD_BYTES ? Math.min(depth, target.traits.unroll) : 1;
  target.loop(Math.floor(depth / unroll), () => {
    for (let turn = 0; turn < unroll; turn++) step(turn);
    target.advance(source, unroll * right.depthBytes);
    target.advance(destination, unroll * panelRowBytes);
  });
  const rest = depth % unroll;
  for (let turn = 0; turn < rest; turn++) step(turn);
  target.advance(destination, rest * panelRowBytes);
  return (depth - rest) * right.depthBytes;
}

/** One row of a panel whose columns are neighbours in B. */
function emitPackContiguous(
  target: Target<unknown>,
  { right, vectorBytes, tileColumns, panelRowBytes }: GemmPlan,
  { source, destination, vectors }: PackingRegisters,
  columns: number,
  turn: number,
): void {
  if (right.kind !== 'matrix') return;
  const { lanes } = target.traits;
  for (let v = 0; v * lanes < tileColumns; v++) {
    const vector = vectors[v % vectors.length]!;
    const existing = Math.max(0, Math.min(lanes, columns - v * lanes));
    const memory = { base: source, offset: turn * right.depthBytes + v * vectorBytes };
    if (existing > 0) target.load(vector, memory, existing);
    else target.zero(vector);
    target.store(vector, { base: destination, offset: turn * panelRowBytes + v * vectorBytes });
  }
}

/** One row of a panel whose columns lie apart in B. */
function emitPackWords(
  target: Target<unknown>,
  { right, vectorBytes, tileColumns, panelRowBytes }: GemmPlan,
  { source, destination, vectors }: PackingRegisters,
  columns: number,
  turn: number,
): void {
  if (right.kind !== 'matrix') return;
  const row = turn * panelRowBytes;
  if (columns < tileColumns) {
    target.zero(vectors[0]!);
    for (let offset = 0; offset < panelRowBytes; offset += vectorBytes) {
      target.store(vectors[0]!, { base: destination, offset: row + offset });
    }
  }
  for (let column = 0; column < columns; column++) {
    const from = { base: source, offset: turn * right.depthBytes + column * right.columnBytes };
    target.moveWord({ base: destination, offset: row + column * WORD_BYTES }, from);
  }
}
