import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { splitClassificationData } from '../../src/index.ts';

const count = 100;
const data = {
  features: Float32Array.from({ length: count * 2 }, (_, i) => i),
  labels: Uint8Array.from({ length: count }, (_, i) => i),
  count,
  imageShape: [1, 2],
} as const;

describe('splitClassificationData', () => {
  it('deals every sample once, with its own label and features', () => {
    const { train, validation, test } = splitClassificationData(data, {
      train: 70,
      validation: 10,
      test: 20,
      seed: 3,
    });
    expect([train.count, validation.count, test.count]).toEqual([70, 10, 20]);
    const labels = [...train.labels, ...validation.labels, ...test.labels];
    expect(labels.toSorted((a, b) => a - b)).toEqual([...data.labels]);
    expect(labels).not.toEqual([...data.labels]);
    for (const part of [train, validation, test]) {
      expect(part.imageShape).toEqual([1, 2]);
      part.labels.forEach((label, i) => {
        expect([...part.features.subarray(2 * i, 2 * i + 2)]).toEqual([2 * label, 2 * label + 1]);
      });
    }
  });

  it('depends on the seed alone', () => {
    const labels = (seed: number) =>
      splitClassificationData(data, { train: 50, validation: 0, test: 0, seed }).train.labels;
    expect(labels(1)).toEqual(labels(1));
    expect(labels(1)).not.toEqual(labels(2));
  });

  it('refuses data whose lengths do not fit together', () => {
    const split = { train: 1, validation: 0, test: 0, seed: 0 };
    const short = { ...data, labels: data.labels.slice(1) };
    expect(() => splitClassificationData(short, split)).toThrow(ShapeMismatchError);
    const ragged = { ...data, features: data.features.slice(1) };
    expect(() => splitClassificationData(ragged, split)).toThrow(ShapeMismatchError);
  });

  it('refuses more samples than there are', () => {
    expect(() => splitClassificationData(data, { train: 90, validation: 10, test: 1, seed: 0 })).toThrow(
      InvalidArgumentError,
    );
    expect(() => splitClassificationData(data, { train: 1.5, validation: 0, test: 0, seed: 0 })).toThrow(
      InvalidArgumentError,
    );
  });
});
