import { UnsupportedError } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LayerFootprint, planCheckpoints } from '../src/tfjs/training/checkpoint-plan.ts';
import { checkpointModel } from '../src/tfjs.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** A residual network with batch normalisation: its only cuts are between blocks. */
function residualNetwork(blocks: number): tf.LayersModel {
  const initializer = (seed: number) => tf.initializers.heNormal({ seed });
  const input = tf.input({ shape: [8, 8, 3] });
  let x = tf.layers
    .conv2d({ filters: 4, kernelSize: 3, padding: 'same', kernelInitializer: initializer(1) })
    .apply(input) as tf.SymbolicTensor;
  for (let block = 0; block < blocks; block++) {
    const convolution = { filters: 4, kernelSize: 3, padding: 'same' as const };
    let y = tf.layers
      .conv2d({ ...convolution, kernelInitializer: initializer(10 + block) })
      .apply(x) as tf.SymbolicTensor;
    y = tf.layers.batchNormalization().apply(y) as tf.SymbolicTensor;
    y = tf.layers.reLU().apply(y) as tf.SymbolicTensor;
    x = tf.layers.add().apply([x, y]) as tf.SymbolicTensor;
  }
  const pooled = tf.layers.globalAveragePooling2d({}).apply(x);
  const output = tf.layers.dense({ units: 3, kernelInitializer: initializer(99) }).apply(pooled);
  return tf.model({ inputs: input, outputs: output as tf.SymbolicTensor });
}

const loss = (labels: tf.Tensor, predictions: tf.Tensor) =>
  tf.losses.softmaxCrossEntropy(labels, predictions) as tf.Tensor;

const images = () => tf.randomNormal([4, 8, 8, 3], 0, 1, 'float32', 7);
const classes = () => tf.oneHot(tf.tensor1d([0, 2, 1, 2], 'int32'), 3).toFloat();

function trainableVariables(model: tf.LayersModel): tf.Variable[] {
  return model.trainableWeights.map((weight) => weight.read() as tf.Variable);
}

describe('planCheckpoints', () => {
  const layer = fc.record<LayerFootprint>({
    activationBytes: fc.integer({ min: 0, max: 50 }),
    cutBytes: fc.option(fc.integer({ min: 1, max: 30 }), { nil: null }),
  });

  it('finds the lowest peak of all ways to cut', () => {
    fc.assert(
      fc.property(fc.array(layer, { minLength: 1, maxLength: 9 }), (layers) => {
        const plan = planCheckpoints(layers);
        const places = layers.flatMap(({ cutBytes }, at) =>
          cutBytes === null || at + 1 === layers.length ? [] : [at + 1],
        );
        let best = Number.POSITIVE_INFINITY;
        for (let chosen = 0; chosen < 2 ** places.length; chosen++) {
          const cuts = [0, ...places.filter((_, bit) => (chosen >> bit) & 1), layers.length];
          const insides = cuts
            .slice(1)
            .map((to, at) => layers.slice(cuts[at], to).reduce((sum, each) => sum + each.activationBytes, 0));
          const kept = cuts.slice(1, -1).reduce((sum, cut) => sum + layers[cut - 1]!.cutBytes!, 0);
          best = Math.min(best, kept + Math.max(...insides));
        }
        expect(plan.peakBytes).toBe(best);
        expect(plan.segments[0]!.from).toBe(0);
        expect(plan.segments.at(-1)!.to).toBe(layers.length);
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

describe('a checkpointed model', () => {
  it('has the gradients of the plain one, bit for bit, and leaks no tensor', () => {
    const model = residualNetwork(6);
    const [features, labels] = [images(), classes()];
    const checkpointed = checkpointModel(tf, model);
    expect(checkpointed.plan(features.shape).segments.length).toBeGreaterThan(2);
    const before = tf.memory().numTensors;
    const mine = checkpointed.gradients(features, labels, loss);
    const plain = tf.variableGrads(
      () => loss(labels, model.apply(features, { training: true }) as tf.Tensor).asScalar(),
      trainableVariables(model),
    );
    expect(mine.value.dataSync()).toEqual(plain.value.dataSync());
    expect(Object.keys(mine.grads).sort()).toEqual(Object.keys(plain.grads).sort());
    for (const [name, gradient] of Object.entries(plain.grads)) {
      expect(mine.grads[name]!.dataSync(), name).toEqual(gradient.dataSync());
    }
    for (const { value, grads } of [mine, plain]) tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([features, labels]);
    model.dispose();
  });

  it('moves moving averages once per step, and trains', () => {
    const [features, labels] = [images(), classes()];
    const results = [true, false].map((checkpoints) => {
      const model = residualNetwork(4);
      const optimizer = tf.train.sgd(0.1);
      const losses: number[] = [];
      const checkpointed = checkpointModel(tf, model);
      for (let step = 0; step < 5; step++) {
        const value = checkpoints
          ? checkpointed.step(features, labels, loss, optimizer)
          : (optimizer.minimize(
              () => loss(labels, model.apply(features, { training: true }) as tf.Tensor).asScalar(),
              true,
              trainableVariables(model),
            ) as tf.Scalar);
        losses.push(value.dataSync()[0]!);
        value.dispose();
      }
      const weights = model.getWeights().map((weight) => weight.dataSync());
      model.dispose();
      return { losses, weights };
    });
    expect(results[0]).toEqual(results[1]);
    expect(results[0]!.losses[4]).toBeLessThan(results[0]!.losses[0]!);
    tf.dispose([features, labels]);
  });

  it('says what memory it saved and what time it cost', async () => {
    const model = residualNetwork(12);
    const [features, labels] = [images(), classes()];
    const before = model.getWeights().map((weight) => weight.dataSync());
    const report = await checkpointModel(tf, model).measure(features, labels, loss);
    expect(report.segments.flat().length).toBe(model.layers.length);
    expect(report.peakBytes.checkpointed).toBeLessThan(0.75 * report.peakBytes.plain);
    expect(report.milliseconds.plain).toBeGreaterThan(0);
    expect(model.getWeights().map((weight) => weight.dataSync())).toEqual(before);
    tf.dispose([features, labels]);
    model.dispose();
  });

  it('puts moving averages back when a loss fails while it is measured', async () => {
    const model = residualNetwork(3);
    const [features, labels] = [images(), classes()];
    const before = model.getWeights().map((weight) => weight.dataSync());
    let calls = 0;
    const failing = (...given: Parameters<typeof loss>) => {
      calls++;
      if (calls === 3) throw new RangeError('no loss');
      return loss(...given);
    };
    await expect(checkpointModel(tf, model).measure(features, labels, failing)).rejects.toThrow('no loss');
    expect(model.getWeights().map((weight) => weight.dataSync())).toEqual(before);
    tf.dispose([features, labels]);
    model.dispose();
  });

  it('refuses what would not compute the same twice, by name', () => {
    const dropout = (seed?: number) =>
      tf.sequential({
        layers: [
          tf.layers.dense({ units: 4, inputShape: [3] }),
          tf.layers.dropout({ rate: 0.5, name: 'forget', ...(seed === undefined ? {} : { seed }) }),
          tf.layers.dense({ units: 2 }),
        ],
      });
    expect(() => checkpointModel(tf, dropout())).toThrow(/"forget".*seed/s);
    expect(() => checkpointModel(tf, dropout())).toThrow(UnsupportedError);
    expect(() => checkpointModel(tf, dropout(1))).not.toThrow();
    const input = tf.input({ shape: [3] });
    const shared = tf.layers.dense({ units: 3, name: 'twice' });
    const output = shared.apply(shared.apply(input)) as tf.SymbolicTensor;
    expect(() => checkpointModel(tf, tf.model({ inputs: input, outputs: output }))).toThrow(/"twice"/);
  });
});
