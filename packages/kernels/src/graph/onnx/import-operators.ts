import { ATTENTION_OPERATORS } from './attention-operators.ts';
import { CONVOLUTION_OPERATORS } from './convolution-operators.ts';
import { einsum } from './einsum.ts';
import { INDEX_OPERATORS } from './index-operators.ts';
import { MATRIX_OPERATORS } from './matrix-operators.ts';
import type { ImportOperator } from './node-context.ts';
import { NORMALIZATION_OPERATORS } from './normalization-operators.ts';
import { POINTWISE_OPERATORS } from './pointwise-operators.ts';
import { POOLING_OPERATORS } from './pooling-operators.ts';
import { QUANTIZATION_OPERATORS } from './quantization-operators.ts';
import { RECURRENT_OPERATORS } from './recurrent-operators.ts';
import { REDUCTION_OPERATORS } from './reduction-operators.ts';
import { RESIZE_OPERATORS } from './resize-operators.ts';
import { SHAPE_OPERATORS } from './shape-operators.ts';

const IMPORT_OPERATORS: ReadonlyMap<string, ImportOperator> = new Map([
  ...Object.entries(POINTWISE_OPERATORS),
  ...Object.entries(CONVOLUTION_OPERATORS),
  ...Object.entries(POOLING_OPERATORS),
  ...Object.entries(MATRIX_OPERATORS),
  ...Object.entries(NORMALIZATION_OPERATORS),
  ...Object.entries(REDUCTION_OPERATORS),
  ...Object.entries(SHAPE_OPERATORS),
  ...Object.entries(INDEX_OPERATORS),
  ...Object.entries(RESIZE_OPERATORS),
  ...Object.entries(RECURRENT_OPERATORS),
  ...Object.entries(ATTENTION_OPERATORS),
  ...Object.entries(QUANTIZATION_OPERATORS),
  ['Einsum', einsum],
]);

/** How an operator is imported, by its name with its domain; null for one that is missing. */
export function findImportOperator(name: string): ImportOperator | null {
  return IMPORT_OPERATORS.get(name) ?? null;
}

/** Names of all operators that are imported: `Conv`, `com.microsoft.MatMulNBits`. `If` is one too where its condition is known. */
export function onnxOperators(): readonly string[] {
  return [...IMPORT_OPERATORS.keys(), 'If'].sort();
}
