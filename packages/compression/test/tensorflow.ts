import { Random } from '@qedge/core';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import { afterAll } from 'vitest';
import type { ClassificationData } from '../src/index.ts';
import '@tensorflow/tfjs-backend-wasm';

/** tfjs with one of its backends ready. */
export async function loadTensorflow(backend: 'wasm' | 'cpu'): Promise<typeof tf> {
  await tf.setBackend(backend);
  await tf.ready();
  return tf;
}

/** tfjs on wasm with our kernels, until the tests of the file are over. */
export async function loadAcceleratedTensorflow(): Promise<typeof tf> {
  await loadTensorflow('wasm');
  const acceleration = await accelerate(tf);
  afterAll(() => acceleration.dispose());
  return tf;
}

/**
 * Small images of three classes that a linear classifier cannot tell apart after shifts: a horizontal bar, a vertical bar, a
 * cross, each at a random place with noise.
 */
export function makeShapes(count: number, seed: number): ClassificationData {
  const side = 8;
  const random = new Random(seed);
  const features = new Float32Array(count * side * side);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = random.integer(3);
    const [row, column] = [1 + random.integer(side - 2), 1 + random.integer(side - 2)];
    labels[i] = label;
    for (let at = 0; at < side * side; at++) {
      const onRow = Math.floor(at / side) === row;
      const onColumn = at % side === column;
      const lit = label === 0 ? onRow : label === 1 ? onColumn : onRow || onColumn;
      features[i * side * side + at] = Math.max(0, (lit ? 0.8 : 0) + 0.1 * random.normal());
    }
  }
  return { features, labels, count, imageShape: [side, side] };
}
