import { informationOf, learn, makeSteps, probabilityOf } from './online-logistic.ts';
import { RangeCoder } from './range-coder.ts';

/** Sign, exponent and the two highest bits of the fraction are predicted from those before them; the other bits are as good as random. */
const PREDICTED_BITS = 8;
const STEPS = makeSteps(100, 16);
const EVEN = 0x8000;

/** Codes the bits of 16-bit floats, in their order. */
export function encodeHalfFloats(floats: Uint16Array): Uint8Array {
  const coder = RangeCoder.writer();
  const table = makeTable();
  for (const float of floats) codeHalfFloat(coder, table, float);
  return coder.finish();
}

/** Reads what {@link encodeHalfFloats} wrote. @param floats filled completely. */
export function decodeHalfFloats(coded: Uint8Array, floats: Uint16Array): void {
  const coder = RangeCoder.reader(coded);
  const table = makeTable();
  for (let i = 0; i < floats.length; i++) floats[i] = codeHalfFloat(coder, table, 0);
}

/** Weights by the bits before, with a leading 1. */
function makeTable(): Int32Array {
  return new Int32Array(2 << PREDICTED_BITS);
}

function codeHalfFloat(coder: RangeCoder, table: Int32Array, float: number): number {
  let node = 1;
  for (let shift = 15; shift >= 16 - PREDICTED_BITS; shift--) {
    const probability = probabilityOf(table[2 * node]! >> 8);
    const bit = coder.code((float >> shift) & 1, probability);
    learn(table, node, (bit << 16) - probability, informationOf(probability), STEPS);
    node = (node << 1) | bit;
  }
  for (let shift = 15 - PREDICTED_BITS; shift >= 0; shift--) {
    node = (node << 1) | coder.code((float >> shift) & 1, EVEN);
  }
  return node & 0xffff;
}
