import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centreDigit, type GrayImage, MODEL_SIDE } from '../src/digit-image.ts';

const draw = (width: number, height: number, ink: (x: number, y: number) => number): GrayImage => ({
  width,
  height,
  pixels: Uint8ClampedArray.from({ length: width * height }, (_, at) =>
    ink(at % width, Math.floor(at / width)),
  ),
});
const rectangle = (left: number, top: number, right: number, bottom: number) =>
  draw(280, 280, (x, y) => (x >= left && x < right && y >= top && y < bottom ? 255 : 0));

const inkBox = (image: Float32Array) => {
  const inked = [...image.keys()].filter((at) => image[at]! > 0.02);
  const [columns, rows] = [
    inked.map((at) => at % MODEL_SIDE),
    inked.map((at) => Math.floor(at / MODEL_SIDE)),
  ];
  return {
    width: Math.max(...columns) - Math.min(...columns) + 1,
    height: Math.max(...rows) - Math.min(...rows) + 1,
  };
};
const centre = (image: Float32Array) => {
  let [mass, x, y] = [0, 0, 0];
  for (const [at, value] of image.entries()) {
    mass += value;
    x += value * ((at % MODEL_SIDE) + 0.5);
    y += value * (Math.floor(at / MODEL_SIDE) + 0.5);
  }
  return { x: x / mass, y: y / mass };
};

describe('centreDigit', () => {
  it('sees nothing on an empty pad, nor in a trace of antialiasing', () => {
    expect(centreDigit(draw(280, 280, () => 0))).toBeNull();
    expect(centreDigit(draw(280, 280, () => 20))).toBeNull();
  });

  it('makes the longer side 20 pixels, keeps the aspect ratio and centres', () => {
    const tall = centreDigit(rectangle(10, 20, 60, 220))!;
    expect(tall.length).toBe(784);
    expect(inkBox(tall)).toEqual({ width: 5, height: 20 });
    const wide = centreDigit(rectangle(100, 200, 260, 240))!;
    expect(inkBox(wide)).toEqual({ width: 20, height: 5 });
    // The middle of pixel 14 lies at 14.5, and a pixel is the finest step.
    for (const image of [tall, wide]) {
      expect(Math.abs(centre(image).x - 14.5)).toBeLessThanOrEqual(0.5);
      expect(Math.abs(centre(image).y - 14.5)).toBeLessThanOrEqual(0.5);
    }
  });

  it('gives the same image wherever the digit stands', () => {
    const shape = (x: number, y: number) => (x < 40 && (y < 12 || y > 88 || x > 28) ? 255 : 0);
    const at = (left: number, top: number) =>
      centreDigit(
        draw(280, 280, (x, y) =>
          x >= left && y >= top && x < left + 100 && y < top + 100 ? shape(x - left, y - top) : 0,
        ),
      );
    fc.assert(
      fc.property(fc.nat(180), fc.nat(180), (left, top) => {
        expect(at(left, top)).toEqual(at(0, 0));
      }),
      { seed: 1, numRuns: 20 },
    );
  });

  it('keeps grey values in 0..1, and the mean of the ink, at any size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 32, max: 255 }),
        (width, height, ink) => {
          const image = centreDigit(draw(width, height, () => ink))!;
          const inked = image.filter((value) => value > 0);
          // An evenly inked box stays even: every pixel is a mean of equal values. float32 rounding is 6e-8.
          for (const value of inked) expect(Math.abs(value - ink / 255)).toBeLessThan(1e-6);
          expect(Math.max(inkBox(image).width, inkBox(image).height)).toBe(20);
        },
      ),
      { seed: 1, numRuns: 50 },
    );
  });

  it('does not cut off a digit whose mass lies far to one side', () => {
    // A heavy block with a long thin tail: exact centring would push the tail out of the image.
    const image = centreDigit(draw(280, 280, (x, y) => (x < 20 ? 255 : y === 140 ? 255 : 0)))!;
    expect(inkBox(image).width).toBe(20);
  });

  it('enlarges a single dot', () => {
    const image = centreDigit(draw(280, 280, (x, y) => (x === 7 && y === 270 ? 255 : 0)))!;
    expect(inkBox(image)).toEqual({ width: 20, height: 20 });
  });

  it('gives real MNIST digits back where they were, after they were enlarged tenfold', () => {
    const folder = dirname(fileURLToPath(import.meta.resolve('mnist/src/digits/0.json')));
    let same = 0;
    for (let digit = 0; digit < 10; digit++) {
      const { data } = JSON.parse(readFileSync(join(folder, `${digit}.json`), 'utf8')) as { data: number[] };
      for (let sample = 0; sample < 20; sample++) {
        const original = data.slice(784 * sample, 784 * (sample + 1));
        const enlarged = draw(
          280,
          280,
          (x, y) => 255 * original[28 * Math.floor(y / 10) + Math.floor(x / 10)]!,
        );
        const found = centreDigit(enlarged)!;
        const difference = original.reduce((sum, value, at) => sum + Math.abs(value - found[at]!), 0);
        const ink = original.reduce((sum, value) => sum + value, 0);
        // Rounding to 8 bits changes about a thousandth of the ink, a shift by one pixel far more.
        if (difference < 0.02 * ink) same++;
      }
    }
    // The original centring was done before its own rounding to 8 bits: a few digits fall on the other side of a half pixel.
    expect(same).toBeGreaterThanOrEqual(197);
  });
});
