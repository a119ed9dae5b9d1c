import { InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { eagerEngine, presentIsas } from './present-ways.ts';

const SPACE = 1 << 22;

function fill<Values extends Float32Array | Uint8Array>(values: Values): Values {
  const random = new Random(5);
  for (let i = 0; i < values.length; i++) values[i] = random.integer(256);
  return values;
}

describe.each(presentIsas())('copies on %s', (isa) => {
  it('turn channels to the last axis, with one thread and with two', async () => {
    for (const threads of isa === 'interpreter' ? [1] : [1, 2]) {
      using engine = await eagerEngine(isa, threads);
      const space = engine.workspace(SPACE);
      const [channels, pixels] = [37, 700];
      const input = fill(space.float32(channels * pixels));
      const output = space.float32(channels * pixels);
      space
        .copy({
          sizes: [pixels, channels],
          input: { data: input, strides: [1, pixels] },
          output: { data: output },
        })
        .run();
      const expected = output.map((_, at) => input[(at % channels) * pixels + Math.floor(at / channels)]!);
      expect(output).toEqual(expected);
    }
  });

  it('reverse and place bytes inside a larger image, whose border is filled', async () => {
    using engine = await eagerEngine(isa, 1);
    const space = engine.workspace(SPACE);
    const input = fill(space.uint8(6 * 5));
    const output = space.uint8(10 * 9);
    space.fill({ sizes: [10, 9], output: { data: output }, value: 77 }).run();
    const reversed = { data: input, offset: 29, strides: [-5, -1] };
    space
      .copy({ sizes: [6, 5], input: reversed, output: { data: output, offset: 11, strides: [9, 1] } })
      .run();
    const expected = output.map((_, at) => {
      const [row, column] = [Math.floor(at / 9) - 1, (at % 9) - 2];
      return row >= 0 && row < 6 && column >= 0 && column < 5 ? input[29 - row * 5 - column]! : 77;
    });
    expect(output).toEqual(expected);
  });

  it('of nothing do nothing; impossible ones are refused', async () => {
    using engine = await eagerEngine(isa, 1);
    const space = engine.workspace(SPACE);
    const [data, other] = [space.float32(20), space.float32(20)];
    const copy = (sizes: number[], input: object, output: object) =>
      space.copy({ sizes, input: { data, ...input }, output: { data: other, ...output } });
    expect(() => copy([0, 4], {}, {}).run()).not.toThrow();
    expect(() => copy([3, 7], {}, {})).toThrow(ShapeMismatchError);
    expect(() => copy([4], { offset: 2, strides: [-1] }, {})).toThrow(ShapeMismatchError);
    expect(() => copy([4], { strides: [1, 1] }, {})).toThrow(ShapeMismatchError);
    expect(() => copy([4], {}, { strides: [0] })).toThrow(InvalidArgumentError);
    expect(() => copy([4], {}, { data: space.int32(4) })).toThrow(InvalidArgumentError);
    expect(() => copy([4], {}, { data })).toThrow(InvalidArgumentError);
    expect(() => copy([-1], {}, {})).toThrow(InvalidArgumentError);
    expect(() => space.fill({ sizes: [21], output: { data }, value: 1 })).toThrow(ShapeMismatchError);
  });
});
