import type { QuantizeRowsDescription } from '../../description/quantize-rows.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { paddedCodeDepth } from './code-form.ts';
import { requireSpan } from './integer-checks.ts';
import { emitQuantizeRows } from './quantize-rows.ts';
import { quantizeRowsTrial } from './quantize-rows-trial.ts';

const MODES = ['static', 'row-symmetric', 'row-asymmetric', 'group-symmetric', 'uint8', 'int8'];

/** {@link QuantizeRowsDescription}. */
export const QUANTIZE_ROWS: KernelFamily<QuantizeRowsDescription> = {
  kind: 'quantize-rows',
  validate({ mode, weights, depth, sourceRowStride, codeRowStride }) {
    requireKnown('mode of quantisation', mode, MODES);
    requireKnown(
      'weights that codes are for',
      weights,
      mode === 'group-symmetric' ? ['int4'] : ['int8', 'int4'],
    );
    requireInteger('depth of quantised rows', depth, 1);
    requireInteger('row stride of the source', sourceRowStride, depth);
    requireInteger('row stride of the codes', codeRowStride, paddedCodeDepth(mode, depth));
    requireSpan('a row of the source', sourceRowStride * 4);
    requireSpan('a row of codes', codeRowStride * 2);
  },
  key({ mode, weights, depth, sourceRowStride, codeRowStride }) {
    return `quantize-rows-${mode}-${weights}-${depth}-${sourceRowStride}-${codeRowStride}`;
  },
  emit: emitQuantizeRows,
  trial: quantizeRowsTrial,
};
