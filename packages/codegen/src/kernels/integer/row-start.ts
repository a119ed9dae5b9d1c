import type { Target, Vector } from '../../target/target.ts';
import { emitLaneReduction } from './lane-reduction.ts';
import type { RowPositions } from './quantize-rows.ts';

const ONE_BYTES = 0x01010101;
const ONE_WORDS = 0x00010001;
/** Minus what `multiply-bytes` adds to each weight, as a power of two. */
const OFFSET_SHIFT = 3;

/**
 * Emits nothing at first; the result emits what `multiply-bytes` needs behind the signed codes of a row: -8 times their sum, as int32. `codes`
 * points behind the padding, whose zeros count as well, and stays there.
 */
export function emitRowStart(target: Target<unknown>): (row: RowPositions) => void {
  const [sum, value, product, ones] = target.vectors('sum of codes', 4) as [Vector, Vector, Vector, Vector];
  return ({ codes, paddedDepth }) => {
    const { lanes } = target.traits;
    const words = paddedDepth / 4;
    target.advance(codes, -paddedDepth);
    target.zero(sum);
    const addCodes = (count: number) => {
      target.load(value, { base: codes, offset: 0 }, count);
      target.integerConstant(ones, ONE_BYTES);
      target.multiplyBytes(product, ones, value);
      target.integerConstant(ones, ONE_WORDS);
      target.multiplyWords(product, product, ones);
      target.integer('add', sum, sum, product);
      target.advance(codes, count * 4);
    };
    target.loop(Math.floor(words / lanes), () => addCodes(lanes));
    if (words % lanes > 0) addCodes(words % lanes);
    emitLaneReduction(target, (other) => target.integer('add', sum, sum, other), sum, value);
    target.shift('left', 32, sum, sum, OFFSET_SHIFT);
    target.zero(value);
    target.integer('subtract', value, value, sum);
    target.store(value, { base: codes, offset: 0 }, 1);
  };
}
