import type { Target, Vector } from '../../target/target.ts';
import type { CodeFormat, RowPositions } from './quantize-rows.ts';

/** Adds 128 to every byte, or takes it away, which is the same. */
const FLIP_SIGNS = 0x80808080;
/** 128 in both 16-bit halves. */
const WORD_OFFSETS = 0x00800080;
const CODE_OFFSET = 128;

/** Rows of uint8 or int8 to rows of codes. Constants are emitted at once; the result emits one row. */
export function emitByteRow(
  target: Target<unknown>,
  source: 'uint8' | 'int8',
  format: CodeFormat,
): (row: RowPositions) => void {
  const [value, wide, single] = target.vectors('bytes', 3) as [Vector, Vector, Vector];
  const { lanes } = target.traits;
  const asBytes = format !== 'int16';
  const moves = asBytes ? source !== format : source === 'int8';
  target.integerConstant(wide, asBytes ? FLIP_SIGNS : WORD_OFFSETS);
  target.integerConstant(single, format === 'int8' ? -CODE_OFFSET : CODE_OFFSET);
  const copyBytes = (row: RowPositions, words: number) => {
    target.load(value, { base: row.source, offset: 0 }, words);
    if (moves) target.integer('xor', value, value, wide);
    target.store(value, { base: row.codes, offset: 0 }, words);
    advance(target, row, words * 4);
  };
  const widenBytes = (row: RowPositions) => {
    target.loadPairs(source, value, { base: row.source, offset: 0 });
    if (moves) target.addWords(value, value, wide);
    target.store(value, { base: row.codes, offset: 0 });
    advance(target, row, lanes * 2);
  };
  const convertEach = (row: RowPositions, count: number) => {
    target.loadNarrow(source, value, { base: row.source, offset: 0 }, count);
    if (moves) target.integer('add', value, value, single);
    target.storeNarrow(format, value, { base: row.codes, offset: 0 }, count);
    advance(target, row, count);
  };
  return (row) => {
    const chunk = lanes * (asBytes ? 4 : 2);
    target.loop(Math.floor(row.depth / chunk), () => {
      if (asBytes) copyBytes(row, lanes);
      else widenBytes(row);
    });
    let left = row.depth % chunk;
    if (asBytes && left >= 4) {
      copyBytes(row, Math.floor(left / 4));
      left %= 4;
    }
    for (; left > 0; left -= lanes) convertEach(row, Math.min(left, lanes));
    emitPadding(target, row, value);
  };
}

function advance(target: Target<unknown>, { source, codes, codeBytes }: RowPositions, count: number): void {
  target.advance(source, count);
  target.advance(codes, count * codeBytes);
}

/** Writes zeros from the depth to the padded depth, and moves behind them. */
export function emitPadding(
  target: Target<unknown>,
  { codes, depth, paddedDepth, codeBytes }: RowPositions,
  scratch: Vector,
): void {
  const { lanes } = target.traits;
  if (paddedDepth === depth) return;
  target.zero(scratch);
  for (let left = paddedDepth - depth; left > 0; left -= lanes) {
    const count = Math.min(left, lanes);
    target.storeNarrow(codeBytes === 1 ? 'int8' : 'int16', scratch, { base: codes, offset: 0 }, count);
    target.advance(codes, count * codeBytes);
  }
}
