import { InvalidArgumentError, type PointwiseExpression, Random, ShapeMismatchError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { eagerEngine, presentIsas } from './present-ways.ts';

const SPACE = 1 << 22;

function fill(values: Float32Array, seed: number): Float32Array {
  const random = new Random(seed);
  for (let i = 0; i < values.length; i++) values[i] = random.integer(100) - 50;
  return values;
}

const SUM: PointwiseExpression = { operation: 'add', a: { input: 0 }, b: { input: 1 } };

describe.each(presentIsas())('maps on %s', (isa) => {
  it('repeat operands along any axes, divided or not', async () => {
    for (const threads of isa === 'interpreter' ? [1] : [1, 2]) {
      using engine = await eagerEngine(isa, threads);
      const space = engine.workspace(SPACE);
      const sizes = [2, 3, 2, 5];
      const a = fill(space.float32(60), 1);
      const [b, c] = [fill(space.float32(3 * 5), 2), fill(space.float32(2 * 2), 3)];
      const output = space.float32(60);
      const expression: PointwiseExpression = { operation: 'multiply', a: SUM, b: { input: 2 } };
      const inputs = [{ data: a }, { data: b, strides: [0, 5, 0, 1] }, { data: c, strides: [2, 0, 1, 0] }];
      space.map({ sizes, inputs, output: { data: output }, expression }).run();
      const expected = output.map((_, at) => {
        const [i, j, k, l] = [Math.floor(at / 30), Math.floor(at / 10) % 3, Math.floor(at / 5) % 2, at % 5];
        return (a[at]! + b[j * 5 + l]!) * c[i * 2 + k]!;
      });
      expect(output).toEqual(expected);
    }
  });

  it('work in place, on columns, and on long arrays by two threads', async () => {
    using engine = await eagerEngine(isa, isa === 'interpreter' ? 1 : 2);
    const space = engine.workspace(SPACE);
    const a = fill(space.float32(5000), 1);
    const before = a.slice();
    const output = { data: a };
    space.map({ sizes: [5000], inputs: [output, output], output, expression: SUM }).run();
    expect(a).toEqual(before.map((x) => 2 * x));
    const column = { data: a, offset: 3, strides: [10] };
    space.map({ sizes: [400], inputs: [column], output: column, expression: { constant: 7 } }).run();
    expect(a).toEqual(before.map((x, i) => (i % 10 === 3 && i < 4000 ? 7 : 2 * x)));
  });

  it('are refused when impossible', async () => {
    using engine = await eagerEngine(isa, 1);
    const space = engine.workspace(SPACE);
    const [data, other] = [space.float32(20), space.float32(20)];
    const good = { sizes: [20], inputs: [{ data }, { data }], output: { data: other }, expression: SUM };
    expect(() => space.map({ ...good, sizes: [0] }).run()).not.toThrow();
    expect(() => space.map({ ...good, sizes: [21] })).toThrow(ShapeMismatchError);
    expect(() => space.map({ ...good, expression: { input: 2 } })).toThrow(InvalidArgumentError);
    expect(() => space.map({ ...good, inputs: [{ data, strides: [-1] }, { data }] })).toThrow(
      InvalidArgumentError,
    );
    expect(() => space.map({ ...good, output: { data: other, strides: [0] } })).toThrow(InvalidArgumentError);
    const shifted = { data: data.subarray(1), strides: [1] };
    expect(() => space.map({ ...good, sizes: [10], output: shifted })).toThrow(InvalidArgumentError);
    const two = { data, strides: [1, 1] };
    expect(() =>
      space.map({ ...good, sizes: [3, 4], output: { data: other, strides: [2, 1] }, inputs: [two, two] }),
    ).toThrow(InvalidArgumentError);
  });
});
