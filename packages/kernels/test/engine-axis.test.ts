import { InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { eagerEngine, presentIsas } from './present-ways.ts';

const SPACE = 1 << 22;

function fill(values: Float32Array): Float32Array {
  const random = new Random(3);
  for (let i = 0; i < values.length; i++) values[i] = random.integer(1000) - 500;
  return values;
}

describe.each(presentIsas())('kernels along an axis on %s', (isa) => {
  it.each([
    [1, 7, 90],
    [5, 9, 3],
    [3, 200, 1],
  ])('reduce and search [%i, %i, %i], with one thread and with two', async (outer, length, inner) => {
    for (const threads of isa === 'interpreter' ? [1] : [1, 2]) {
      using engine = await eagerEngine(isa, threads);
      const space = engine.workspace(SPACE);
      const input = fill(space.float32(outer * length * inner));
      const shape = { outer, length, inner, input };
      const output = space.float32(outer * inner);
      const found = space.int32(outer * inner);
      const elements = (at: number) => {
        const start = Math.floor(at / inner) * length * inner + (at % inner);
        return Array.from({ length }, (_, a) => input[start + a * inner]!);
      };
      const expected = {
        sum: (x: number[]) => x.reduce((sum, y) => sum + y, 0),
        mean: (x: number[]) => Math.fround(x.reduce((sum, y) => sum + y, 0) / length),
        maximum: (x: number[]) => Math.max(...x),
        minimum: (x: number[]) => Math.min(...x),
      };
      for (const operation of ['sum', 'mean', 'maximum', 'minimum'] as const) {
        space.reduce({ ...shape, operation, output }).run();
        expect(output, operation).toEqual(output.map((_, at) => expected[operation](elements(at))));
        if (operation === 'sum' || operation === 'mean') continue;
        space.argExtremum({ ...shape, operation, output: found }).run();
        const indices = found.map((_, at) => elements(at).indexOf(expected[operation](elements(at))));
        expect(found, operation).toEqual(indices);
      }
    }
  });

  it('gather rows by indices that change between runs', async () => {
    using engine = await eagerEngine(isa, isa === 'interpreter' ? 1 : 2);
    const space = engine.workspace(SPACE);
    const [rows, width] = [30, 13];
    const input = fill(space.float32(rows * width));
    const indices = space.int32(8);
    const output = space.float32(8 * width);
    const gather = space.gather({ outer: 1, rows, width, input, indices, output });
    for (let run = 0; run < 3; run++) {
      for (let i = 0; i < 8; i++) indices[i] = (i * 7 + run * 11) % rows;
      gather.run();
      expect(output).toEqual(
        output.map((_, at) => input[indices[Math.floor(at / width)]! * width + (at % width)]!),
      );
    }
  });

  it('resize images by tables, the batch on two threads', async () => {
    using engine = await eagerEngine(isa, isa === 'interpreter' ? 1 : 2);
    const space = engine.workspace(SPACE);
    const image = { batch: 2, height: 2, width: 2, channels: 5 };
    const input = fill(space.float32(40));
    const output = space.float32(2 * 3 * 3 * 5);
    const axis = { cells: Int32Array.of(0, 1, 0, 1, 1, 1), weights: [1, 0, 0.5, 0.5, 0.25, 0.75] };
    space.resize({ ...image, input, taps: 2, rows: axis, columns: axis, output }).run();
    const expected = output.map((_, at) => {
      const [pixel, channel] = [Math.floor(at / 5) % 9, at % 5];
      let sum = 0;
      for (const i of [0, 1]) {
        for (const j of [0, 1]) {
          const [r, c] = [Math.floor(pixel / 3) * 2 + i, (pixel % 3) * 2 + j];
          const from = ((Math.floor(at / 45) * 2 + axis.cells[r]!) * 2 + axis.cells[c]!) * 5 + channel;
          sum += axis.weights[r]! * axis.weights[c]! * input[from]!;
        }
      }
      return sum;
    });
    // Integers and powers of two: no rounding.
    expect(output).toEqual(expected);
    const outside = { cells: Int32Array.of(0, 2), weights: [1, 0] };
    const wrong = { ...image, input, taps: 2, rows: outside, columns: axis, output } as const;
    expect(() => space.resize(wrong)).toThrow(InvalidArgumentError);
    expect(() => space.resize({ ...wrong, rows: { ...axis, weights: [1] } })).toThrow(ShapeMismatchError);
  });

  it('are refused when impossible', async () => {
    using engine = await eagerEngine(isa, 1);
    const space = engine.workspace(SPACE);
    const [input, output] = [space.float32(24), space.float32(6)];
    const good = { operation: 'sum', outer: 2, length: 4, inner: 3, input, output } as const;
    expect(() => space.reduce(good).run()).not.toThrow();
    expect(() => space.reduce({ ...good, length: 5 })).toThrow(ShapeMismatchError);
    expect(() => space.reduce({ ...good, operation: 'median' as 'sum' })).toThrow(InvalidArgumentError);
    expect(() => space.reduce({ ...good, output: input.subarray(0, 6) })).toThrow(InvalidArgumentError);
    const gather = { outer: 1, rows: 4, width: 6, input, indices: space.int32(1), output };
    expect(() => space.gather(gather).run()).not.toThrow();
    expect(() => space.gather({ ...gather, output: space.int32(6) })).toThrow(InvalidArgumentError);
    expect(() => space.gather({ ...gather, indices: space.int32(2) })).toThrow(ShapeMismatchError);
  });
});
