import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type * as tensorflow from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { cutPicture, openFaceFeatures } from '../../bench/face-features.mjs';
import { listKernels } from '../../src/model/kernel-weight.ts';
import { readTopology } from '../../src/model/read-topology.ts';
import { foldBatchNormalization } from '../../src/post-training/fold-batch-normalization.ts';
import { quantizeAfterTraining } from '../../src/post-training/quantize-after-training.ts';
import { buildCompressedModel } from '../../src/quantization-aware/build-compressed-model.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { outputsOf, relativeDifference } from './networks.ts';

/** Where the package with the network is installed, or null. */
function packageFolder(): string | null {
  try {
    const require = createRequire(new URL('../../../../tooling/peers/package.json', import.meta.url));
    return dirname(require.resolve('@vladmandic/face-api/package.json'));
  } catch {
    return null;
  }
}

const folder = packageFolder();
const SIZE = 64;
let tf: typeof tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow('wasm');
});

describe.skipIf(folder === null)('a MobileNetV1 that others trained (needs @vladmandic/face-api)', () => {
  it('is folded without a change, and quantised per channel with little noise', async () => {
    const model = openFaceFeatures(tf, folder!, SIZE);
    const pictures = cutPicture(folder!, 'screenshot-webcam.png', { count: 4, size: SIZE, seed: 2 });
    const input = [tf.tensor(pictures.features, [4, SIZE, SIZE, 3])];
    const real = outputsOf(tf, model, input);

    const { topology, folded, kept } = foldBatchNormalization(readTopology(model));
    expect([folded.length, kept.length]).toEqual([13, 0]);
    expect(relativeDifference(outputsOf(tf, topology, input), real)).toBeLessThan(1e-4);
    const magnitudes = listKernels(topology).flatMap(({ kind, weight, outputs }) =>
      kind !== 'depthwise'
        ? []
        : Array.from({ length: outputs }, (_, channel) =>
            Math.max(
              ...[0, 1, 2, 3, 4, 5, 6, 7, 8].map((tap) => Math.abs(weight.data[tap * outputs + channel]!)),
            ),
          ),
    );
    // What makes this network worth a test: dead channels, and ranges far apart.
    expect(magnitudes.filter((each) => each < 1e-6).length).toBeGreaterThan(0);

    const calibration = cutPicture(folder!, 'screenshot-images.png', { count: 4, size: SIZE, seed: 1 });
    const { compressed, layers } = await quantizeAfterTraining(tf, model, calibration, {
      batchSize: 4,
      weights: { method: 'min-max' },
      activations: 'min-max',
    });
    expect(layers).toHaveLength(27);
    for (const { weightSqnr } of layers) expect(weightSqnr).toBeGreaterThan(30);
    const built = buildCompressedModel(tf, compressed);
    const coded = outputsOf(tf, built, input);
    const power = real.reduce((sum, value) => sum + value ** 2, 0);
    const noise = real.reduce((sum, value, at) => sum + (value - coded[at]) ** 2, 0);
    expect(10 * Math.log10(power / noise)).toBeGreaterThan(10);
    tf.dispose(input);
    built.dispose();
    model.dispose();
  });
});
