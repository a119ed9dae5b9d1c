import { QUANTIZE_ROWS_ARGUMENTS, type QuantizeRowsDescription } from '../../description/quantize-rows.ts';
import type { Pointer, Target } from '../../target/target.ts';
import { encodedCodeBytes, encodedGroupCodeBytes, paddedCodeDepth } from './code-form.ts';
import { emitByteRow } from './quantize-bytes.ts';
import {
  emitAsymmetricRow,
  emitCodes,
  emitGroupRow,
  emitStaticScale,
  emitSymmetricRow,
} from './quantize-floats.ts';

/** The positions of a row in all that a quantize-rows kernel reads and writes, and the layout of the row. */
export interface RowPositions {
  readonly source: Pointer;
  readonly codes: Pointer;
  /** Of the row's parameters; the codes again where there are none. */
  readonly parameters: Pointer;
  readonly depth: number;
  /** Codes that are written, the padding included. */
  readonly paddedDepth: number;
  readonly codeBytes: 1 | 2;
}

/** Emits the whole kernel. @throws RegisterBudgetError when the target has fewer than 10 registers. */
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
  const codeBytes =
    mode === 'group-symmetric' ? encodedGroupCodeBytes(target.traits) : encodedCodeBytes(target.traits);
  const paddedDepth = paddedCodeDepth(mode, depth);
  const row = { source, codes, parameters, depth, paddedDepth, codeBytes };
  const emitRow = rowEmitter(target, description);
  const sourceBytes = mode === 'uint8' || mode === 'int8' ? 1 : 4;
  target.loopArgument(fields.rows, () => {
    emitRow(row);
    target.advance(source, (sourceRowStride - depth) * sourceBytes);
    target.advance(codes, (codeRowStride - paddedDepth) * codeBytes);
  });
}

/** What comes before the rows is emitted at once; the result emits one row and leaves the positions behind what it read and wrote. */
function rowEmitter(target: Target<unknown>, { mode }: QuantizeRowsDescription): (row: RowPositions) => void {
  switch (mode) {
    case 'static': {
      const scale = emitStaticScale(target);
      return (row) => emitCodes(target, row, scale);
    }
    case 'row-symmetric':
      return emitSymmetricRow(target);
    case 'row-asymmetric':
      return emitAsymmetricRow(target);
    case 'group-symmetric':
      return emitGroupRow(target);
    default:
      return emitByteRow(target, mode);
  }
}
