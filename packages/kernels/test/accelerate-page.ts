import '@tensorflow/tfjs-backend-wasm';
import { type Acceleration, accelerate } from '@qedge/kernels/tfjs';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

declare const crossOriginIsolated: boolean;

/** What a model computes, and what it learns. */
export interface Work {
  /** Of some samples, before training. */
  readonly outputs: readonly number[];
  /** Of the steps of a training. */
  readonly losses: readonly number[];
  /** Tensors that were left behind. */
  readonly leaked: number;
}

/** What accelerating did in the page. */
export interface AccelerationReport {
  readonly isolated: boolean;
  readonly isa: string;
  readonly threads: number;
  readonly fallbacks: readonly { readonly from: string; readonly to: string; readonly why: string }[];
  /** The same models on the stock wasm backend (cpu where that cannot), accelerated, and on the stock backend again. */
  readonly perceptron: readonly [Work, Work, Work];
  readonly convolutional: readonly [Work, Work];
  /** Calls that generated code served, by kernel. */
  readonly served: Readonly<Record<string, number>>;
}

const [SAMPLES, SIDE, CLASSES, STEPS] = [24, 8, 5, 4];

const initial = (seed: number) => tf.initializers.glorotUniform({ seed });

function perceptron(): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [SIDE, SIDE, 1] }),
      tf.layers.dense({ units: 48, activation: 'relu', kernelInitializer: initial(1) }),
      tf.layers.dense({ units: CLASSES, activation: 'softmax', kernelInitializer: initial(2) }),
    ],
  });
}

function convolutional(): tf.Sequential {
  const same = { kernelSize: 3, activation: 'relu', kernelInitializer: initial(3) } as const;
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 6, ...same, inputShape: [SIDE, SIDE, 1] }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: CLASSES, activation: 'softmax', kernelInitializer: initial(4) }),
    ],
  });
}

async function work(make: () => tf.Sequential): Promise<Work> {
  const before = tf.memory().numTensors;
  const model = make();
  const optimizer = tf.train.adam(1e-2);
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  const x = tf.randomUniform([SAMPLES, SIDE, SIDE, 1], -1, 1, 'float32', 7);
  const y = tf.tidy(() => {
    const labels = Array.from({ length: SAMPLES }, (_, i) => i % CLASSES);
    return tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES).toFloat();
  });
  // In batches of 7, so that the samples are sliced, the last time with fewer.
  const predicted = model.predict(x, { batchSize: 7 }) as tf.Tensor;
  const outputs = [...(await predicted.data())];
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) losses.push((await model.trainOnBatch(x, y)) as number);
  tf.dispose([x, y, predicted]);
  model.dispose();
  optimizer.dispose();
  return { outputs, losses, leaked: tf.memory().numTensors - before };
}

async function compare(threads: number): Promise<AccelerationReport> {
  setWasmPaths('/');
  await tf.setBackend('cpu');
  const learned = await work(convolutional);
  await tf.setBackend('wasm');
  const before = await work(perceptron);
  const acceleration: Acceleration = await accelerate(tf, { threads });
  const own = [await work(perceptron), await work(convolutional)] as const;
  const uses = acceleration.report().filter(({ served }) => served > 0);
  acceleration.dispose();
  const after = await work(perceptron);
  const { isa, threads: used, fallbacks } = acceleration;
  return {
    isolated: crossOriginIsolated,
    isa,
    threads: used,
    fallbacks,
    perceptron: [before, own[0], after],
    convolutional: [learned, own[1]],
    served: Object.fromEntries(uses.map(({ kernel, served }) => [kernel, served])),
  };
}

Object.assign(globalThis, { compare, ready: true });
