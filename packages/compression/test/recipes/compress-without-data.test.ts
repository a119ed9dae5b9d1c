import { InvalidArgumentError } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readTopology } from '../../src/model/read-topology.ts';
import { dequantizeTensor } from '../../src/quantization/quantize-tensor.ts';
import { compressWithoutData } from '../../src/recipes/compress-without-data.ts';
import { denseModel } from '../export/models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('compressWithoutData', () => {
  it('meets the sparsity over all kernels, and kernels hold what their codes stand for', () => {
    const model = denseModel([20, 10, 4]);
    const topology = readTopology(model);
    for (const [bits, sparsity] of [
      [8, 0.5],
      [2, 0.8],
      [1, 0],
    ] as const) {
      const { topology: made, codes, inputs } = compressWithoutData(topology, { bits, sparsity });
      const all = [...codes.values()].flatMap((coded) => [...coded.codes]);
      const zeros = all.filter((code) => code === 0).length;
      expect(zeros).toBeGreaterThanOrEqual(Math.round(sparsity * 240));
      if (bits === 1) expect(new Set(all)).toEqual(new Set([-1, 1]));
      for (const { data, name, shape } of made.layers.flatMap(({ weights }) => weights)) {
        const coded = codes.get(name);
        if (coded) expect(data).toEqual(dequantizeTensor(coded.codes, shape, coded.quantization));
      }
      expect(inputs.size).toBe(0);
    }
    expect(topology).toEqual(readTopology(model));
    model.dispose();
  });

  it('refuses to remove weights of 1 bit, which has no code for 0', () => {
    const model = denseModel([3, 2]);
    const compress = () => compressWithoutData(readTopology(model), { bits: 1, sparsity: 0.5 });
    expect(compress).toThrow(InvalidArgumentError);
    expect(compress).toThrow('cannot be removed');
    model.dispose();
  });
});
