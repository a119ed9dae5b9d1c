import { LazyModel, SafetensorsFile } from '@qedge/memory';
import type { LayersModel } from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { exportContainer, exportSafetensors, readCodedTensors } from '../../src/export.ts';
import {
  createCompressionReport,
  kernelValues,
  magnitudeScores,
  maskByPattern,
  maskSparsity,
  memoryCheckpointStore,
  type PruningMasks,
} from '../../src/index.ts';
import {
  type CompressedModel,
  convertQuantizationAware,
  gradualPruning,
  listKernels,
  nameWeights,
  prepareForQuantizationAwareTraining,
  quantizeAfterTraining,
  readTopology,
  readWeights,
  type TrainModelOptions,
  trainModel,
} from '../../src/tfjs.ts';
import { loadAcceleratedTensorflow, makeShapes } from '../tensorflow.ts';
import { everything, perceptron } from '../training/models.ts';

const tf = await loadAcceleratedTensorflow();
const samples = makeShapes(100, 1);
const calibration = makeShapes(40, 2);
const options: TrainModelOptions = {
  epochs: 2,
  batchSize: 25,
  learningRate: { initial: 5e-3, final: 1e-3 },
  weightDecay: 0.01,
  seed: 3,
};

/** Trains a model while four fifths of its kernels go. */
async function prune(model: LayersModel): Promise<PruningMasks> {
  const schedule = {
    kind: 'polynomial',
    initial: 0,
    final: 0.8,
    power: 3,
    begin: 0,
    end: 0.8,
    intervalSteps: 2,
  } as const;
  const hook = gradualPruning(model, { schedule, scope: 'global' });
  const { masks } = await trainModel(tf, model, samples, { ...options, hooks: [hook] });
  expect(maskSparsity(masks)).toBeCloseTo(0.8, 3);
  return masks;
}

/** Every removed element is +0, and there are some. */
function expectZeros(masks: PruningMasks, values: (name: string) => ArrayLike<number> | undefined): void {
  let checked = 0;
  for (const [name, mask] of masks) {
    const held = values(name)!;
    expect(held).toHaveLength(mask.length);
    for (let at = 0; at < mask.length; at++) {
      if (mask[at] !== 0) continue;
      if (!Object.is(held[at], 0)) expect.fail(`${name}[${at}] is ${held[at]}`);
      checked++;
    }
  }
  expect(checked).toBeGreaterThan(100);
}

function expectZeroCodes(masks: PruningMasks, { codes, topology }: CompressedModel): void {
  expectZeros(masks, (name) => codes.get(name)?.codes);
  const decoded = kernelValues(topology);
  expectZeros(masks, (name) => decoded.get(name));
}

describe('masks', () => {
  it('hold through pruning, fine-tuning, quantisation-aware training and export of any model', async () => {
    const model = everything(tf);
    const masks = await prune(model);
    const store = memoryCheckpointStore();
    await trainModel(tf, model, samples, { ...options, masks, checkpoint: { store } });
    expectZeros(masks, (name) => readWeights(model).get(name));

    const { optimizer } = (await store.load())!;
    const trained = nameWeights(model).filter(({ trainable }) => trainable);
    for (const moment of [0, 1]) {
      expectZeros(
        masks,
        (name) => optimizer.moments[trained.findIndex((weight) => weight.name === name)]![moment],
      );
    }

    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 4, masks });
    await trainModel(tf, prepared, samples, { ...options, masks });
    const compressed = convertQuantizationAware(tf, prepared);
    expectZeroCodes(masks, compressed);

    const { bytes } = exportSafetensors(compressed);
    const { codes } = readCodedTensors(SafetensorsFile.fromBytes(bytes));
    expectZeros(masks, (name) => codes.get(name)?.codes);

    const report = createCompressionReport({ name: 'everything', original: readTopology(model), compressed });
    expect(report.compressed.sparsity).toBeGreaterThanOrEqual(maskSparsity(masks));
    prepared.dispose();
    model.dispose();
  });

  it('hold when the codes are chosen after training, to the nearest or by AdaRound, and normalisations are folded', async () => {
    const model = everything(tf);
    const masks = await prune(model);
    for (const rounding of ['nearest', 'adaptive'] as const) {
      const { compressed } = await quantizeAfterTraining(tf, readTopology(model), calibration, {
        weights: { bits: 4, rounding },
        layers: { shared: null },
        iterations: 20,
        samplesPerLayer: 256,
      });
      const coded = new Map([...masks].filter(([name]) => compressed.codes.has(name)));
      expect(coded.size).toBe(masks.size - 1);
      expectZeroCodes(coded, compressed);
      expect(
        kernelValues(compressed.topology)
          .get('shared/kernel')!
          .filter((value) => value === 0).length,
      ).toBe(masks.get('shared/kernel')!.filter((kept) => kept === 0).length);
    }
    model.dispose();
  });

  it('of 2:4 hold through training, and the file has the pattern', async () => {
    const model = perceptron(tf);
    const topology = readTopology(model);
    const kernels = listKernels(topology);
    const masks = maskByPattern(kernels, magnitudeScores(kernelValues(topology)), { keep: 2, of: 4 });
    await trainModel(tf, model, samples, { ...options, masks });
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 8, masks });
    await trainModel(tf, prepared, samples, { ...options, epochs: 1, masks });
    const compressed = convertQuantizationAware(tf, prepared);
    using file = LazyModel.fromBytes(exportContainer(compressed).bytes);
    for (const { weight, rows, outputs } of kernels) {
      const codes = file.load(weight.name).data;
      for (let row = 0; row < rows; row += 4) {
        for (let output = 0; output < outputs; output++) {
          const run = [0, 1, 2, 3].map((at) => codes[(row + at) * outputs + output]!);
          expect(run.filter((code) => code !== 0).length).toBeLessThanOrEqual(2);
        }
      }
    }
    expectZeroCodes(masks, compressed);
    prepared.dispose();
    model.dispose();
  });
});
