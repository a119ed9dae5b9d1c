import type { Random } from '@qedge/core';

/** Random numbers are repeated with this period, a prime, so that no stride meets the same number at every step. */
const PERIOD = 4093;
const FILLED_ELEMENTS = 1024;

/** A full-period generator modulo 2^32 (Numerical Recipes, section 7.1): a step takes two instructions; its high bits are used. */
const MULTIPLIER = 1664525;
const INCREMENT = 1013904223;

/** Uniform in [-1, 1), twice the same, so that a period can start anywhere. Made once: drawing costs more than most kernels take. */
let pool: Float32Array | null = null;

function uniformPool(): Float32Array {
  if (pool !== null) return pool;
  pool = new Float32Array(2 * PERIOD);
  for (let i = 0, state = 1; i < PERIOD; i++) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) | 0;
    pool[i] = state / 2 ** 31;
  }
  pool.copyWithin(PERIOD, 0, PERIOD);
  return pool;
}

/** Repeats the first `first` of `values`. */
export function repeatFirst(
  values: Float32Array | Uint8Array | Uint16Array | Uint32Array | Int8Array,
  first: number,
): void {
  if (first === 0) return;
  for (let filled = first; filled < values.length; filled *= 2) values.copyWithin(filled, 0, filled);
}

/** Fills with one number. Copying is several times as fast as filling where memory is shared. */
export function fillConstant(values: Float32Array | Uint8Array | Uint32Array, value: number): void {
  const first = Math.min(FILLED_ELEMENTS, values.length);
  values.fill(value, 0, first);
  repeatFirst(values, first);
}

/** How many of so many numbers are drawn; the others repeat them. */
export function drawnLength(length: number): number {
  return Math.min(PERIOD, length);
}

/** Fills with uniform numbers in [-scale, scale), from an own place of a pool that all trials share. */
export function fillUniform(values: Float32Array, random: Random, scale = 1): Float32Array {
  const first = drawnLength(values.length);
  const start = random.integer(PERIOD);
  values.set(uniformPool().subarray(start, start + first));
  if (scale !== 1) for (let i = 0; i < first; i++) values[i] = values[i]! * scale;
  repeatFirst(values, first);
  return values;
}

/** Fills with random bytes, of the same pool. */
export function fillBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const first = drawnLength(bytes.length);
  const numbers = uniformPool();
  const start = random.integer(PERIOD);
  for (let i = 0; i < first; i++) bytes[i] = numbers[start + i]! * 2 ** 20;
  repeatFirst(bytes, first);
  return bytes;
}
