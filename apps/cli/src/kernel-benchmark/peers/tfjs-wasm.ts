import { loadTensorflow } from '@qedge/kernels/node';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { PerceptronWork, ProductWork, Work } from '../work.ts';
import type { Peer, PreparedWork } from './peer.ts';

/** TensorFlow.js on its WebAssembly backend: SIMD, one thread (its threaded build does not start in Node). */
export async function loadTfjsWasm(): Promise<Peer> {
  const { tf, library } = await loadTensorflow<Tensorflow>({ prefer: ['wasm'] });
  if (tf.getBackend() !== 'wasm') throw new Error(`${library} runs on ${tf.getBackend()}`);
  return {
    name: 'tfjs-wasm',
    version: tf.version.tfjs,
    async prepare(work: Work, threads: number) {
      if (threads !== 1) return null;
      if (work.kind === 'product') return prepareProduct(tf, work);
      return work.kind === 'perceptron' ? preparePerceptron(tf, work) : null;
    },
  };
}

function prepareProduct(tf: Tensorflow, { m, n, k, a, b }: ProductWork): PreparedWork {
  const [left, right] = [tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])];
  let result: ArrayLike<number> = [];
  return {
    run() {
      const product = tf.matMul(left, right);
      result = product.dataSync();
      product.dispose();
    },
    result: () => result,
    dispose: () => tf.dispose([left, right]),
  };
}

function preparePerceptron(tf: Tensorflow, { batch, layers, input }: PerceptronWork): PreparedWork {
  const weights = layers.map(({ kernel, bias, inputs, units }) => {
    return { kernel: tf.tensor2d(kernel, [inputs, units]), bias: tf.tensor1d(bias) };
  });
  let result: ArrayLike<number> = [];
  return {
    run() {
      let x = tf.tensor2d(input, [batch, layers[0]!.inputs]);
      for (const [index, { kernel, bias }] of weights.entries()) {
        const activation = index === weights.length - 1 ? 'linear' : 'relu';
        const y = tf.fused.matMul({
          a: x,
          b: kernel,
          transposeA: false,
          transposeB: false,
          bias,
          activation,
        });
        x.dispose();
        x = y as typeof x;
      }
      result = x.dataSync();
      x.dispose();
    },
    result: () => result,
    dispose: () => {
      for (const { kernel, bias } of weights) tf.dispose([kernel, bias]);
    },
  };
}
