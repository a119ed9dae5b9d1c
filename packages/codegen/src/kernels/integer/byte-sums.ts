import type { Pointer, Target, Vector } from '../../target/target.ts';
import { paddedCodeDepth } from './code-form.ts';
import { emitUpdates, type IntegerTileShape, type IntegerTileVectors } from './tile-updates.ts';

// Sums of `multiply-bytes`: int4 weights w as unsigned bytes w + 8 (0..15), codes c of A as signed bytes c - 128, so that
//
//   sum w c = sum (w + 8) (c - 128) - 8 sum (c - 128) + 128 sum w.
//
// The first sum is that of the products; the second is the same for all columns of a row, lies behind its codes, and is where the sums of
// a tile start; the third belongs to the column and comes with its start value. In the padding of the depth w + 8 is packed as 0.
//
// A sum of two neighbouring products lies in 2 * 15 * -128 .. 2 * 15 * 127 = -3840 .. 3810, so that int16 holds eight of them
// (-30720 .. 30480): as many as four steps have parts. Then they go into int32.

/** Depth of a part: four bytes of A and of each column. */
const PART_DEPTH = 4;
/** A step is what one load of weights covers: a part in the low nibbles, and one in the high ones. */
const PARTS_PER_STEP = 2;
const STEP_DEPTH = PART_DEPTH * PARTS_PER_STEP;
/** Steps whose sums fit int16. */
const STEPS_PER_CHUNK = 4;

const LOW_NIBBLES = 0x0f0f0f0f;
const ONE_WORDS = 0x00010001;

interface ByteEmission {
  readonly target: Target<unknown>;
  readonly shape: IntegerTileShape;
  readonly registers: IntegerTileVectors;
  readonly a: Pointer;
  readonly b: Pointer;
  /** int32, `[row][vector]`. */
  readonly sums: readonly (readonly Vector[])[];
  /** int16 pairs, `[row][vector]`. */
  readonly words: readonly (readonly Vector[])[];
}

/**
 * Emits the int32 sums over the whole depth, but for 128 times the sum of a column's weights, and returns their registers,
 * `[row][vector]`. Moves `a` and leaves `b` behind the codes of the panel.
 */
export function emitByteSums(
  target: Target<unknown>,
  shape: IntegerTileShape,
  registers: IntegerTileVectors,
  { a, b }: { readonly a: Pointer; readonly b: Pointer },
): readonly (readonly Vector[])[] {
  const grid = (vectors: readonly Vector[]) =>
    Array.from({ length: shape.rows }, (_, row) =>
      vectors.slice(row * shape.vectors, (row + 1) * shape.vectors),
    );
  const [sums, words] = [grid(registers.accumulators), grid(registers.words)];
  const emission = { target, shape, registers, a, b, sums, words };
  const startOffset = paddedCodeDepth('static', shape.depth);
  for (const [row, vectors] of sums.entries()) {
    const memory = { base: a, offset: row * shape.aRowBytes + startOffset };
    for (const sum of vectors) target.splat(sum, memory);
  }
  target.integerConstant(registers.masks[0]!, LOW_NIBBLES);
  const parts = Math.ceil(shape.depth / PART_DEPTH);
  const chunks = Math.floor(parts / (STEPS_PER_CHUNK * PARTS_PER_STEP));
  target.loop(chunks, () => emitChunk(emission, STEPS_PER_CHUNK * PARTS_PER_STEP));
  const partsLeft = parts - chunks * STEPS_PER_CHUNK * PARTS_PER_STEP;
  if (partsLeft > 0) emitChunk(emission, partsLeft);
  return sums;
}

/** Adds some parts to the sums, at most as many as int16 holds. Moves both positions. */
function emitChunk(emission: ByteEmission, parts: number): void {
  const { target, shape, registers, sums, words } = emission;
  const stepBytes = shape.vectors * shape.bVectorBytes;
  const advance = (steps: number) => {
    target.advance(emission.a, steps * STEP_DEPTH);
    target.advance(emission.b, steps * stepBytes);
  };
  if (target.traits.hoistsLoads) {
    // Loads of several steps in one turn would take a register each.
    for (const pair of words.flat()) target.zero(pair);
    target.loop(Math.floor(parts / PARTS_PER_STEP), () => {
      for (let part = 0; part < PARTS_PER_STEP; part++) emitPart(emission, part, 0, false);
      advance(1);
    });
    if (parts % PARTS_PER_STEP > 0) {
      emitPart(emission, 0, 0, false);
      advance(1);
    }
  } else {
    for (let part = 0; part < parts; part++) {
      emitPart(emission, part, Math.floor(part / PARTS_PER_STEP) * stepBytes, part === 0);
    }
    advance(Math.ceil(parts / PARTS_PER_STEP));
  }
  const ones = registers.products[0]!;
  target.integerConstant(ones, ONE_WORDS);
  for (const [row, pairs] of words.entries()) {
    for (const [v, pair] of pairs.entries()) {
      target.multiplyWords(pair, pair, ones);
      target.integer('add', sums[row]![v]!, sums[row]![v]!, pair);
    }
  }
}

/** The products of one part of the depth, which the sums in int16 begin with or gain. */
function emitPart(
  { target, shape, registers, a, b, words }: ByteEmission,
  part: number,
  bOffset: number,
  begins: boolean,
): void {
  const [product, mask] = [registers.products[0]!, registers.masks[0]!];
  const provide = (destination: Vector, v: number) => {
    target.load(destination, { base: b, offset: bOffset + v * shape.bVectorBytes });
    if (part % PARTS_PER_STEP > 0) target.shift('right-unsigned', 16, destination, destination, 4);
    target.integer('and', destination, destination, mask);
  };
  const update = (row: number, v: number, value: Vector, nibbles: Vector) => {
    const sum = words[row]![v]!;
    target.multiplyBytes(begins ? sum : product, nibbles, value);
    if (!begins) target.addWords(sum, sum, product);
  };
  emitUpdates(target, shape, registers, { base: a, offset: part * PART_DEPTH }, provide, update);
}
