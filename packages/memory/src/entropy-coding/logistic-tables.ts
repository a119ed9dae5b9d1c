/**
 * Logistic tables in fixed point. They are made by whole-number arithmetic below 2^53 alone, which every JavaScript engine computes
 * alike: encoder and decoder must agree to the last bit wherever they run.
 */

/** Logarithms of odds lie in `-LARGEST_STRETCH..LARGEST_STRETCH`, in units of 1/256. */
export const LARGEST_STRETCH = 2047;

/** exp(-1/256) and 1 in units of 2^-26. */
const DECAY = 66_847_231;
const ONE = 67_108_864;

/** `65536 / (1 + exp(-x / 256))` at the index `x + 2048`: 16-bit probabilities. */
export const SQUASH = makeSquash();

/** `256 * ln(p / (1 - p))` of the 12-bit probability that is the index. */
export const STRETCH = makeStretch();

/** By how much an adaptive probability moves after `n` bits: `8192 / (n + 1.5)`. */
export const ADAPTATION = Int32Array.from({ length: 1024 }, (_, n) => Math.floor(16_384 / (2 * n + 3)));

function makeSquash(): Uint16Array {
  const table = new Uint16Array(4096);
  let exponential = ONE;
  for (let x = 0; x <= 2048; x++) {
    const probability = Math.floor((65_536 * ONE) / (ONE + exponential));
    if (x < 2048) table[2048 + x] = probability;
    table[2048 - x] = 65_536 - probability;
    exponential = Math.floor((exponential * DECAY) / ONE);
  }
  return table;
}

function makeStretch(): Int16Array {
  const table = new Int16Array(4096);
  let x = -LARGEST_STRETCH;
  for (let probability = 0; probability < 4096; probability++) {
    while (x < LARGEST_STRETCH && SQUASH[x + 2048]! < probability * 16 + 8) x++;
    table[probability] = x;
  }
  return table;
}
