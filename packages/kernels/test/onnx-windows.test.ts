import fc from 'fast-check';
import { describe, it } from 'vitest';
import { all, codes, fixed, floats, integers, property } from './onnx-cases.ts';
import type { WrittenAttribute, WrittenTensor } from './onnx-writer.ts';

/** Window attributes of a random size. */
const windows = fc.record({
  spatial: fc.array(fc.integer({ min: 4, max: 9 }), { minLength: 1, maxLength: 2 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
  auto: fc.constantFrom('NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
  groups: fc.constantFrom(1, 1, 2, 4),
  bias: fc.boolean(),
  seed: fc.nat(1000),
});

type Window = typeof windows extends fc.Arbitrary<infer Value> ? Value : never;

function windowAttributes({
  spatial,
  stride,
  dilation,
  pads,
  auto,
}: Window): Record<string, WrittenAttribute | undefined> {
  const rank = spatial.length;
  const each = (value: number) => spatial.map((_, axis) => Math.max(1, value - axis));
  const explicit = auto === 'NOTSET' ? { pads: rank === 1 ? pads.slice(0, 2) : pads } : { auto_pad: auto };
  // ONNX Runtime does not dilate windows whose padding it computes.
  const spread = auto.startsWith('SAME') ? 1 : dilation;
  return { strides: each(stride), dilations: each(spread), ...explicit };
}

describe('windows', () => {
  it('Conv over signals and images, in groups, dilated, padded in every way', async () => {
    await property(
      windows,
      (window) => {
        const { spatial, kernel, groups, bias, seed } = window;
        const taps = spatial.map(() => kernel);
        const outputs = 4;
        // The windows fit: 4 + 4 cells around hold (4 - 1) * 2 + 1 taps only when padded, so small images have small windows.
        const cells = spatial.map((size) => size + (window.dilation === 2 ? 4 : 0));
        const weights = floats([outputs, 4 / groups, ...taps], seed + 1);
        return {
          operator: 'Conv',
          inputs: [
            floats([2, 4, ...cells], seed),
            seed % 2 ? weights : fixed(weights),
            ...(bias ? [floats([outputs], seed + 2)] : []),
          ],
          attributes: { ...windowAttributes(window), group: groups, kernel_shape: taps },
        };
      },
      40,
    );
  });

  it('ConvTranspose with padding of the output', async () => {
    await property(
      windows,
      (window) => {
        const { spatial, kernel, stride, dilation, groups, bias, seed, auto } = window;
        const taps = spatial.map(() => kernel + 1);
        const plain = {
          strides: spatial.map(() => stride),
          dilations: spatial.map(() => dilation),
          group: groups,
        };
        const extra = spatial.map((_, axis) => (seed >> axis) % stride);
        const pads = spatial.length === 1 ? [1, 0] : [1, 0, 0, 1];
        const padding = auto === 'NOTSET' ? { pads, output_padding: extra } : { auto_pad: auto };
        return {
          operator: 'ConvTranspose',
          inputs: [
            floats([1, 4, ...spatial], seed),
            fixed(floats([4, 2, ...taps], seed + 1)),
            ...(bias ? [floats([2 * groups], seed + 2)] : []),
          ],
          attributes: { ...plain, ...(window.dilation === 1 || auto === 'NOTSET' ? padding : { pads }) },
        };
      },
      40,
    );
    const strides = [2, 2];
    await all(
      [
        [7, 8],
        [9, 10],
      ].map((output_shape) => ({
        operator: 'ConvTranspose',
        inputs: [floats([1, 2, 4, 4]), fixed(floats([2, 3, 3, 3], 2))],
        attributes: { strides, output_shape },
      })),
    );
  });

  it('MaxPool and AveragePool, rounding up and counting padding', async () => {
    const poolings = fc.record({
      window: windows,
      average: fc.boolean(),
      ceil: fc.boolean(),
      padded: fc.boolean(),
    });
    await property(
      poolings,
      ({ window, average, ceil, padded }) => {
        const taps = window.spatial.map(() => window.kernel);
        // A padding that is as wide as the window is refused by ONNX Runtime.
        const pads = window.pads.map((pad) => Math.min(pad, window.kernel - 1));
        const stride = window.auto.startsWith('SAME')
          ? Math.min(window.stride, window.kernel)
          : window.stride;
        const { dilations, ...others } = windowAttributes({ ...window, pads, stride });
        const rounding = window.auto === 'NOTSET' && ceil ? { ceil_mode: 1 } : {};
        const attributes = { ...others, kernel_shape: taps, ...rounding };
        const inputs = [floats([2, 3, ...window.spatial.map((size) => size + 3)], window.seed)];
        return average
          ? {
              operator: 'AveragePool',
              inputs,
              attributes: { ...attributes, count_include_pad: padded ? 1 : 0 },
              operatorSet: window.seed % 2 ? 19 : 11,
            }
          : {
              operator: 'MaxPool',
              inputs,
              attributes: { ...attributes, dilations: dilations! },
              operatorSet: 12,
            };
      },
      80,
    );
    await all([
      {
        operator: 'MaxPool',
        inputs: [codes('uint8', [1, 3, 5, 6])],
        attributes: { kernel_shape: [2, 3] },
        outputs: ['uint8'],
      },
    ]);
    await all(
      ['GlobalAveragePool', 'GlobalMaxPool'].flatMap((operator) =>
        [
          [2, 3, 4, 5],
          [2, 3, 7],
        ].map((shape) => ({ operator, inputs: [floats(shape)] })),
      ),
    );
  });

  it('FusedConv of ONNX Runtime', async () => {
    const inputs = [floats([1, 2, 5, 6]), fixed(floats([3, 2, 3, 3], 2)), fixed(floats([3], 3))];
    const domain = 'com.microsoft';
    const pads = [1, 1, 1, 1];
    await all([
      { operator: 'FusedConv', domain, inputs, attributes: { pads, activation: 'Relu' } },
      {
        operator: 'FusedConv',
        domain,
        inputs,
        attributes: { pads, activation: 'LeakyRelu', activation_params: { floats: [0.2] } },
      },
      {
        operator: 'FusedConv',
        domain,
        inputs,
        attributes: { pads, activation: 'Clip', activation_params: { floats: [-0.1, 0.5] } },
      },
      {
        operator: 'FusedConv',
        domain,
        inputs: [...inputs, floats([1, 3, 5, 6], 7)],
        attributes: { pads, activation: 'Relu' },
      },
    ]);
  });
});

describe('Resize', () => {
  const modes = ['nearest', 'linear', 'cubic'] as const;
  const transformations = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];

  it('by scales and by sizes, in every mode', async () => {
    const resizes = fc.record({
      mode: fc.constantFrom(...modes),
      transformation: fc.constantFrom(...transformations),
      nearest: fc.constantFrom('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
      scales: fc.array(fc.constantFrom(0.5, 0.75, 1, 1.5, 2, 2.6, 3), { minLength: 2, maxLength: 2 }),
      bySize: fc.boolean(),
      seed: fc.nat(100),
    });
    await property(
      resizes,
      ({ mode, transformation, nearest, scales, bySize, seed }) => {
        const [height, width] = [4, 5];
        const sizes = [1, 2, Math.floor(height * scales[0]!), Math.floor(width * scales[1]!)];
        const four: WrittenTensor = { type: 'float32', shape: [4], numbers: [1, 1, ...scales] };
        const attributes = {
          mode,
          coordinate_transformation_mode: transformation,
          ...(mode === 'nearest' ? { nearest_mode: nearest } : {}),
          ...(mode === 'cubic' ? { cubic_coeff_a: { float: -0.5 } } : {}),
        };
        return {
          operator: 'Resize',
          operatorSet: 13,
          attributes,
          tolerance: 2e-6,
          inputs: [
            floats([1, 2, height, width], seed),
            null,
            ...(bySize ? [null, integers(...sizes)] : [fixed(four)]),
          ],
        };
      },
      60,
    );
  });

  it('of older versions, of Upsample, of signals and of channels-last images', async () => {
    const scales = (...numbers: number[]) => fixed({ type: 'float32', shape: [numbers.length], numbers });
    await all([
      {
        operator: 'Upsample',
        inputs: [floats([1, 2, 3, 4])],
        attributes: { scales: { floats: [1, 1, 2, 2] }, mode: 'nearest' },
        operatorSet: 7,
      },
      {
        operator: 'Upsample',
        inputs: [floats([1, 2, 3, 4]), scales(1, 1, 2, 3)],
        attributes: { mode: 'linear' },
        operatorSet: 9,
      },
      {
        operator: 'Resize',
        inputs: [floats([1, 2, 3, 4]), scales(1, 1, 2, 2)],
        attributes: { mode: 'nearest' },
        operatorSet: 10,
      },
      {
        operator: 'Resize',
        inputs: [floats([1, 3, 4, 2]), null, scales(1, 2, 2, 1)],
        attributes: { mode: 'nearest' },
        operatorSet: 13,
      },
      {
        operator: 'Resize',
        inputs: [floats([2, 3, 5]), null, scales(1, 1, 2)],
        attributes: { mode: 'linear' },
        operatorSet: 13,
      },
      {
        operator: 'Resize',
        inputs: [floats([1, 2, 3, 4]), null, null, integers(6, 8)],
        attributes: { mode: 'nearest', axes: [2, 3] },
        operatorSet: 18,
      },
      {
        operator: 'Resize',
        inputs: [floats([3, 4]), null, scales(2, 1.5)],
        attributes: { mode: 'linear' },
        operatorSet: 18,
      },
    ]);
  });
});
