import {
  QUANTIZE_ROWS_ARGUMENTS,
  type QuantizationMode,
  type QuantizeRowsDescription,
} from '../../description/quantize-rows.ts';
import { requireInteger } from '../../description/require-integer.ts';
import type { Pointer, Target, TargetTraits } from '../../target/target.ts';
import { groupCodeForm, integerArithmetic, leastCodeRowStride, paddedCodeDepth } from './code-form.ts';
import { emitByteRow } from './quantize-bytes.ts';
import {
  emitAsymmetricRow,
  emitCodes,
  emitGroupRow,
  emitStaticScale,
  emitSymmetricRow,
} from './quantize-floats.ts';
import { emitRowStart } from './row-start.ts';

/** How a code lies in memory; what is a uint8 elsewhere is an int8 less 128. Codes of groups are signed by themselves. */
export type CodeFormat = 'uint8' | 'int8' | 'int16';

/** The positions of a row in all that a quantize-rows kernel reads and writes, and the layout of the row. */
export interface RowPositions {
  readonly source: Pointer;
  readonly codes: Pointer;
  /** Of the row's parameters; the codes again where there are none. */
  readonly parameters: Pointer;
  readonly depth: number;
  /** Codes that are written, the padding included. */
  readonly paddedDepth: number;
  readonly format: CodeFormat;
  readonly codeBytes: 1 | 2;
}

/**
 * Emits the whole kernel.
 *
 * @throws RegisterBudgetError when the target has fewer than 10 registers; InvalidArgumentError for rows too close to each other for what
 *   the target needs behind their codes.
 */
export function emitQuantizeRows(target: Target<unknown>, description: QuantizeRowsDescription): void {
  const { mode, depth, sourceRowStride, codeRowStride } = description;
  const fields = QUANTIZE_ROWS_ARGUMENTS;
  const argument = (name: string, index: number) => {
    const pointer = target.pointer(name);
    target.argument(pointer, index);
    return pointer;
  };
  const source = argument('source', fields.source);
  const codes = argument('codes', fields.codes);
  const writesParameters = !['static', 'uint8', 'int8'].includes(mode);
  const parameters = writesParameters ? argument('parameters', fields.parameters) : codes;
  const format = codeFormat(description, target.traits);
  const codeBytes: 1 | 2 = format === 'int16' ? 2 : 1;
  const paddedDepth = paddedCodeDepth(mode, depth);
  const row = { source, codes, parameters, depth, paddedDepth, format, codeBytes };
  const emitRow = rowEmitter(target, mode, format);
  const hasStart = mode !== 'group-symmetric' && format === 'int8';
  const emitStart = hasStart ? emitRowStart(target) : () => {};
  if (hasStart) {
    const least = leastCodeRowStride(description.weights, depth, target.traits);
    requireInteger('row stride of codes with a start value', codeRowStride, least);
  }
  const sourceBytes = mode === 'uint8' || mode === 'int8' ? 1 : 4;
  target.loopArgument(fields.rows, () => {
    emitRow(row);
    emitStart(row);
    target.advance(source, (sourceRowStride - depth) * sourceBytes);
    target.advance(codes, (codeRowStride - paddedDepth) * codeBytes);
  });
}

function codeFormat({ mode, weights }: QuantizeRowsDescription, traits: TargetTraits): CodeFormat {
  if (mode === 'group-symmetric') return groupCodeForm(traits) === 'bytes' ? 'int8' : 'int16';
  return ({ 'dot-bytes': 'uint8', 'multiply-bytes': 'int8', 'dot-words': 'int16' } as const)[
    integerArithmetic(weights, traits)
  ];
}

/** What comes before the rows is emitted at once; the result emits one row and leaves the positions behind what it read and wrote. */
function rowEmitter(
  target: Target<unknown>,
  mode: QuantizationMode,
  format: CodeFormat,
): (row: RowPositions) => void {
  switch (mode) {
    case 'static': {
      const scale = emitStaticScale(target, format);
      return (row) => emitCodes(target, row, scale);
    }
    case 'row-symmetric':
      return emitSymmetricRow(target, format);
    case 'row-asymmetric':
      return emitAsymmetricRow(target, format);
    case 'group-symmetric':
      return emitGroupRow(target);
    default:
      return emitByteRow(target, mode, format);
  }
}
