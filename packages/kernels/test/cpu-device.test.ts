import './relaxed-simd.ts';
import { detectWasmFeatures, MAX_INTEGER_DEPTH } from '@qedge/codegen';
import {
  CapabilityUnavailableError,
  InvalidArgumentError,
  type ModelGraph,
  Random,
  type StoredTensor,
  UnsupportedError,
} from '@qedge/core';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { chooseTier } from '../src/cpu/tier.ts';
import { createCpuDevice } from '../src/index.ts';
import { randomInput, randomModel, runReference, weightSourceOf } from '../src/testing/index.ts';

const ALL = { simd: true, relaxedSimd: true };
const STRICT = { simd: true, relaxedSimd: false };
const NONE = { simd: false, relaxedSimd: false };

describe('the choice of a tier', () => {
  it('is the best that the host has, with a reason for each better one', () => {
    expect(chooseTier(undefined, undefined, ALL)).toEqual({ tier: 'wasm-relaxed', fallbacks: [] });
    const strict = chooseTier(undefined, undefined, STRICT);
    expect(strict.tier).toBe('wasm');
    expect(strict.fallbacks).toEqual([
      { from: 'wasm-relaxed', to: 'wasm', why: expect.stringContaining('relaxed SIMD') },
    ]);
    const plain = chooseTier(undefined, undefined, NONE);
    expect(plain.tier).toBe('reference');
    expect(plain.fallbacks.map(({ from }) => from)).toEqual(['wasm-relaxed', 'wasm']);
  });

  it('follows QEDGE_ISA, and an explicit tier before it', () => {
    expect(chooseTier(undefined, 'wasm', ALL).tier).toBe('wasm-relaxed');
    expect(chooseTier(undefined, 'wasm', STRICT).tier).toBe('wasm');
    expect(chooseTier(undefined, 'wasm-strict', ALL)).toEqual({ tier: 'wasm', fallbacks: [] });
    expect(chooseTier(undefined, 'reference', ALL).tier).toBe('reference');
    expect(chooseTier('wasm', 'reference', ALL).tier).toBe('wasm');
  });

  it('refuses names that it does not know and tiers that are not there', () => {
    expect(() => chooseTier(undefined, 'avx2', ALL)).toThrow(InvalidArgumentError);
    expect(() => chooseTier('fast' as 'wasm', undefined, ALL)).toThrow(InvalidArgumentError);
    expect(() => chooseTier('wasm-relaxed', undefined, STRICT)).toThrow(CapabilityUnavailableError);
    expect(() => chooseTier(undefined, 'wasm', NONE)).toThrow(CapabilityUnavailableError);
  });
});

describe('createCpuDevice', () => {
  const kept = process.env.QEDGE_ISA;
  afterEach(() => {
    if (kept === undefined) delete process.env.QEDGE_ISA;
    else process.env.QEDGE_ISA = kept;
  });

  it('reads QEDGE_ISA from the environment', async () => {
    process.env.QEDGE_ISA = 'reference';
    using reference = await createCpuDevice();
    expect(reference.name).toBe('cpu (reference)');
    process.env.QEDGE_ISA = 'nonsense';
    await expect(createCpuDevice()).rejects.toThrow(/wasm-strict/);
  });

  it('uses relaxed SIMD where the host has it', async () => {
    delete process.env.QEDGE_ISA;
    using device = await createCpuDevice();
    expect(detectWasmFeatures().relaxedSimd).toBe(true);
    expect(device).toMatchObject({ kind: 'cpu', name: 'cpu (wasm relaxed SIMD)', fallbacks: [] });
    expect(device.precisions).toEqual(['float32', 'int8', 'int4']);
  });
});

/** Replaces every kernel by codes with one scale per column (or one in all), as a compressed model file holds them. */
function quantized(
  tensors: readonly StoredTensor[],
  bits: number,
  perColumn: boolean,
  seed: number,
): StoredTensor[] {
  const random = new Random(seed);
  const largest = 2 ** (bits - 1) - 1;
  return tensors.map((tensor) => {
    if (tensor.shape.length === 1) return tensor;
    const columns = tensor.shape[1]!;
    const data = new Int8Array(tensor.data.length).map(() => random.integer(2 * largest + 1) - largest);
    const scales = new Float32Array(perColumn ? columns : 1).map(
      () => (0.5 + random.uniform()) / largest / 8,
    );
    const axis = perColumn ? 1 : null;
    const zeroPoints = new Int32Array(scales.length);
    return {
      ...tensor,
      dtype: 'int8',
      data,
      quantization: { bits, symmetric: true, scales, zeroPoints, axis },
    };
  });
}

async function runWith(
  tier: 'wasm' | 'wasm-relaxed',
  graph: ModelGraph,
  tensors: readonly StoredTensor[],
  precision: 'float32' | 'int8' | 'int4',
  input: Float32Array,
  batch: number,
): Promise<Float32Array> {
  using device = await createCpuDevice({ tier });
  using model = await device.compile(graph, weightSourceOf(tensors), { precision, maxBatch: batch });
  const output = new Float32Array(batch * graph.outputShape[0]!).fill(Number.NaN);
  model.run(input, output, batch);
  return output;
}

describe.each(['wasm', 'wasm-relaxed'] as const)('models on the tier %s', (tier) => {
  it('give the bits of the reference on integers, whatever shape, batch, bits and scales', async () => {
    const size = fc.integer({ min: 1, max: 40 });
    const cases = fc.record({
      sizes: fc.array(size, { minLength: 2, maxLength: 4 }),
      batch: fc.integer({ min: 1, max: 9 }),
      bits: fc.integer({ min: 2, max: 8 }),
      perColumn: fc.boolean(),
      bias: fc.boolean(),
      seed: fc.nat({ max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ sizes, batch, bits, perColumn, bias, seed }) => {
        const { graph, tensors } = randomModel({ sizes, seed, bias });
        const coded = quantized(tensors, bits, perColumn, seed);
        const input = randomInput(sizes[0]!, batch, seed);
        for (const precision of bits <= 4 ? (['int8', 'int4'] as const) : (['int8'] as const)) {
          const expected = runReference(graph, weightSourceOf(coded), input, batch, precision);
          expect(await runWith(tier, graph, coded, precision, input, batch)).toEqual(expected);
        }
      }),
      { seed: 1, numRuns: 25 },
    );
  });

  it('give the same bits for 4-bit codes at int8 and at int4', async () => {
    const { graph, tensors } = randomModel({ sizes: [30, 20, 10], seed: 3 });
    const coded = quantized(tensors, 4, true, 3);
    const input = randomInput(30, 5, 3);
    const wide = await runWith(tier, graph, coded, 'int8', input, 5);
    expect(await runWith(tier, graph, coded, 'int4', input, 5)).toEqual(wide);
  });

  it('give a sample the same bits alone and in any batch', async () => {
    const { graph, tensors } = randomModel({ sizes: [37, 23, 11], seed: 4 });
    const input = randomInput(37, 32, 4);
    for (const precision of ['float32', 'int8', 'int4'] as const) {
      const together = await runWith(tier, graph, tensors, precision, input, 32);
      for (const sample of [0, 13, 31]) {
        const alone = input.subarray(sample * 37, (sample + 1) * 37);
        const output = await runWith(tier, graph, tensors, precision, alone, 1);
        expect(output).toEqual(together.slice(sample * 11, (sample + 1) * 11));
      }
    }
  });

  it('compile weights near both ends of float32, where sums overflow or vanish', async () => {
    const graph = randomModel({ sizes: [9, 3], seed: 1, bias: false }).graph;
    for (const size of [3.4e38, 1e-40, 1e-44]) {
      const random = new Random(1);
      const data = new Float32Array(27).map(() => (random.uniform() - 0.5) * 2 * size);
      const tensors = [{ name: 'dense 1/kernel', dtype: 'float32', shape: [9, 3], data } as const];
      const output = await runWith(tier, graph, tensors, 'float32', new Float32Array(9).fill(0), 1);
      expect([...output].every((value) => value === 0)).toBe(true);
      const coded = await runWith(tier, graph, tensors, 'int8', new Float32Array(9).fill(0), 1);
      expect([...coded].every((value) => value === 0)).toBe(true);
    }
  });

  it('treat NaN in an input as 0 at integer precisions and pass it on at float32', async () => {
    const { graph, tensors } = randomModel({ sizes: [5, 3], seed: 5 });
    const input = Float32Array.from([1, Number.NaN, 2, 3, 4]);
    const zeroed = Float32Array.from([1, 0, 2, 3, 4]);
    expect(await runWith(tier, graph, tensors, 'int8', input, 1)).toEqual(
      await runWith(tier, graph, tensors, 'int8', zeroed, 1),
    );
    expect([...(await runWith(tier, graph, tensors, 'float32', input, 1))]).toEqual([NaN, NaN, NaN]);
  });
});

describe('models on the tier wasm', () => {
  it('give the bits of the reference on float32 too', async () => {
    const { graph, tensors, weights } = randomModel({ sizes: [100, 50, 10], seed: 6 });
    const input = randomInput(100, 7, 6);
    const expected = runReference(graph, weights, input, 7, 'float32');
    expect(await runWith('wasm', graph, tensors, 'float32', input, 7)).toEqual(expected);
  });

  it('decode stored codes when they run at float32', async () => {
    const { graph, tensors } = randomModel({ sizes: [8, 4], seed: 7 });
    const coded = quantized(tensors, 8, true, 7);
    const decoded = coded.map(({ quantization, ...tensor }): StoredTensor => {
      if (!quantization) return tensor;
      const data = Float32Array.from(tensor.data, (code, i) => code * quantization.scales[i % 4]!);
      return { ...tensor, dtype: 'float32', data };
    });
    const input = randomInput(8, 2, 7);
    expect(await runWith('wasm', graph, coded, 'float32', input, 2)).toEqual(
      await runWith('wasm', graph, decoded, 'float32', input, 2),
    );
  });

  it('stay close to float32 when they run at int8', async () => {
    const { graph, tensors } = randomModel({ sizes: [64, 32, 10], seed: 8 });
    const input = randomInput(64, 16, 8).map((value) => Math.max(-4, Math.min(3.9, value)));
    const wide = await runWith('wasm', graph, tensors, 'float32', input, 16);
    const narrow = await runWith('wasm', graph, tensors, 'int8', input, 16);
    // Input steps of 8/255 and 127 weight levels: root-mean-square errors of about 1 % per layer are expected.
    const error = Math.sqrt(wide.reduce((sum, value, i) => sum + (value - narrow[i]!) ** 2, 0));
    const norm = Math.sqrt(wide.reduce((sum, value) => sum + value ** 2, 0));
    expect(error / norm).toBeGreaterThan(1e-4);
    expect(error / norm).toBeLessThan(0.03);
  });

  it('account for every byte: four, one and half a byte per weight', async () => {
    const { graph, weights } = randomModel({ sizes: [64, 64], seed: 9, bias: false });
    using device = await createCpuDevice({ tier: 'wasm' });
    const bytes: number[] = [];
    for (const precision of ['float32', 'int8', 'int4'] as const) {
      using model = await device.compile(graph, weights, { precision, maxBatch: 2 });
      bytes.push(model.memory.weightBytes);
      expect(model.memory.bufferBytes).toBeGreaterThanOrEqual(2 * 64 * 4);
    }
    // At integer precisions 64 scales and three parameter vectors (64 bytes aligned) come on top.
    expect(bytes).toEqual([64 * 64 * 4, 64 * 64 + 256 + 64, 64 * 32 + 256 + 64]);
  });
});

describe('integer precisions', () => {
  const { graph, tensors, weights } = randomModel({ sizes: [6, 4], seed: 10 });
  const compile = async (source = weights, changed = graph, precision: 'int8' | 'int4' = 'int8') => {
    using device = await createCpuDevice({ tier: 'wasm' });
    return device.compile(changed, source, { precision, maxBatch: 1 });
  };
  const withQuantization = (change: object, bits = 8) =>
    weightSourceOf(
      quantized(tensors, bits, true, 1).map((tensor) =>
        tensor.quantization ? { ...tensor, quantization: { ...tensor.quantization, ...change } } : tensor,
      ),
    );

  it('refuse a layer whose input range is not known, by name', async () => {
    const [layer] = graph.layers;
    const changed = { ...graph, layers: [{ ...layer!, inputQuantization: null }] } as ModelGraph;
    await expect(compile(weights, changed)).rejects.toThrow(/"dense 1".*inputQuantization/);
  });

  it('refuse 8-bit codes at int4', async () => {
    await expect(compile(withQuantization({}), graph, 'int4')).rejects.toThrow(UnsupportedError);
    await expect(compile(withQuantization({}, 4), graph, 'int4')).resolves.toBeDefined();
  });

  it('refuse asymmetric codes, scales along the inputs, and scales that are none', async () => {
    await expect(compile(withQuantization({ symmetric: false }))).rejects.toThrow(/asymmetric/);
    await expect(compile(withQuantization({ axis: 0 }))).rejects.toThrow(/axis 0/);
    await expect(compile(withQuantization({ scales: new Float32Array(3).fill(1) }))).rejects.toThrow(
      /4 scales/,
    );
    const scales = Float32Array.from([1, 1, Number.NaN, 1]);
    await expect(compile(withQuantization({ scales }))).rejects.toThrow(
      /Scale 2 of the weight "dense 1\/kernel"/,
    );
  });

  it('refuse codes beyond their bits', async () => {
    const source = weightSourceOf(
      quantized(tensors, 4, true, 1).map((tensor) => {
        if (tensor.quantization) tensor.data[3] = 8;
        return tensor;
      }),
    );
    await expect(compile(source, graph, 'int4')).rejects.toThrow(/Code 3 of the weight "dense 1\/kernel"/);
  });

  it('refuse a sum that could leave 32 bits', async () => {
    const deep = randomModel({ sizes: [MAX_INTEGER_DEPTH + 1, 1], seed: 1 });
    await expect(compile(deep.weights, deep.graph)).rejects.toThrow(/"dense 1".*overflow/);
  });

  it('refuse scales whose product leaves float32', async () => {
    const scales = Float32Array.from([1, 1e-38, 1, 1]);
    const [layer] = graph.layers;
    const tiny = { scale: 1e-30, zeroPoint: 0 };
    const changed = { ...graph, layers: [{ ...layer!, inputQuantization: tiny }] } as ModelGraph;
    await expect(compile(withQuantization({ scales }), changed)).rejects.toThrow(/at unit 1/);
  });
});
