import type { IntegerWeights } from '../../description/integer-gemm.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { emitUpdates, type IntegerTileShape, type IntegerTileVectors } from './tile-updates.ts';

/**
 * A step of the depth is what one load of weights covers. It has one part for int8, and for int4 one for each dot product: the codes of
 * a part are what the dot product takes at once, four bytes of A.
 */
interface StepForm {
  readonly partsPerStep: number;
  readonly partDepth: number;
}

const PART_BYTES = 4;

function stepForm(weights: IntegerWeights, dot: TargetTraits['dot']): StepForm {
  const partDepth = dot === 'bytes' ? 4 : 2;
  return { partDepth, partsPerStep: weights === 'int4' ? 8 / partDepth : 1 };
}

/**
 * Emits the exact int32 sums over the whole depth and returns their registers, `[row][vector]`. Moves `a` and leaves `b` behind the
 * codes of the panel.
 */
export function emitIntegerSums(
  target: Target<unknown>,
  shape: IntegerTileShape,
  registers: IntegerTileVectors,
  { a, b }: { readonly a: Pointer; readonly b: Pointer },
): Vector[][] {
  const { rows, vectors, weights, depth, copies } = shape;
  const { dot, unroll } = target.traits;
  const { partDepth, partsPerStep } = stepForm(weights, dot);
  const sums = sliceSums(registers.accumulators, shape);
  for (const sum of sums.flat(2)) target.zero(sum);
  if (registers.masks.length > 0) target.integerConstant(registers.masks[0]!, HIGH_NIBBLES);
  const parts = Math.ceil(depth / partDepth);
  const steps = Math.floor(parts / partsPerStep);
  const stepsPerTurn = Math.max(unroll, copies);
  const turns = Math.floor(steps / stepsPerTurn);
  const emitSteps = (count: number, lastParts: number) => {
    for (let step = 0; step < count; step++) {
      const stepParts = step === count - 1 ? lastParts : partsPerStep;
      const place = {
        aOffset: step * partsPerStep * PART_BYTES,
        bOffset: step * vectors * shape.bVectorBytes,
      };
      emitStep(target, shape, registers, sums[step % copies]!, { a, b, ...place }, stepParts);
    }
    target.advance(a, count * partsPerStep * PART_BYTES);
    target.advance(b, count * vectors * shape.bVectorBytes);
  };
  target.loop(turns, () => emitSteps(stepsPerTurn, partsPerStep));
  const partsLeft = parts - turns * stepsPerTurn * partsPerStep;
  const stepsLeft = Math.ceil(partsLeft / partsPerStep);
  if (stepsLeft > 0) emitSteps(stepsLeft, partsLeft - (stepsLeft - 1) * partsPerStep);
  const [total, ...others] = sums as [Vector[][], ...Vector[][][]];
  for (const other of others) {
    for (let row = 0; row < rows; row++) {
      for (let v = 0; v < vectors; v++)
        target.integer('add', total[row]![v]!, total[row]![v]!, other[row]![v]!);
    }
  }
  if (weights === 'int4' && dot === 'bytes') {
    for (const sum of total.flat()) target.shift('right-signed', 32, sum, sum, 4);
  }
  return total;
}

function sliceSums(
  accumulators: readonly Vector[],
  { rows, vectors, copies }: IntegerTileShape,
): Vector[][][] {
  return Array.from({ length: copies }, (_, copy) =>
    Array.from({ length: rows }, (_, row) => {
      const first = (copy * rows + row) * vectors;
      return accumulators.slice(first, first + vectors);
    }),
  );
}

/** Where a step reads. */
interface StepPlace {
  readonly a: Pointer;
  readonly b: Pointer;
  readonly aOffset: number;
  readonly bOffset: number;
}

const HIGH_NIBBLES = 0xf0f0f0f0;

function emitStep(
  target: Target<unknown>,
  shape: IntegerTileShape,
  registers: IntegerTileVectors,
  sums: readonly (readonly Vector[])[],
  place: StepPlace,
  parts: number,
): void {
  for (let part = 0; part < parts; part++) {
    const provide = (destination: Vector, v: number) => {
      const memory = { base: place.b, offset: place.bOffset + v * shape.bVectorBytes };
      if (shape.weights === 'int4') {
        target.load(destination, memory);
        emitNibbles(target, destination, part, registers.masks[0]);
      } else if (target.traits.dot === 'bytes') target.load(destination, memory);
      else target.loadPairs('int8', destination, memory);
    };
    const a = { base: place.a, offset: place.aOffset + part * PART_BYTES };
    emitUpdates(target, shape, registers, a, provide, (row, v, value, vector) =>
      target.dot(sums[row]![v]!, value, vector),
    );
  }
}

/**
 * Leaves the codes of one part of an int4 step in a vector that holds the whole step. For bytes, each code is 16 times itself, which
 * the sums undo at their end; for words, two shifts extend its sign.
 */
function emitNibbles(target: Target<unknown>, vector: Vector, part: number, mask: Vector | undefined): void {
  if (target.traits.dot === 'bytes') {
    if (part === 0) target.shift('left', 32, vector, vector, 4);
    target.integer('and', vector, vector, mask!);
    return;
  }
  if (part < 3) target.shift('left', 16, vector, vector, 12 - 4 * part);
  target.shift('right-signed', 16, vector, vector, 12);
}
