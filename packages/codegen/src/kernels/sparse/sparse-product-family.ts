import { Random } from '@qedge/core';
import {
  requireSparseProduct,
  SPARSE_CHAINS,
  SPARSE_COLUMN_BYTES,
  SPARSE_PRODUCT_ARGUMENT_COUNT,
  SPARSE_PRODUCT_ARGUMENTS,
  SPARSE_STEP_BYTES,
  type SparseProductDescription,
} from '../../description/sparse-product.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { emitLoad, emitStore, type Portion, portionsOf, WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { packSparseColumns } from './pack-sparse-columns.ts';

/** A number of the matrix, and the vector of x that it is multiplied with. */
const OPERAND_VECTORS = 2;

/** The most rows of one call: four chains of their vectors fill the registers. */
export function mostSparseRows({ lanes, vectors, temporaries }: TargetTraits): number {
  return lanes * Math.floor((vectors - OPERAND_VECTORS - temporaries.fma) / SPARSE_CHAINS);
}

interface Registers {
  /** By chain, the vectors of all rows. */
  readonly sums: readonly (readonly Vector[])[];
  readonly number: Vector;
  readonly values: Vector;
}

function emitSparseProduct(target: Target<unknown>, description: SparseProductDescription): void {
  const { columns, rows, rowStride, activation } = description;
  const portions = portionsOf(rows, target.traits.lanes);
  const sums = Array.from({ length: SPARSE_CHAINS }, (_, chain) =>
    target.vectors(`chain ${chain}`, portions.length),
  );
  const [number, values] = target.vectors('operands', OPERAND_VECTORS) as [Vector, Vector];
  const registers = { sums, number, values };
  const [x, stream] = [target.pointer('x'), target.pointer('stream')];
  const [y, place] = [target.pointer('y'), target.pointer('place in x')];
  target.argument(x, SPARSE_PRODUCT_ARGUMENTS.x);
  target.argument(stream, SPARSE_PRODUCT_ARGUMENTS.stream);
  target.argument(y, SPARSE_PRODUCT_ARGUMENTS.y);
  const count = { base: target.block, offset: SPARSE_PRODUCT_ARGUMENTS.count * ARGUMENT_BYTES };
  target.loop(columns, () => {
    target.moveWord(count, { base: stream, offset: 0 });
    for (const [chain, vectors] of sums.entries()) {
      for (const sum of vectors) {
        if (chain === 0) target.splat(sum, { base: stream, offset: WORD_BYTES });
        else target.zero(sum);
      }
    }
    target.advance(stream, SPARSE_COLUMN_BYTES);
    target.copyPointer(place, x);
    target.loopArgument(SPARSE_PRODUCT_ARGUMENTS.count, () => {
      for (let chain = 0; chain < SPARSE_CHAINS; chain++) {
        target.advanceByWord(place, { base: stream, offset: chain * WORD_BYTES }, 1);
        emitTerm(target, registers, chain, { stream, place }, portions);
      }
      target.advance(stream, SPARSE_STEP_BYTES);
    });
    emitResult(target, registers, y, portions, activation);
    target.advance(y, rowStride * WORD_BYTES);
  });
}

/** Adds one number of the matrix times a row of x to its chain. */
function emitTerm(
  target: Target<unknown>,
  { sums, number, values }: Registers,
  chain: number,
  { stream, place }: { readonly stream: Pointer; readonly place: Pointer },
  portions: readonly Portion[],
): void {
  const memory = { base: stream, offset: (SPARSE_CHAINS + chain) * WORD_BYTES };
  // One lane needs no copies of the number.
  if (portions.length === 1 && portions[0]!.lanes === 1) target.load(number, memory, 1);
  else target.splat(number, memory);
  for (const [at, portion] of portions.entries()) {
    emitLoad(target, values, place, portion);
    target.fma(sums[chain]![at]!, values, number, portion.lanes);
  }
}

/** Adds the chains up in pairs. */
function emitResult(
  target: Target<unknown>,
  { sums, number }: Registers,
  y: Pointer,
  portions: readonly Portion[],
  activation: SparseProductDescription['activation'],
): void {
  if (activation === 'relu') target.zero(number);
  for (const [at, portion] of portions.entries()) {
    const [a, b, c, d] = sums.map((vectors) => vectors[at]!) as [Vector, Vector, Vector, Vector];
    target.float('add', a, a, b);
    target.float('add', c, c, d);
    target.float('add', a, a, c);
    if (activation === 'relu') target.float('max', a, a, number);
    emitStore(target, a, y, portion);
  }
}

/** Of the numbers of a trial. */
const TRIAL_DENSITY = 0.2;
/** Half a unit in the last place of the largest sum that a term or a sum of chains can be rounded in. */
const ROUNDOFF = 2 ** -24;

function drawTrial({ columns, depth, rows, rowStride }: SparseProductDescription, seed: number) {
  const random = new Random(seed);
  const matrix = drawFloats(random, depth * columns, false).map((value, i) => {
    // Columns without a number and full ones are among them.
    const density = i % columns === 0 ? 0 : i % columns === 1 ? 1 : TRIAL_DENSITY;
    return random.uniform() < density ? value : 0;
  });
  const bias = drawFloats(random, columns, false);
  const x = drawFloats(random, (depth - 1) * rowStride + rows, false);
  return { matrix, bias, x };
}

/** {@link SparseProductDescription}. */
export const SPARSE_PRODUCT: KernelFamily<SparseProductDescription> = {
  kind: 'sparse-product',
  validate: requireSparseProduct,
  key: ({ columns, depth, rows, rowStride, activation }) =>
    `sparse-product-${columns}x${depth}-${rows}of${rowStride}-${activation}`,
  emit: emitSparseProduct,
  trial(description, _traits, effort, seed) {
    const { columns, depth, rows, rowStride, activation } = description;
    const { matrix, bias, x } = drawTrial(description, seed);
    const layout = { values: matrix, depth, columns, depthStride: columns, columnStride: 1, bias };
    const { bytes } = packSparseColumns(layout, rowStride);
    const expectRow = (column: number) => (row: number) => {
      let [value, magnitude] = [bias[column]!, Math.abs(bias[column]!)];
      for (let i = 0; i < depth; i++) {
        const term = matrix[i * columns + column]! * x[i * rowStride + row]!;
        value += term;
        magnitude += Math.abs(term);
      }
      const result = activation === 'relu' ? Math.max(0, value) : value;
      // A product and a sum are rounded for each term, and the chains are added.
      return { value: result, tolerance: (2 * depth + 4) * ROUNDOFF * magnitude };
    };
    const result = {
      ...{ argument: SPARSE_PRODUCT_ARGUMENTS.y, rows: columns, width: rows, stride: rowStride },
      ...{ elementBytes: WORD_BYTES, read: readFloat32, terms: depth, expectRow },
    };
    const operands = [
      { argument: SPARSE_PRODUCT_ARGUMENTS.x, content: x },
      { argument: SPARSE_PRODUCT_ARGUMENTS.stream, content: bytes },
    ];
    const trial = { argumentCount: SPARSE_PRODUCT_ARGUMENT_COUNT, operands, scalars: [], result };
    return arrayTrial(trial, effort, seed);
  },
};
