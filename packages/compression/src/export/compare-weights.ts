import { VerificationError } from '@qedge/core';
import type { ChangedWeight } from './export-report.ts';

/** @throws VerificationError naming the weight and the first code that came back otherwise. @returns how many were equal. */
export function compareCodes(name: string, expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  const at = firstDifference(expected, actual);
  if (at < 0) return expected.length;
  throw new VerificationError(`The file that was written has other codes for "${name}"`, {
    expected: `code ${expected[at]} at index ${at} of ${expected.length}`,
    actual: `${actual[at]} of ${actual.length}`,
    remedy: 'Nothing was reported as written. Please report this with the model.',
    facts: { weight: name, index: at },
  });
}

/** As {@link compareCodes} for float32 numbers, by their bits: -0 is another number than 0. */
export function compareNumbers(name: string, expected: Float32Array, actual: ArrayLike<number>): number {
  const numbers = actual instanceof Float32Array ? actual : Float32Array.from(actual);
  const at = firstDifference(bitsOf(expected), bitsOf(numbers));
  if (at < 0) return expected.length;
  throw new VerificationError(`The file that was written has other numbers for "${name}"`, {
    expected: `${expected[at]} at index ${at} of ${expected.length}`,
    actual: `${numbers[at]} of ${numbers.length}`,
    remedy: 'Nothing was reported as written. Please report this with the model.',
    facts: { weight: name, index: at },
  });
}

/** The first index at which two lists differ, or at which one of them ends; -1 when they are equal. */
function firstDifference(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  for (let i = 0; i < expected.length; i++) if (expected[i] !== actual[i]) return i;
  return expected.length === actual.length ? -1 : expected.length;
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

/** Measures how far the numbers of a file are from the model's. */
export function measureChange(
  name: string,
  reason: string,
  expected: Float32Array,
  actual: Float32Array,
): ChangedWeight {
  let [signal, noise, largestError] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const error = actual[i]! - expected[i]!;
    signal += expected[i]! ** 2;
    noise += error ** 2;
    largestError = Math.max(largestError, Math.abs(error));
  }
  const signalToNoiseDecibels = noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  return { name, reason, largestError, signalToNoiseDecibels };
}
