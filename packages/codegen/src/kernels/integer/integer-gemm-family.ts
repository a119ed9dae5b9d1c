import { epilogueKey, requireEpilogueWithoutSoftmax } from '../../description/epilogue.ts';
import {
  type IntegerGemmDescription,
  MAX_INTEGER_DEPTH,
  MAX_ROW_ZERO_POINT_DEPTH,
} from '../../description/integer-gemm.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { roundUp } from './code-form.ts';
import { requireAtMost, requireSpan } from './integer-checks.ts';
import { emitIntegerGemm } from './integer-gemm.ts';
import { integerGemmTrial } from './integer-gemm-trial.ts';

function validateIntegerGemm(description: IntegerGemmDescription): void {
  const { rows, columns, depth, weights, aRowStride, cRowStride, output, epilogue, blocking } = description;
  for (const [name, size] of Object.entries({ rows, columns, depth, ...blocking })) {
    requireInteger(`${name} of an integer product`, size, 1);
  }
  requireInteger('row stride of A, in codes,', aRowStride, roundUp(depth, 4));
  requireInteger('row stride of C', cRowStride, columns);
  requireKnown('format of integer weights', weights, ['int8', 'int4']);
  requireKnown('output of an integer product', output, ['int32', 'float32']);
  requireKnown('choice of row scales', description.rowScales, [true, false]);
  requireKnown('choice of row zero points', description.rowZeroPoints, [true, false]);
  const remedy = 'Split the depth and add the products.';
  requireAtMost('depth: a sum could overflow int32', depth, MAX_INTEGER_DEPTH, remedy);
  if (description.rowZeroPoints) {
    requireAtMost('depth for zero points per row', depth, MAX_ROW_ZERO_POINT_DEPTH, remedy);
  }
  requireSpan('A', rows * aRowStride * 2);
  requireSpan('B', columns * depth);
  requireSpan('C', rows * cRowStride * 4);
  requireEpilogueWithoutSoftmax('an integer product', epilogue);
  if (output === 'float32') return;
  requireKnown('row scales of int32 output', description.rowScales, [false]);
  requireKnown('bias of int32 output', epilogue.bias, [false]);
  requireKnown('activation of int32 output', epilogue.activation, ['none']);
}

function integerGemmKey(description: IntegerGemmDescription): string {
  const { rows, columns, depth, weights, aRowStride, cRowStride, output, epilogue, blocking } = description;
  const { tileRows, tileVectors, rowBlock } = blocking;
  return [
    `integer-gemm-${weights}-${rows}x${columns}x${depth}`,
    `a${aRowStride}-c${cRowStride}-${output}`,
    `${description.rowScales ? 'scales_' : ''}${description.rowZeroPoints ? 'zeros_' : ''}${epilogueKey(epilogue)}`,
    `${tileRows}x${tileVectors}_${rowBlock}`,
  ].join('-');
}

/** {@link IntegerGemmDescription}. */
export const INTEGER_GEMM: KernelFamily<IntegerGemmDescription> = {
  kind: 'integer-gemm',
  validate: validateIntegerGemm,
  key: integerGemmKey,
  emit: emitIntegerGemm,
  trial: integerGemmTrial,
};
