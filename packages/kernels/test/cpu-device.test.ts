import './relaxed-simd.ts';
import { detectWasmFeatures, type Isa, MAX_INTEGER_DEPTH } from '@qedge/codegen';
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
import { createCpuDevice as createPortableDevice } from '../src/index.ts';
import { createCpuDevice } from '../src/node.ts';
import { randomInput, randomModel, runReference, weightSourceOf } from '../src/testing/index.ts';
import { presentIsas } from './present-ways.ts';

describe('createCpuDevice', () => {
  const kept = { ...process.env };
  afterEach(() => {
    for (const name of ['QEDGE_ISA', 'QEDGE_NATIVE']) {
      if (kept[name] === undefined) delete process.env[name];
      else process.env[name] = kept[name];
    }
  });

  it.each([
    ['@qedge/kernels', createPortableDevice],
    ['@qedge/kernels/node', createCpuDevice],
  ])('of %s follows QEDGE_ISA, and an explicit isa before it', async (_entry, create) => {
    process.env.QEDGE_ISA = 'interpreter';
    using interpreter = await create();
    expect(interpreter.name).toBe('cpu (interpreter)');
    using explicit = await create({ isa: 'wasm-strict' });
    expect(explicit).toMatchObject({ kind: 'cpu', name: 'cpu (wasm SIMD)', fallbacks: [] });
    process.env.QEDGE_ISA = 'nonsense';
    await expect(create()).rejects.toThrow(/wasm-strict/);
  });

  it('uses relaxed SIMD where the host has it, in the entry without machine code', async () => {
    delete process.env.QEDGE_ISA;
    using device = await createPortableDevice();
    expect(detectWasmFeatures().relaxedSimd).toBe(true);
    expect(device).toMatchObject({ kind: 'cpu', name: 'cpu (wasm relaxed SIMD)', fallbacks: [] });
    expect(device.precisions).toEqual(['float32', 'int8', 'int4']);
    await expect(createPortableDevice({ isa: 'avx2' })).rejects.toThrow(CapabilityUnavailableError);
  });

  it('says in Node why it does not run machine code', async () => {
    delete process.env.QEDGE_ISA;
    process.env.QEDGE_NATIVE = '0';
    using device = await createCpuDevice();
    expect(device.name).toBe('cpu (wasm relaxed SIMD)');
    expect(device.fallbacks.map(({ from }) => from)).toEqual(['avx512', 'avx2']);
    for (const { to, why } of device.fallbacks) {
      expect(to).toBe('wasm');
      expect(why).toContain('QEDGE_NATIVE=0');
    }
  });

  it('refuses impossible threads, and says when there are fewer than were asked for', async () => {
    await expect(createCpuDevice({ threads: 0 })).rejects.toThrow(InvalidArgumentError);
    await expect(createCpuDevice({ threads: 1.5 })).rejects.toThrow(InvalidArgumentError);
    using alone = await createCpuDevice({ isa: 'interpreter', threads: 2 });
    expect(alone.name).toBe('cpu (interpreter)');
    expect(alone.fallbacks).toEqual([
      { from: 'shared memory', to: 'private memory', why: expect.any(String) },
      { from: '2 threads', to: 'one thread', why: expect.stringContaining('shared memory') },
    ]);
    using shared = await createCpuDevice({ isa: 'wasm-strict', threads: 2 });
    expect(shared).toMatchObject({ name: 'cpu (wasm SIMD, 2 threads)', fallbacks: [] });
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
  isa: Isa,
  graph: ModelGraph,
  tensors: readonly StoredTensor[],
  precision: 'float32' | 'int8' | 'int4',
  input: Float32Array,
  batch: number,
): Promise<Float32Array> {
  using device = await createCpuDevice({ isa });
  using model = await device.compile(graph, weightSourceOf(tensors), { precision, maxBatch: batch });
  const output = new Float32Array(batch * graph.outputShape[0]!).fill(Number.NaN);
  model.run(input, output, batch);
  return output;
}

describe.each(presentIsas())('models on %s', (isa) => {
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
          expect(await runWith(isa, graph, coded, precision, input, batch)).toEqual(expected);
        }
      }),
      { seed: 1, numRuns: isa === 'interpreter' ? 8 : 20 },
    );
  });

  it('give the same bits for 4-bit codes at int8 and at int4', async () => {
    const { graph, tensors } = randomModel({ sizes: [30, 20, 10], seed: 3 });
    const coded = quantized(tensors, 4, true, 3);
    const input = randomInput(30, 5, 3);
    const wide = await runWith(isa, graph, coded, 'int8', input, 5);
    expect(await runWith(isa, graph, coded, 'int4', input, 5)).toEqual(wide);
  });

  it('give a sample the same bits alone and in any batch', async () => {
    const { graph, tensors } = randomModel({ sizes: [37, 23, 11], seed: 4 });
    const input = randomInput(37, 32, 4);
    for (const precision of ['float32', 'int8', 'int4'] as const) {
      const together = await runWith(isa, graph, tensors, precision, input, 32);
      for (const sample of [0, 13, 31]) {
        const alone = input.subarray(sample * 37, (sample + 1) * 37);
        const output = await runWith(isa, graph, tensors, precision, alone, 1);
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
      const output = await runWith(isa, graph, tensors, 'float32', new Float32Array(9).fill(0), 1);
      expect([...output].every((value) => value === 0)).toBe(true);
      const coded = await runWith(isa, graph, tensors, 'int8', new Float32Array(9).fill(0), 1);
      expect([...coded].every((value) => value === 0)).toBe(true);
    }
  });

  it('treat NaN in an input as 0 at integer precisions and pass it on at float32', async () => {
    const { graph, tensors } = randomModel({ sizes: [5, 3], seed: 5 });
    const input = Float32Array.from([1, Number.NaN, 2, 3, 4]);
    const zeroed = Float32Array.from([1, 0, 2, 3, 4]);
    expect(await runWith(isa, graph, tensors, 'int8', input, 1)).toEqual(
      await runWith(isa, graph, tensors, 'int8', zeroed, 1),
    );
    expect([...(await runWith(isa, graph, tensors, 'float32', input, 1))]).toEqual([NaN, NaN, NaN]);
  });
});

describe('models in strict arithmetic', () => {
  it.each(presentIsas().filter((isa) => isa !== 'wasm' && isa !== 'wasm-256'))(
    'give the bits of the reference on float32 too, on %s',
    async (isa) => {
      const { graph, weights } = randomModel({ sizes: [100, 50, 10], seed: 6 });
      const input = randomInput(100, 7, 6);
      const expected = runReference(graph, weights, input, 7, 'float32');
      using device = await createCpuDevice({ isa, strict: true });
      using model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 7 });
      const output = new Float32Array(70);
      model.run(input, output, 7);
      expect(output).toEqual(expected);
    },
  );

  it('decode stored codes when they run at float32', async () => {
    const { graph, tensors } = randomModel({ sizes: [8, 4], seed: 7 });
    const coded = quantized(tensors, 8, true, 7);
    const decoded = coded.map(({ quantization, ...tensor }): StoredTensor => {
      if (!quantization) return tensor;
      const data = Float32Array.from(tensor.data, (code, i) => code * quantization.scales[i % 4]!);
      return { ...tensor, dtype: 'float32', data };
    });
    const input = randomInput(8, 2, 7);
    expect(await runWith('wasm-strict', graph, coded, 'float32', input, 2)).toEqual(
      await runWith('wasm-strict', graph, decoded, 'float32', input, 2),
    );
  });

  it('stay close to float32 when they run at int8', async () => {
    const { graph, tensors } = randomModel({ sizes: [64, 32, 10], seed: 8 });
    const input = randomInput(64, 16, 8).map((value) => Math.max(-4, Math.min(3.9, value)));
    const wide = await runWith('wasm-strict', graph, tensors, 'float32', input, 16);
    const narrow = await runWith('wasm-strict', graph, tensors, 'int8', input, 16);
    // Input steps of 8/255 and 127 weight levels: root-mean-square errors of about 1 % per layer are expected.
    const error = Math.sqrt(wide.reduce((sum, value, i) => sum + (value - narrow[i]!) ** 2, 0));
    const norm = Math.sqrt(wide.reduce((sum, value) => sum + value ** 2, 0));
    expect(error / norm).toBeGreaterThan(1e-4);
    expect(error / norm).toBeLessThan(0.03);
  });

  it('account for every byte: four, one and half a byte per weight', async () => {
    const { graph, weights } = randomModel({ sizes: [64, 64], seed: 9, bias: false });
    using device = await createCpuDevice({ isa: 'wasm-strict' });
    const bytes: number[] = [];
    for (const precision of ['float32', 'int8', 'int4'] as const) {
      using model = await device.compile(graph, weights, { precision, maxBatch: 2 });
      bytes.push(model.memory.weightBytes);
      expect(model.memory.bufferBytes).toBeGreaterThanOrEqual(2 * 64 * 4);
    }
    // At integer precisions a scale and a start value per column come on top, and panels end at multiples of 64 bytes.
    const least = [64 * 64 * 4, 64 * 64 + 2 * 64 * 4, 64 * 32 + 2 * 64 * 4];
    bytes.forEach((actual, index) => {
      expect(actual).toBeGreaterThanOrEqual(least[index]!);
      expect(actual).toBeLessThan(least[index]! * 1.1);
    });
  });
});

describe('integer precisions', () => {
  const { graph, tensors, weights } = randomModel({ sizes: [6, 4], seed: 10 });
  const compile = async (source = weights, changed = graph, precision: 'int8' | 'int4' = 'int8') => {
    using device = await createCpuDevice({ isa: 'wasm-strict' });
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
