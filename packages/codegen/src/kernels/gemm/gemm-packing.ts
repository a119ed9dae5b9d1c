import { GEMM_ARGUMENTS } from '../../description/gemm.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { type GemmPlan, WORD_BYTES } from './gemm-plan.ts';

/** Vectors that a copy loop moves per turn. */
const COPY_VECTORS = 4;

/** Words of a cache line. */
const GROUP_WORDS = 16;

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
 */
export function emitPackPanel(
  target: Target<unknown>,
  plan: GemmPlan,
  registers: PackingRegisters,
  columns: number,
  depth: number,
): void {
  const { right, panelRowBytes } = plan;
  if (right.kind !== 'matrix') return;
  if (right.columnBytes !== WORD_BYTES) {
    emitPackWords(target, plan, registers, columns, depth);
    return;
  }
  const { source, destination } = registers;
  const unroll = Math.min(depth, target.traits.unroll);
  const step = (turn: number) => emitPackContiguous(target, plan, registers, columns, turn);
  target.loop(Math.floor(depth / unroll), () => {
    for (let turn = 0; turn < unroll; turn++) step(turn);
    target.advance(source, unroll * right.depthBytes);
    target.advance(destination, unroll * panelRowBytes);
  });
  const rest = depth % unroll;
  for (let turn = 0; turn < rest; turn++) step(turn);
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

/**
 * Packs columns that lie apart in B, a cache line's worth of each at a time: one word of every column would touch as many lines, all of
 * them on few sets of the cache when the distance is a power of two.
 */
function emitPackWords(
  target: Target<unknown>,
  plan: GemmPlan,
  registers: PackingRegisters,
  columns: number,
  depth: number,
): void {
  const { right, panelRowBytes } = plan;
  if (right.kind !== 'matrix') return;
  const { source, destination } = registers;
  const packGroup = (words: number) => {
    emitZeroPadding(target, plan, registers, columns, words);
    target.loop(columns, () => {
      for (let word = 0; word < words; word++) {
        const from = { base: source, offset: word * right.depthBytes };
        target.moveWord({ base: destination, offset: word * panelRowBytes }, from);
      }
      target.advance(source, right.columnBytes);
      target.advance(destination, WORD_BYTES);
    });
    target.advance(source, words * right.depthBytes - columns * right.columnBytes);
    target.advance(destination, words * panelRowBytes - columns * WORD_BYTES);
  };
  const groups = Math.floor(depth / GROUP_WORDS);
  if (groups > 0) target.loop(groups, () => packGroup(GROUP_WORDS));
  const rest = depth - groups * GROUP_WORDS;
  if (rest > 0) packGroup(rest);
}

/** Zeroes `words` rows of a panel that has columns which do not exist. */
function emitZeroPadding(
  target: Target<unknown>,
  { vectorBytes, tileColumns, panelRowBytes }: GemmPlan,
  { destination, vectors }: PackingRegisters,
  columns: number,
  words: number,
): void {
  if (columns === tileColumns) return;
  target.zero(vectors[0]!);
  for (let offset = 0; offset < words * panelRowBytes; offset += vectorBytes) {
    target.store(vectors[0]!, { base: destination, offset });
  }
}
