import fc from 'fast-check';
import { describe, it } from 'vitest';
import { all, fixed, floats, integers, property, scalar } from './onnx-cases.ts';
import type { WrittenTensor } from './onnx-writer.ts';

describe('shapes', () => {
  const x = floats([2, 3, 4]);

  it('Reshape, Flatten, Squeeze, Unsqueeze, Expand, Tile', async () => {
    await all([
      ...[[6, 4], [0, -1], [-1], [2, 0, 2, 2], [1, 2, 3, 4, 1]].map((shape) => ({
        operator: 'Reshape',
        inputs: [x, integers(...shape)],
      })),
      { operator: 'Reshape', inputs: [floats([0, 3]), integers(3, 0)], attributes: { allowzero: 1 } },
      ...[0, 1, 2, 3, -1].map((axis) => ({ operator: 'Flatten', inputs: [x], attributes: { axis } })),
      { operator: 'Squeeze', inputs: [floats([1, 3, 1])], operatorSet: 11 },
      { operator: 'Squeeze', inputs: [floats([1, 3, 1])], attributes: { axes: [-1] }, operatorSet: 11 },
      { operator: 'Squeeze', inputs: [floats([1, 3, 1]), integers(0)], operatorSet: 13 },
      { operator: 'Unsqueeze', inputs: [x], attributes: { axes: [0, 3] }, operatorSet: 11 },
      { operator: 'Unsqueeze', inputs: [x, integers(-1, 1)], operatorSet: 13 },
      { operator: 'Unsqueeze', inputs: [fixed(x), integers(0)], operatorSet: 13 },
      ...[[2, 3, 4], [5, 1, 3, 1], [1]].map((shape) => ({
        operator: 'Expand',
        inputs: [floats([3, 1]), integers(...shape)],
      })),
      { operator: 'Tile', inputs: [x, integers(2, 1, 3)] },
      { operator: 'Tile', inputs: [fixed(x), integers(1, 2, 1)] },
      { operator: 'Shape', inputs: [x], outputs: ['int64'] },
      { operator: 'Shape', inputs: [x], attributes: { start: -2, end: 2 }, outputs: ['int64'] },
      { operator: 'Size', inputs: [x], outputs: ['int64'] },
    ]);
  });

  it('Transpose and Concat', async () => {
    const permutations = [
      [2, 0, 1],
      [0, 2, 1],
      [2, 1, 0],
    ];
    await all([
      { operator: 'Transpose', inputs: [x] },
      ...permutations.flatMap((perm) =>
        [x, fixed(x)].map((input) => ({ operator: 'Transpose', inputs: [input], attributes: { perm } })),
      ),
      ...[0, 1, 2, -1].map((axis) => ({
        operator: 'Concat',
        inputs: [x, fixed(floats([2, 3, 4], 2)), x],
        attributes: { axis },
      })),
      { operator: 'Concat', inputs: [fixed(x), fixed(floats([2, 1, 4], 2))], attributes: { axis: 1 } },
      { operator: 'Concat', inputs: [x], attributes: { axis: 0 } },
    ]);
  });

  it('Split in every form', async () => {
    const y = floats([2, 7]);
    const two = ['float32', 'float32'] as const;
    await all([
      { operator: 'Split', inputs: [floats([4, 3])], outputs: two, operatorSet: 11 },
      {
        operator: 'Split',
        inputs: [y],
        attributes: { axis: 1, split: [3, 4] },
        outputs: two,
        operatorSet: 11,
      },
      {
        operator: 'Split',
        inputs: [y, integers(5, 2)],
        attributes: { axis: -1 },
        outputs: two,
        operatorSet: 13,
      },
      {
        operator: 'Split',
        inputs: [y],
        attributes: { axis: 1, num_outputs: 3 },
        outputs: ['float32', ...two],
        operatorSet: 18,
      },
    ]);
  });

  it('Slice with attributes and with inputs, in any direction', async () => {
    const bound = fc.integer({ min: -8, max: 8 });
    const slices = fc.record({
      start: bound,
      end: fc.oneof(bound, fc.constantFrom(-(2 ** 31), 2 ** 53)),
      step: fc.constantFrom(1, 1, 2, 3, -1, -2),
      axis: fc.integer({ min: -2, max: 1 }),
      known: fc.boolean(),
    });
    await property(
      slices,
      ({ start, end, step, axis, known }) => {
        const input = floats([3, 6]);
        return {
          operator: 'Slice',
          inputs: [
            known ? fixed(input) : input,
            integers(start),
            integers(end),
            integers(axis),
            integers(step),
          ],
        };
      },
      60,
    );
    await all([
      {
        operator: 'Slice',
        inputs: [x],
        attributes: { starts: [0, 1], ends: [1, -1], axes: [0, 2] },
        operatorSet: 9,
      },
      { operator: 'Slice', inputs: [x], attributes: { starts: [1], ends: [100] }, operatorSet: 7 },
      { operator: 'Slice', inputs: [x, integers(1, 1), integers(2, 3)], operatorSet: 10 },
    ]);
  });

  it('Pad in every mode, negative too', async () => {
    const pads = fc.record({
      mode: fc.constantFrom('constant', 'reflect', 'edge'),
      pads: fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 4, maxLength: 4 }),
      value: fc.boolean(),
    });
    await property(
      pads,
      ({ mode, pads: numbers, value }) => {
        // ONNX Runtime mirrors before it cuts: the two together are tested apart.
        const sizes = mode === 'constant' ? numbers : numbers.map(Math.abs);
        return {
          operator: 'Pad',
          inputs: [floats([4, 5]), integers(...sizes), ...(value ? [scalar(2.5)] : [])],
          attributes: { mode },
        };
      },
      30,
    );
    await all([
      {
        operator: 'Pad',
        inputs: [x],
        attributes: { pads: [0, 1, 0, 0, 2, 1], value: { float: 3 } },
        operatorSet: 10,
      },
      {
        operator: 'Pad',
        inputs: [x],
        attributes: { pads: [0, 1, 2, 0, 1, 1], mode: 'reflect' },
        operatorSet: 7,
      },
      { operator: 'Pad', inputs: [x, integers(1, 2), scalar(0), integers(-1)], operatorSet: 18 },
    ]);
  });

  it('Gather and GatherElements', async () => {
    const indices: WrittenTensor = { type: 'int64', shape: [2, 2], numbers: [0, -1, 1, 1] };
    for (const axis of [0, 1, -1])
      await all(
        [
          [x, fixed(indices)],
          [x, indices],
          [fixed(x), fixed(indices)],
        ].map((inputs) => ({ operator: 'Gather', inputs, attributes: { axis } })),
      );
    await all([
      { operator: 'Gather', inputs: [x, scalar(2, 'int64')], attributes: { axis: 1 } },
      { operator: 'GatherElements', inputs: [floats([3, 2]), fixed(indices)], attributes: { axis: 0 } },
      { operator: 'GatherElements', inputs: [floats([2, 3]), fixed(indices)], attributes: { axis: 1 } },
      { operator: 'Trilu', inputs: [fixed(floats([2, 3, 4])), scalar(1, 'int64')], attributes: { upper: 0 } },
      { operator: 'Trilu', inputs: [fixed(floats([3, 4]))] },
    ]);
  });

  it('constants', async () => {
    const tensor: WrittenTensor = { type: 'int64', shape: [1], numbers: [-3] };
    const outputs = ['int64'] as const;
    await all([
      { operator: 'Constant', inputs: [], attributes: { value: { tensor } }, outputs },
      { operator: 'Constant', inputs: [], attributes: { value_ints: [1, -2, 3] }, outputs },
      { operator: 'Constant', inputs: [], attributes: { value_float: { float: 1.5 } } },
      { operator: 'Constant', inputs: [], attributes: { value_floats: { floats: [1.5, 2] } } },
      { operator: 'Constant', inputs: [], attributes: { value_int: -7 }, outputs },
      { operator: 'ConstantOfShape', inputs: [integers(2, 3)] },
      {
        operator: 'ConstantOfShape',
        inputs: [integers(400, 300)],
        attributes: { value: { tensor } },
        outputs,
      },
      { operator: 'Range', inputs: [scalar(2, 'int64'), scalar(11, 'int64'), scalar(3, 'int64')], outputs },
      { operator: 'Range', inputs: [scalar(5), scalar(-1), scalar(-1.5)] },
    ]);
  });

  it('DepthToSpace and SpaceToDepth', async () => {
    await all([
      {
        operator: 'DepthToSpace',
        inputs: [floats([2, 12, 2, 3])],
        attributes: { blocksize: 2, mode: 'DCR' },
      },
      {
        operator: 'DepthToSpace',
        inputs: [floats([2, 12, 2, 3])],
        attributes: { blocksize: 2, mode: 'CRD' },
      },
      {
        operator: 'DepthToSpace',
        inputs: [floats([1, 9, 1, 2])],
        attributes: { blocksize: 3 },
        operatorSet: 9,
      },
      { operator: 'SpaceToDepth', inputs: [floats([2, 3, 4, 6])], attributes: { blocksize: 2 } },
    ]);
  });
});
