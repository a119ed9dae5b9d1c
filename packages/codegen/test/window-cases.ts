import fc from 'fast-check';
import {
  type ImageShape,
  type IndexRange,
  type Padding,
  type SlidingWindow,
  windowOutput,
} from '../src/index.ts';

/** An image and a window with at least one output. */
export interface WindowCase {
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  /** Some of the output rows, or all. */
  readonly outputRows: IndexRange;
}

const side = fc.integer({ min: 0, max: 3 });
const padding: fc.Arbitrary<Padding> = fc.record({ top: side, left: side, bottom: side, right: side });
const step = fc.integer({ min: 1, max: 3 });
const taps = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 7 }));

const window: fc.Arbitrary<SlidingWindow> = fc.record({
  height: taps,
  width: taps,
  strideHeight: step,
  strideWidth: step,
  dilationHeight: step,
  dilationWidth: step,
  padding,
});

/** Random windows (up to 7 x 7, steps and dilations up to 3, padding up to 3 per side) on small images of up to `channels` channels. */
export function windowCases(channels: number): fc.Arbitrary<WindowCase> {
  const input: fc.Arbitrary<ImageShape> = fc.record({
    height: fc.integer({ min: 1, max: 11 }),
    width: fc.integer({ min: 1, max: 19 }),
    channels: fc.integer({ min: 1, max: channels }),
  });
  return fc
    .tuple(fc.integer({ min: 1, max: 2 }), input, window)
    .filter(([, image, shape]) => {
      const { height, width } = windowOutput(image, shape);
      return height >= 1 && width >= 1;
    })
    .chain(([batch, image, shape]) => {
      const { height } = windowOutput(image, shape);
      const rows = fc.integer({ min: 0, max: height - 1 }).chain((from) => {
        return fc.record({ from: fc.constant(from), count: fc.integer({ min: 1, max: height - from }) });
      });
      const all: IndexRange = { from: 0, count: height };
      return fc.record({
        batch: fc.constant(batch),
        input: fc.constant(image),
        window: fc.constant(shape),
        outputRows: fc.oneof(fc.constant(all), rows),
      });
    });
}

/** A window of `size` x `size` taps, step 1, with as much padding around the image as `around`. */
export function squareWindow(size: number, around = 0, others: Partial<SlidingWindow> = {}): SlidingWindow {
  return {
    height: size,
    width: size,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padding: { top: around, left: around, bottom: around, right: around },
    ...others,
  };
}
