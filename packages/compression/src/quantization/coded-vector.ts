import { roundToHalf } from './half-precision.ts';

/** A vector as 8-bit codes with one scale that is a half float. */
export interface CodedVector {
  /** -127..127; one of them at least has the size 127. */
  readonly codes: Int8Array;
  readonly scale: number;
}

const LARGEST_CODE = 127;
/** Below this length a scale and what describes it take more bytes than codes save. */
const LEAST_LENGTH = 32;
/** Smaller half floats are so far apart that the scale nearest to a 127th of the largest magnitude would clip it. */
const LEAST_SCALE = 2 ** -17;

/**
 * The nearest numbers that 8-bit codes with a half-float scale stand for, their largest magnitude at the last code: within half a 127th of that of
 * the values. Short vectors, and those of zeros, of numbers below 0.001 and of numbers beyond 8 million, stay as they are.
 */
export function roundToCodedVector(values: Float32Array): Float32Array {
  const largest = largestMagnitude(values);
  const scale = roundToHalf(largest / LARGEST_CODE);
  if (values.length < LEAST_LENGTH || !(scale >= LEAST_SCALE && Number.isFinite(scale))) return values;
  return values.map((value) => {
    const code = Math.round(value / scale);
    // No -0, which has no code.
    return Math.max(-LARGEST_CODE, Math.min(LARGEST_CODE, code)) * scale + 0;
  });
}

/** The codes of a vector that {@link roundToCodedVector} made, or null for one that codes do not hold exactly. */
export function codesOfVector(values: Float32Array): CodedVector | null {
  if (values.length < LEAST_LENGTH) return null;
  // Exact: half floats have 11 bits, the code has 7.
  const scale = largestMagnitude(values) / LARGEST_CODE;
  if (!(scale > 0 && Number.isFinite(scale) && roundToHalf(scale) === scale)) return null;
  const isHeld = values.every((value) => Number.isInteger(value / scale) && !Object.is(value, -0));
  return isHeld ? { codes: Int8Array.from(values, (value) => value / scale), scale } : null;
}

function largestMagnitude(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}
