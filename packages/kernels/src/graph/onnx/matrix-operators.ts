import { elementCount, InvalidArgumentError } from '@qedge/core';
import type { ImportedValue } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { asFloat, at, combine, number, pointwise } from './pointwise.ts';
import { reshape } from './structure.ts';

/** How {@link multiply} takes its operands. */
interface ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
  readonly bias?: ImportedValue | null;
}

/** A matrix product as NumPy's: a vector on the left is a row, one on the right a column. */
export function multiply(
  context: NodeContext,
  left: ImportedValue,
  right: ImportedValue,
  { transposeA = false, transposeB = false, alpha = 1, bias = null }: ProductOptions = {},
): ImportedValue {
  const row = left.shape.length === 1;
  const column = right.shape.length === 1;
  const a = row ? reshape(context, left, [1, left.shape[0]!]) : left;
  const b = column ? reshape(context, right, [right.shape[0]!, 1]) : right;
  const operands = [asFloat(context, a), asFloat(context, b)];
  const inputs = bias === null ? operands : [...operands, asFloat(context, bias)];
  const y = context.emit(
    {
      kind: 'matmul',
      transposeA: transposeA && !row,
      transposeB: transposeB && !column,
      alpha,
      activation: null,
    },
    inputs,
    left.type,
  );
  if (!row && !column) return y;
  const gone = [...(row ? [y.shape.length - 2] : []), ...(column ? [y.shape.length - 1] : [])];
  return reshape(
    context,
    y,
    y.shape.filter((_, axis) => !gone.includes(axis)),
  );
}

const gemm: ImportOperator = (context) => {
  const [a, b, c] = [context.input(0), context.input(1), context.optional(2)];
  const transposeA = context.integer('transA', 0) !== 0;
  const transposeB = context.integer('transB', 0) !== 0;
  const [alpha, beta] = [context.float('alpha', 1), context.float('beta', 1)];
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw new InvalidArgumentError('Gemm multiplies matrices', { actual: [a.shape, b.shape] });
  const columns = b.shape[transposeB ? 0 : 1]!;
  const options = { transposeA, transposeB, alpha };
  if (c === null || beta === 0) return multiply(context, a, b, options);
  const line = elementCount(c.shape) === columns && (c.shape.at(-1) ?? 1) === columns;
  if (line && beta === 1)
    return multiply(context, a, b, { ...options, bias: reshape(context, c, [columns]) });
  const product = multiply(context, a, b, options);
  const scaled = beta === 1 ? at(1) : combine(at(1), 'multiply', number(beta));
  return pointwise(context, combine(at(0), 'add', scaled), [product, c], a.type);
};

/** ONNX Runtime's product with a factor and transposed operands. */
const fusedMatmul: ImportOperator = (context) => {
  context.refuse(
    context.integer('transBatchA', 0) !== 0 || context.integer('transBatchB', 0) !== 0,
    'transposed batches',
  );
  return multiply(context, context.input(0), context.input(1), {
    transposeA: context.integer('transA', 0) !== 0,
    transposeB: context.integer('transB', 0) !== 0,
    alpha: context.float('alpha', 1),
  });
};

/** Weights in groups of 4 or 8 bits. */
const groupedMatmul: ImportOperator = (context) => {
  const [a, codes, scales] = [context.input(0), context.input(1), context.input(2)];
  const [zeros, order, bias] = [context.optional(3), context.optional(4), context.optional(5)];
  const [bits, groupSize, columns, depth] = ['bits', 'block_size', 'N', 'K'].map((name) =>
    context.integer(name, name === 'bits' ? 4 : 0),
  ) as [number, number, number, number];
  context.refuse(order !== null, 'g_idx');
  context.refuse(bits !== 4 && bits !== 8, `${bits} bits`);
  context.refuse(zeros !== null && zeros.dtype !== 'uint8', 'zero points that are no codes');
  const groups = Math.ceil(depth / groupSize);
  if (!(groups >= 1 && columns >= 1))
    throw new InvalidArgumentError('MatMulNBits lacks its sizes', { actual: { groupSize, columns, depth } });
  const zeroBytes = Math.ceil((groups * bits) / 8);
  return context.emit(
    { kind: 'grouped-matmul', bits: bits as 4 | 8, groupSize, columns, activation: null },
    [
      asFloat(context, a),
      reshape(context, codes, [columns, groups, (groupSize * bits) / 8]),
      reshape(context, asFloat(context, scales), [columns, groups]),
      zeros && reshape(context, zeros, [columns, zeroBytes]),
      bias && asFloat(context, bias),
    ],
    a.type,
  );
};

/** Matrix products. */
export const MATRIX_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  MatMul: (context) => multiply(context, context.input(0), context.input(1)),
  Gemm: gemm,
  'com.microsoft.FusedMatMul': fusedMatmul,
  'com.microsoft.MatMulNBits': groupedMatmul,
};
