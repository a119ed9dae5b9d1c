import type { Target, Vector } from '../../target/target.ts';
import type { RowPositions } from './quantize-rows.ts';

/** Adds 128 to every int8, as a byte. */
const FLIP_SIGNS = 0x80808080;
/** 128 in both 16-bit halves. */
const WORD_OFFSETS = 0x00800080;
const CODE_OFFSET = 128;

/** Rows of uint8 or int8 to rows of codes. Constants are emitted at once; the result emits one row. */
export function emitByteRow(target: Target<unknown>, format: 'uint8' | 'int8'): (row: RowPositions) => void {
  const [value, wide, single] = target.vectors('bytes', 3) as [Vector, Vector, Vector];
  const { lanes, dot } = target.traits;
  const signed = format === 'int8';
  target.integerConstant(wide, dot === 'bytes' ? FLIP_SIGNS : WORD_OFFSETS);
  target.integerConstant(single, CODE_OFFSET);
  const copyBytes = (row: RowPositions, words: number) => {
    target.load(value, { base: row.source, offset: 0 }, words);
    if (signed) target.integer('xor', value, value, wide);
    target.store(value, { base: row.codes, offset: 0 }, words);
    advance(target, row, words * 4);
  };
  const widenBytes = (row: RowPositions) => {
    target.loadPairs(format, value, { base: row.source, offset: 0 });
    if (signed) target.addWords(value, value, wide);
    target.store(value, { base: row.codes, offset: 0 });
    advance(target, row, lanes * 2);
  };
  const convertEach = (row: RowPositions, count: number) => {
    target.loadNarrow(format, value, { base: row.source, offset: 0 }, count);
    if (signed) target.integer('add', value, value, single);
    target.storeNarrow(dot === 'bytes' ? 'uint8' : 'int16', value, { base: row.codes, offset: 0 }, count);
    advance(target, row, count);
  };
  return (row) => {
    const chunk = lanes * (dot === 'bytes' ? 4 : 2);
    target.loop(Math.floor(row.depth / chunk), () => {
      if (dot === 'bytes') copyBytes(row, lanes);
      else widenBytes(row);
    });
    let left = row.depth % chunk;
    if (dot === 'bytes' && left >= 4) {
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
