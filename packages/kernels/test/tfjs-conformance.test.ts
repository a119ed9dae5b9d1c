import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorflow } from '../src/node.ts';
import { describeDeviceConformance } from '../src/testing/index.ts';
import { createTfjsDevice, type Tensorflow } from '../src/tfjs.ts';

let tf: Tensorflow;
beforeAll(async () => {
  // Registers both backends in one namespace.
  ({ tf } = await loadTensorflow<Tensorflow>({ prefer: ['wasm'] }));
});

for (const backend of ['cpu', 'wasm']) {
  describeDeviceConformance(`tfjs (${backend})`, () => createTfjsDevice(tf, { backend }), { describe, it });
}

describe('after the conformance suite', () => {
  it('no tensor is left', () => {
    expect(tf.memory().numTensors).toBe(0);
  });
});
