import { Random, VerificationError } from '@qedge/core';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fastTrainingKernels, type Tensorflow } from '../src/tfjs.ts';
import { loadTensorflow } from './tensorflow.ts';

let tf: Tensorflow;
let stock: KernelConfig;

function kernel(): KernelConfig {
  return tf.getKernel('BatchMatMul', 'wasm');
}

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  stock = kernel();
});

afterEach(async () => {
  await tf.setBackend('wasm');
  expect(kernel().kernelFunc).toBe(stock.kernelFunc);
});

describe('fastTrainingKernels', () => {
  it('agrees with the stock kernel on every transposition, and leaves no tensor behind', () => {
    const random = new Random(2);
    const values = (size: number) => Float32Array.from({ length: size }, () => random.normal());
    const [batch, m, k, n] = [3, 65, 33, 17];
    const [a, b] = [values(batch * m * k), values(batch * k * n)];
    const before = tf.memory();
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const product = () => {
          const left = tf.tensor3d(a, transposeA ? [batch, k, m] : [batch, m, k]);
          const right = tf.tensor3d(b, transposeB ? [batch, n, k] : [batch, k, n]);
          const result = tf.matMul(left, right, transposeA, transposeB);
          const data = result.dataSync();
          tf.dispose([left, right, result]);
          return data;
        };
        const expected = product();
        using fast = fastTrainingKernels(tf);
        expect(fast.fallback).toBeNull();
        // Sums of 33 products of normal numbers in another order: 1e-4 is over ten times the worst rounding seen.
        product().forEach((value, i) => {
          expect(Math.abs(value - expected[i])).toBeLessThan(1e-4);
        });
      }
    }
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  });

  it('stays until the last holder lets go, however often each does', () => {
    const first = fastTrainingKernels(tf);
    const second = fastTrainingKernels(tf);
    expect(kernel().kernelFunc).not.toBe(stock.kernelFunc);
    first.dispose();
    first.dispose();
    expect(kernel().kernelFunc).not.toBe(stock.kernelFunc);
    second[Symbol.dispose]();
    expect(kernel().kernelFunc).toBe(stock.kernelFunc);
  });

  it('says so and changes nothing on another backend', async () => {
    await tf.setBackend('cpu');
    const handle = fastTrainingKernels(tf);
    expect(handle.fallback).toMatchObject({ to: 'tfjs backend cpu' });
    handle.dispose();
  });

  it('refuses a product that is wrong and puts back what was there', () => {
    const wrong: KernelConfig = {
      ...stock,
      kernelFunc(call) {
        const result = stock.kernelFunc(call) as TensorInfo;
        const backend = call.backend as { typedArrayFromHeap(tensor: TensorInfo): Float32Array };
        backend.typedArrayFromHeap(result)[0] += 1;
        return result;
      },
    };
    tf.unregisterKernel('BatchMatMul', 'wasm');
    tf.registerKernel(wrong);
    try {
      expect(() => fastTrainingKernels(tf)).toThrow(VerificationError);
      expect(kernel().kernelFunc).toBe(wrong.kernelFunc);
    } finally {
      tf.unregisterKernel('BatchMatMul', 'wasm');
      tf.registerKernel(stock);
    }
  });
});
