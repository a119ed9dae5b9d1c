import { epilogueKey, requireEpilogueWithoutSoftmax } from '../../description/epilogue.ts';
import type { NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import { GROUP_DEPTH, GROUP_PARAMETER_BYTES } from '../../description/quantize-rows.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { roundUp } from './code-form.ts';
import { requireSpan } from './integer-checks.ts';
import { emitNibbleGemm } from './nibble-gemm.ts';
import { nibbleGemmTrial } from './nibble-gemm-trial.ts';

function validateNibbleGemm(description: NibbleGemmDescription): void {
  const { rows, columns, depth, aRowStride, cRowStride, scales, zeroPoints, epilogue, blocking } =
    description;
  for (const [name, size] of Object.entries({ rows, columns, depth, ...blocking })) {
    requireInteger(`${name} of a product with nibbles`, size, 1);
  }
  requireInteger('row stride of A, in codes,', aRowStride, roundUp(depth, GROUP_DEPTH));
  requireInteger('row stride of C', cRowStride, columns);
  requireKnown('format of the scales of nibbles', scales, ['float32', 'float16']);
  requireKnown('choice of zero points of nibbles', zeroPoints, ['eight', 'given']);
  requireSpan('A', rows * aRowStride * 2);
  requireSpan('B', columns * depth);
  requireSpan('C', rows * cRowStride * 4);
  requireSpan('the group parameters', rows * Math.ceil(depth / GROUP_DEPTH) * GROUP_PARAMETER_BYTES);
  requireEpilogueWithoutSoftmax('an integer product', epilogue);
}

function nibbleGemmKey(description: NibbleGemmDescription): string {
  const { rows, columns, depth, aRowStride, cRowStride, scales, zeroPoints, epilogue, blocking } =
    description;
  return [
    `nibble-gemm-${rows}x${columns}x${depth}`,
    `a${aRowStride}-c${cRowStride}`,
    `${scales}_${zeroPoints}_${epilogueKey(epilogue)}`,
    `${blocking.tileRows}x${blocking.tileVectors}`,
  ].join('-');
}

/** {@link NibbleGemmDescription}. */
export const NIBBLE_GEMM: KernelFamily<NibbleGemmDescription> = {
  kind: 'nibble-gemm',
  validate: validateNibbleGemm,
  key: nibbleGemmKey,
  emit: emitNibbleGemm,
  trial: nibbleGemmTrial,
};
