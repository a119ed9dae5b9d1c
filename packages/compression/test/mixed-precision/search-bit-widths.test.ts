import type * as tensorflow from '@tensorflow/tfjs';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureSensitivity } from '../../src/mixed-precision/measure-sensitivity.ts';
import { searchBitWidths } from '../../src/mixed-precision/search-bit-widths.ts';
import type { CalibrationData } from '../../src/post-training/calibration-data.ts';
import { outputsOf, randomInputs, randomizeWeights } from '../post-training/networks.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: typeof tensorflow;
let model: LayersModel;
let inputs: Tensor[];
let calibration: CalibrationData;
let expected: Float32Array;
const quantization = { activations: null, batchSize: 32 } as const;

beforeAll(async () => {
  tf = await loadTensorflow('cpu');
  const input = tf.input({ shape: [12] });
  const layers = [
    tf.layers.dense({ name: 'wide', units: 40 }),
    tf.layers.batchNormalization({ name: 'norm' }),
    tf.layers.reLU(),
    tf.layers.dense({ name: 'narrow', units: 3 }),
    tf.layers.dense({ name: 'out', units: 2 }),
  ];
  const outputs = layers.reduce<SymbolicTensor>((x, layer) => layer.apply(x) as SymbolicTensor, input);
  model = randomizeWeights(tf, tf.model({ inputs: input, outputs }), 1);
  inputs = randomInputs(tf, model, 32, 2);
  calibration = { features: inputs[0].dataSync<'float32'>().slice(), count: 32 };
  expected = outputsOf(tf, model, inputs);
});
afterAll(() => {
  tf.dispose(inputs);
  model.dispose();
});

/** The mean squared difference from the outputs of the float32 model. */
function judge(judged: LayersModel): number {
  const outputs = outputsOf(tf, judged, inputs);
  return outputs.reduce((sum, value, at) => sum + (value - expected[at]) ** 2, 0) / outputs.length;
}

describe('measureSensitivity', () => {
  it('gives loss, bytes and operations of each layer and width', async () => {
    const tensors = tf.memory().numTensors;
    const { baseline, layers } = await measureSensitivity(tf, model, calibration, {
      bits: [2, 8, 4],
      judge,
      quantization,
    });
    expect(baseline).toBeLessThan(1e-10);
    expect(layers.map(({ layer }) => layer)).toEqual(['wide', 'narrow', 'out']);
    for (const { options } of layers) {
      expect(options.map(({ bits }) => bits)).toEqual([8, 4, 2]);
      expect(options[1].loss).toBeGreaterThan(options[0].loss);
      expect(options[2].loss).toBeGreaterThan(options[1].loss);
    }
    // 480 weights and 40 scales of four bytes.
    expect(layers[0].options[1]).toMatchObject({ bytes: 240 + 160, macBits: 480 * 4 });
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('measures one-dimensional convolutions too', async () => {
    const layers = [
      tf.layers.conv1d({ inputShape: [6, 2], name: 'line', filters: 2, kernelSize: 3 }),
      tf.layers.flatten(),
      tf.layers.dense({ name: 'out', units: 2 }),
    ];
    const lines = tf.sequential({ layers });
    const measured = await measureSensitivity(tf, lines, calibration, {
      bits: [8, 4],
      judge: (judged) => judged.countParams(),
      quantization,
    });
    expect(measured.layers.map(({ layer }) => layer)).toEqual(['line', 'out']);
    lines.dispose();
  });

  it('leaves out layers that stay in float32, and refuses judges that give no number', async () => {
    const { layers } = await measureSensitivity(tf, model, calibration, {
      bits: [4],
      judge,
      quantization: { ...quantization, layers: { narrow: null } },
    });
    expect(layers.map(({ layer }) => layer)).toEqual(['wide', 'out']);
    const tensors = tf.memory().numTensors;
    const broken = { bits: [4], judge: () => Number.NaN, quantization };
    await expect(measureSensitivity(tf, model, calibration, broken)).rejects.toThrow(/judged by a number/);
    await expect(measureSensitivity(tf, model, calibration, { ...broken, bits: [] })).rejects.toThrow(
      /needs bit widths/,
    );
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

describe('searchBitWidths', () => {
  const settings = { bits: [8, 4, 2], judge, quantization };

  it('keeps limits of size', async () => {
    const { chosen, result, front, judged } = await searchBitWidths(tf, model, calibration, {
      ...settings,
      limits: { maxBytes: 600, maxMacBits: 3000 },
    });
    expect(chosen.bytes).toBeLessThanOrEqual(600);
    expect(chosen.macBits).toBeLessThanOrEqual(3000);
    expect(judged).toBe(1);
    expect(front.length).toBeGreaterThan(3);
    for (const [layer, bits] of chosen.bits) {
      expect(result.compressed.codes.get(`${layer}/kernel`)?.quantization.bits).toBe(bits);
    }
  });

  it('finds a smaller model the more loss is allowed, and measures the loss of the whole', async () => {
    const sizes: number[] = [];
    for (const maxLoss of [0.001, 0.05, 10]) {
      const { chosen, loss } = await searchBitWidths(tf, model, calibration, {
        ...settings,
        limits: { maxLoss },
      });
      expect(loss).toBeLessThanOrEqual(maxLoss);
      sizes.push(chosen.bytes);
    }
    expect(sizes[0]).toBeGreaterThan(sizes[1]);
    expect(sizes[1]).toBeGreaterThanOrEqual(sizes[2]);
    // All at 2 bits.
    expect(sizes[2]).toBe(480 / 4 + 160 + 120 / 4 + 12 + Math.ceil(6 / 4) + 8);
  });

  it('refuses no limits, and limits that nothing keeps', async () => {
    const search = (limits: object) => searchBitWidths(tf, model, calibration, { ...settings, limits });
    await expect(search({})).rejects.toThrow(/needs a limit/);
    await expect(search({ maxBytes: 1 })).rejects.toThrow(/within the limits/);
    await expect(search({ maxLoss: -1 })).rejects.toThrow(/within the limits/);
    await expect(search({ maxLoss: 1, maxBytes: 1 })).rejects.toThrow(/no assignment within/);
  });
});
