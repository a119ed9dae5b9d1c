import {
  FileFormatError,
  InvalidArgumentError,
  NonFiniteValueError,
  Random,
  ShapeMismatchError,
  type StoredTensor,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel, LazyModel } from '../src/index.ts';
import { anyTensor } from './any-tensor.ts';
import { floatWeights, perceptronGraph, quantizedWeights } from './model-content.ts';

const graph = perceptronGraph([6, 4, 3]);
const tensors = [...floatWeights(graph, 1)];

const expectEqualTensors = (model: LazyModel, expected: readonly StoredTensor[]) => {
  expect(model.names()).toEqual(expected.map((tensor) => tensor.name));
  for (const tensor of expected) expect(model.load(tensor.name)).toEqual(tensor);
};

describe('encodeModel and LazyModel', () => {
  it('give back every dtype, width, sparsity and quantisation exactly', () => {
    fc.assert(
      fc.property(anyTensor('a'), anyTensor('b'), fc.nat(7), (a, b, shift) => {
        const bytes = encodeModel({ graph, tensors: [a, ...tensors, b], metadata: { seed: 1 } });
        // Once aligned and once at any address: views where possible, copies elsewhere, equal numbers always.
        const moved = new Uint8Array(bytes.length + shift).subarray(shift);
        moved.set(bytes);
        for (const place of [bytes, moved]) {
          using model = LazyModel.fromBytes(place);
          expect(model.graph).toEqual(graph);
          expect(model.metadata).toEqual({ seed: 1 });
          expectEqualTensors(model, [a, ...tensors, b]);
        }
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it('write equal bytes for equal content', () => {
    const weights = quantizedWeights(graph, { seed: 3, bits: 4, sparsity: 0.5 });
    expect(encodeModel({ graph, tensors: weights })).toEqual(encodeModel({ graph, tensors: weights }));
  });

  it('write a digit classifier at 90 % sparsity and int4 at least 21 times smaller than float32', () => {
    const digits = perceptronGraph([784, 256, 128, 10]);
    const weights = quantizedWeights(digits, { seed: 1, bits: 4, sparsity: 0.9 });
    const bytes = encodeModel({ graph: digits, tensors: weights });
    // Bitmaps 29 344 + codes 11 738 + biases 1 576 bytes; the rest, at most 2 KiB, is prefix, header and padding.
    expect(bytes.length).toBeGreaterThan(29_344 + 11_738 + 1576);
    expect(bytes.length).toBeLessThan(29_344 + 11_738 + 1576 + 2048);
    expect(940_584 / bytes.length).toBeGreaterThan(21);
    using model = LazyModel.fromBytes(bytes);
    expectEqualTensors(model, weights);
  });

  it('choose the smallest encoding by itself', () => {
    const encodingAt = (sparsity: number, bits: number) => {
      const weights = quantizedWeights(perceptronGraph([64, 64]), { seed: 1, bits, sparsity });
      using model = LazyModel.fromBytes(encodeModel({ graph: perceptronGraph([64, 64]), tensors: weights }));
      return model.residency().map((tensor) => tensor.encoding);
    };
    // A bitmap costs 1 bit per element and saves `bits` per zero: it pays from a sparsity of 1/bits on.
    expect(encodingAt(0.2, 4)).toEqual(['packed-codes', 'raw']);
    expect(encodingAt(0.3, 4)).toEqual(['sparse-codes', 'raw']);
    expect(encodingAt(0.3, 2)).toEqual(['packed-codes', 'raw']);
    expect(encodingAt(0.15, 8)).toEqual(['sparse-codes', 'raw']);
  });

  it('write the bytes that FORMAT.md describes', () => {
    const codes: StoredTensor = {
      name: 'codes',
      dtype: 'int8',
      shape: [5],
      data: Int8Array.of(1, -1, 3, -3, 2),
      quantization: {
        bits: 3,
        symmetric: true,
        scales: Float32Array.of(0.5),
        zeroPoints: new Int32Array(1),
        axis: null,
      },
    };
    const bytes = encodeModel({ graph, tensors: [codes, ...tensors] });
    const view = new DataView(bytes.buffer);
    expect([...bytes.subarray(0, 8)]).toEqual([0x89, 0x51, 0x45, 0x5a, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect(view.getUint32(8, true)).toBe(2);
    const jsonLength = view.getUint32(12, true);
    expect(view.getBigUint64(16, true)).toBe(BigInt(bytes.length));
    expect(view.getUint32(24, true)).toBe(4);
    expect(view.getFloat32(32 + jsonLength, true)).toBe(0.5);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(32, 32 + jsonLength)));
    expect(header.tensors[0]).toMatchObject({ offset: 0, byteLength: 2, encoding: 'packed-codes' });
    const area = Math.ceil((32 + jsonLength + 4) / 64) * 64;
    // 001, 111, 011, 101, 010 from the least significant bit up: 11_111_001 and 0_010_101_0.
    expect([...bytes.subarray(area, area + 2)]).toEqual([0b11_111_001, 0b0_010_101_0]);
  });
});

describe('LazyModel', () => {
  it('loads lazily, tells what is resident and forgets on request', () => {
    const weights = quantizedWeights(graph, { seed: 3, bits: 4, sparsity: 0.5 });
    using model = LazyModel.fromBytes(encodeModel({ graph, tensors: weights }));
    expect(model.loading).toBe('copied');
    expect(model.fallbacks).toEqual([]);
    expect(model.residency().some((tensor) => tensor.loaded)).toBe(false);
    const kernel = model.load('dense0/kernel');
    expect(model.load('dense0/kernel')).toBe(kernel);
    model.load('dense0/bias');
    const [first, second, third] = model.residency();
    expect(first).toMatchObject({ name: 'dense0/kernel', loaded: true, residentBytes: 24 });
    // A raw tensor of aligned bytes is a view and costs nothing.
    expect(second).toMatchObject({ name: 'dense0/bias', loaded: true, residentBytes: 0 });
    expect(third).toMatchObject({ loaded: false, residentBytes: 0 });
    model.evict('dense0/kernel');
    expect(model.residency()[0]!.loaded).toBe(false);
    expect(model.load('dense0/kernel')).not.toBe(kernel);
    model.evict();
    expect(model.residency().some((tensor) => tensor.loaded)).toBe(false);
  });

  it('describes tensors, with their scales, before they are loaded', () => {
    const weights = quantizedWeights(graph, { seed: 3, bits: 4, sparsity: 0.5 });
    using model = LazyModel.fromBytes(encodeModel({ graph, tensors: weights }));
    const { name, dtype, shape, quantization } = weights[0]!;
    expect(model.spec(name)).toEqual({ name, dtype, shape, quantization });
    expect(model.spec('dense0/bias')).toEqual({ name: 'dense0/bias', dtype: 'float32', shape: [4] });
    expect(model.has('dense0/bias')).toBe(true);
    expect(model.has('toString')).toBe(false);
    expect(() => model.spec('other')).toThrow(InvalidArgumentError);
    expect(() => model.load('other')).toThrow(/dense0\/kernel/);
    expect(() => model.evict('other')).toThrow(InvalidArgumentError);
  });

  it('refuses to load after it was disposed, but keeps loaded tensors valid', () => {
    const model = LazyModel.fromBytes(encodeModel({ graph, tensors }));
    const kernel = model.load('dense0/kernel');
    model.dispose();
    model.dispose();
    expect(() => model.load('dense0/kernel')).toThrow(UseAfterReleaseError);
    expect(kernel.data).toEqual(tensors[0]!.data);
  });
});

describe('encodeModel refuses', () => {
  const codes = (data: Int8Array, quantization: object): StoredTensor[] => [
    {
      name: 'codes',
      dtype: 'int8',
      shape: [data.length],
      data,
      quantization: {
        bits: 4,
        symmetric: true,
        scales: Float32Array.of(1),
        zeroPoints: new Int32Array(1),
        axis: null,
        ...quantization,
      },
    },
    ...tensors,
  ];
  const withFirst = (change: object): StoredTensor[] => [{ ...tensors[0]!, ...change }, ...tensors.slice(1)];

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a weight of %d, naming tensor and index',
    (value) => {
      const data = new Float32Array(24);
      data[17] = value;
      expect(() => encodeModel({ graph, tensors: withFirst({ data }) })).toThrow(NonFiniteValueError);
      expect(() => encodeModel({ graph, tensors: withFirst({ data }) })).toThrow(/dense0\/kernel.*index 17/);
    },
  );

  it.each([
    ['float16', 0x7c00],
    ['float16', 0xfe00],
    ['bfloat16', 0x7f80],
  ])('%s bits %i, which are not finite', (dtype, bits) => {
    const half = { name: 'half', dtype, shape: [2], data: Uint16Array.of(0, bits) } as StoredTensor;
    expect(() => encodeModel({ graph, tensors: [half, ...tensors] })).toThrow(NonFiniteValueError);
  });

  it.each<[string, StoredTensor[], new (...args: never[]) => Error]>([
    ['a length that does not fit the shape', withFirst({ data: new Float32Array(23) }), ShapeMismatchError],
    ['a shape that does not fit the graph', withFirst({ shape: [4, 6] }), ShapeMismatchError],
    ['a missing weight', tensors.slice(1), ShapeMismatchError],
    [
      'data of another type than the dtype says',
      withFirst({ data: new Float64Array(24) }),
      InvalidArgumentError,
    ],
    ['an unknown dtype', withFirst({ dtype: 'int3' }), InvalidArgumentError],
    ['a negative size', withFirst({ shape: [-6, -4] }), InvalidArgumentError],
    ['an empty name', withFirst({ name: '' }), InvalidArgumentError],
    ['two tensors of one name', [...tensors, tensors[0]!], InvalidArgumentError],
    ['negative bits', codes(Int8Array.of(1), { bits: -4 }), InvalidArgumentError],
    ['9 bits', codes(Int8Array.of(1), { bits: 9 }), InvalidArgumentError],
    ['2.5 bits', codes(Int8Array.of(1), { bits: 2.5 }), InvalidArgumentError],
    ['the asymmetric code -8 among symmetric 4-bit codes', codes(Int8Array.of(-8), {}), InvalidArgumentError],
    ['a 4-bit code of 8', codes(Int8Array.of(8), { symmetric: false }), InvalidArgumentError],
    ['a scale of 0', codes(Int8Array.of(1), { scales: Float32Array.of(0) }), InvalidArgumentError],
    ['a scale of NaN', codes(Int8Array.of(1), { scales: Float32Array.of(Number.NaN) }), InvalidArgumentError],
    ['too many scales', codes(Int8Array.of(1), { scales: Float32Array.of(1, 1) }), InvalidArgumentError],
    // Bytes of another width would make a file that says something else.
    ['scales as plain numbers', codes(Int8Array.of(1), { scales: [1] as never }), InvalidArgumentError],
    [
      'scales of 64 bits',
      codes(Int8Array.of(1), { scales: Float64Array.of(1) as never }),
      InvalidArgumentError,
    ],
    [
      'zero points as floats',
      codes(Int8Array.of(1), { zeroPoints: Float32Array.of(0) as never }),
      InvalidArgumentError,
    ],
    ['an axis that is not there', codes(Int8Array.of(1), { axis: 1 }), InvalidArgumentError],
    ['symmetric zero points', codes(Int8Array.of(1), { zeroPoints: Int32Array.of(1) }), InvalidArgumentError],
    [
      'floats with quantisation',
      withFirst({ quantization: codes(Int8Array.of(1), {})[0]!.quantization }),
      InvalidArgumentError,
    ],
  ])('%s', (_, list, kind) => {
    expect(() => encodeModel({ graph, tensors: list })).toThrow(kind);
  });

  it('metadata that contains itself', () => {
    const circular: { below?: unknown } = {};
    circular.below = [circular];
    expect(() => encodeModel({ graph, tensors, metadata: circular })).toThrow(
      /^metadata\.below\[0\] contains itself/,
    );
  });

  it('metadata that JSON would change', () => {
    for (const value of [Number.NaN, () => 1, 1n, new Float32Array(1), new Map(), new Date(0)]) {
      expect(() => encodeModel({ graph, tensors, metadata: { value } })).toThrow(InvalidArgumentError);
    }
  });

  it('an unknown kind of layer, by name', () => {
    const layers = [{ kind: 'convolution', name: 'c1' }];
    const strange = { ...graph, layers } as unknown as typeof graph;
    expect(() => encodeModel({ graph: strange, tensors })).toThrow(UnsupportedError);
    expect(() => encodeModel({ graph: strange, tensors })).toThrow(/c1/);
  });
});

describe('a damaged file', () => {
  const weights = quantizedWeights(graph, { seed: 5, bits: 4, sparsity: 0.7 });
  const good = encodeModel({ graph, tensors: [...weights, { ...tensors[0]!, name: 'extra' }] });
  const readAll = (bytes: Uint8Array) => {
    using model = LazyModel.fromBytes(bytes);
    return {
      graph: model.graph,
      metadata: model.metadata,
      tensors: model.names().map((name) => model.load(name)),
    };
  };
  const original = readAll(good);

  it('is told from a foreign one by its magic number', () => {
    expect(() => readAll(new TextEncoder().encode('PK\x03\x04 not a model at all, really'))).toThrow(
      /wrong magic number: expected 89 51 45 5a 0d 0a 1a 0a, got 50 4b 03 04/,
    );
    expect(() => readAll(new Uint8Array())).toThrow(/an empty file/);
  });

  it('says how many bytes are missing, wherever it was cut', () => {
    for (let length = 1; length < good.length; length++) {
      expect(() => readAll(good.slice(0, length))).toThrow(FileFormatError);
      if (length >= 32) {
        expect(() => readAll(good.slice(0, length))).toThrow(`${good.length - length} bytes are missing`);
      }
    }
  });

  it('is refused with bytes after its end', () => {
    const longer = new Uint8Array(good.length + 3);
    longer.set(good);
    expect(() => readAll(longer)).toThrow(/bytes after its end/);
  });

  it('is refused when a newer version wrote it', () => {
    const newer = good.slice();
    newer[8] = 4;
    expect(() => readAll(newer)).toThrow(/version: expected 1, 2 or 3, got 4. Update/);
  });

  it('never gives wrong numbers: a single flipped bit anywhere is found, or lies in padding', () => {
    let unnoticed = 0;
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at]! ^= 1 << (at % 8);
      try {
        expect(readAll(bytes)).toEqual(original);
        unnoticed++;
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
      }
    }
    // At most 63 bytes before the payload area and 7 before each of 5 payloads are padding.
    expect(unnoticed).toBeLessThanOrEqual(63 + 5 * 7);
  });

  it('never crashes, hangs or gives wrong numbers under random flips, cuts and insertions', () => {
    const random = new Random(11);
    for (let round = 0; round < 1500; round++) {
      let bytes = good.slice();
      for (let flips = random.integer(8); flips >= 0; flips--)
        bytes[random.integer(bytes.length)] = random.integer(256);
      if (random.uniform() < 0.3) bytes = bytes.slice(0, random.integer(bytes.length));
      if (random.uniform() < 0.2)
        bytes = new Uint8Array([...bytes, ...bytes.subarray(0, random.integer(64))]);
      try {
        expect(readAll(bytes)).toEqual(original);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
      }
    }
  });
});
