import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  borrowTensor,
  type DType,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  ShapeMismatchError,
  type StoredTensor,
  type TensorData,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, SafetensorsFile } from '../src/index.ts';
import { openSafetensors, saveSafetensors } from '../src/node.ts';
import { fileOf } from './safetensors-bytes.ts';

const directory = mkdtempSync(join(tmpdir(), 'qedge-safetensors-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const oneTensor = (
  dtype: string,
  shape: readonly number[],
  data: ArrayLike<number> & { buffer: ArrayBufferLike },
) => {
  const bytes = new Uint8Array(data.buffer);
  return SafetensorsFile.fromBytes(fileOf({ x: { dtype, shape, data_offsets: [0, bytes.length] } }, bytes));
};

describe('SafetensorsFile', () => {
  it('reads the example of the specification', () => {
    const file = SafetensorsFile.fromBytes(
      fileOf(
        {
          __metadata__: { format: 'pt' },
          b: { dtype: 'F16', shape: [1, 2], data_offsets: [4, 8] },
          a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] },
        },
        Uint8Array.of(1, 2, 3, 4, 0, 0x3c, 0, 0xbc),
      ),
    );
    expect(file.names()).toEqual(['a', 'b']);
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.has('a')).toBe(true);
    expect(file.has('__metadata__')).toBe(false);
    expect(file.spec('b')).toEqual({ name: 'b', dtype: 'float16', shape: [1, 2] });
    expect(file.load('a')).toEqual({
      name: 'a',
      dtype: 'uint8',
      shape: [4],
      data: Uint8Array.of(1, 2, 3, 4),
    });
    expect(file.load('b').data).toEqual(Uint16Array.of(0x3c00, 0xbc00));
  });

  it('reads files without tensors, scalars, empty tensors, and padded headers', () => {
    expect(SafetensorsFile.fromBytes(fileOf('{}')).names()).toEqual([]);
    expect(SafetensorsFile.fromBytes(fileOf('{}      \n')).names()).toEqual([]);
    const file = SafetensorsFile.fromBytes(
      fileOf(
        {
          empty: { dtype: 'F32', shape: [3, 0, 2], data_offsets: [0, 0] },
          scalar: { dtype: 'F64', shape: [], data_offsets: [0, 8] },
          last: { dtype: 'I8', shape: [0], data_offsets: [8, 8] },
        },
        new Uint8Array(Float64Array.of(-0).buffer),
      ),
    );
    expect(file.load('empty').data).toEqual(new Float32Array(0));
    expect(file.load('scalar').data[0]).toBe(-0);
    expect(file.load('last').data).toEqual(new Int8Array(0));
  });

  it.each<[string, TensorData | BigInt64Array | BigUint64Array | Uint32Array, DType, TensorData]>([
    ['F64', Float64Array.of(Math.PI, Number.NaN), 'float64', Float64Array.of(Math.PI, Number.NaN)],
    ['F32', Float32Array.of(1.5, -0), 'float32', Float32Array.of(1.5, -0)],
    ['BF16', Uint16Array.of(0x3f80), 'bfloat16', Uint16Array.of(0x3f80)],
    ['I32', Int32Array.of(-7), 'int32', Int32Array.of(-7)],
    ['I16', Int16Array.of(-7, 7), 'int16', Int16Array.of(-7, 7)],
    ['I8', Int8Array.of(-7), 'int8', Int8Array.of(-7)],
    ['U8', Uint8Array.of(200), 'uint8', Uint8Array.of(200)],
    ['BOOL', Uint8Array.of(0, 1, 2), 'int32', Int32Array.of(0, 1, 1)],
    ['U16', Uint16Array.of(0, 65_535), 'int32', Int32Array.of(0, 65_535)],
    ['U32', Uint32Array.of(0, 2 ** 31 - 1), 'int32', Int32Array.of(0, 2 ** 31 - 1)],
    [
      'I64',
      BigInt64Array.of(-1n, 2n ** 31n - 1n, -(2n ** 31n)),
      'int32',
      Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31)),
    ],
    ['U64', BigUint64Array.of(5n, 2n ** 31n - 1n), 'int32', Int32Array.of(5, 2 ** 31 - 1)],
  ])('loads %s', (stored, data, dtype, expected) => {
    const file = oneTensor(stored, [data.length], data as never);
    expect(file.spec('x').dtype).toBe(dtype);
    expect(file.load('x').data).toEqual(expected);
    expect(file.borrow('x', (tensor) => Array.from(tensor.data))).toEqual(Array.from(expected));
    expect(file.entry('x')).toMatchObject({ storedDType: stored, byteLength: data.byteLength });
  });

  it.each<[string, BigInt64Array | BigUint64Array | Uint32Array, string]>([
    ['U32', Uint32Array.of(0, 2 ** 31), '2147483648'],
    ['I64', BigInt64Array.of(0n, 2n ** 31n), '2147483648'],
    ['I64', BigInt64Array.of(0n, -(2n ** 31n) - 1n), '-2147483649'],
    ['I64', BigInt64Array.of(0n, 2n ** 32n), '4294967296'],
    ['U64', BigUint64Array.of(0n, 2n ** 64n - 1n), '18446744073709551615'],
    ['U64', BigUint64Array.of(0n, 2n ** 31n), '2147483648'],
  ])('refuses to load %s that int32 does not hold', (stored, data, actual) => {
    const file = oneTensor(stored, [2], data as never);
    expect(() => file.load('x')).toThrow(FileFormatError);
    expect(() => file.load('x')).toThrow(
      `index 1 that int32 does not hold: expected integers within 32 bits, signed, got ${actual}`,
    );
  });

  // Codes and values from the tables of the OCP specification (E5M2, E4M3, E8M0) and of arXiv:2206.02915 (FNUZ).
  it.each<[string, readonly (readonly [number, number])[]]>([
    [
      'F8_E5M2',
      [
        [0x00, 0],
        [0x80, -0],
        [0x01, 2 ** -16],
        [0x03, 3 * 2 ** -16],
        [0x04, 2 ** -14],
        [0x3c, 1],
        [0x7b, 57_344],
        [0x7c, Number.POSITIVE_INFINITY],
        [0xfc, Number.NEGATIVE_INFINITY],
        [0x7d, Number.NaN],
        [0xff, Number.NaN],
      ],
    ],
    [
      'F8_E4M3',
      [
        [0x80, -0],
        [0x01, 2 ** -9],
        [0x07, 7 * 2 ** -9],
        [0x08, 2 ** -6],
        [0x38, 1],
        [0xb8, -1],
        [0x7e, 448],
        [0x7f, Number.NaN],
        [0xff, Number.NaN],
      ],
    ],
    [
      'F8_E8M0',
      [
        [0, 2 ** -127],
        [127, 1],
        [254, 2 ** 127],
        [255, Number.NaN],
      ],
    ],
    [
      'F8_E5M2FNUZ',
      [
        [0x00, 0],
        [0x80, Number.NaN],
        [0x01, 2 ** -17],
        [0x40, 1],
        [0x7f, 57_344],
        [0xff, -57_344],
      ],
    ],
    [
      'F8_E4M3FNUZ',
      [
        [0x80, Number.NaN],
        [0x01, 2 ** -10],
        [0x40, 1],
        [0x7f, 240],
        [0xff, -240],
      ],
    ],
  ])('loads %s as float32, exactly', (stored, table) => {
    const file = oneTensor(
      stored,
      [table.length],
      Uint8Array.from(table, ([code]) => code),
    );
    expect(file.spec('x').dtype).toBe('float32');
    expect(Array.from(file.load('x').data)).toEqual(table.map(([, value]) => value));
  });

  it.each(['F4', 'F6_E2M3', 'C64', 'Q17'])(
    'refuses %s by name, and only when such a tensor is asked for',
    (stored) => {
      const byteLength = { F4: 4, F6_E2M3: 6, C64: 64, Q17: 17 }[stored]!;
      const file = SafetensorsFile.fromBytes(
        fileOf(
          {
            x: { dtype: stored, shape: [8], data_offsets: [1, 1 + byteLength] },
            y: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
          },
          new Uint8Array(1 + byteLength),
        ),
      );
      expect(file.names()).toEqual(['y', 'x']);
      expect(file.load('y').data).toEqual(new Uint8Array(1));
      for (const ask of [() => file.load('x'), () => file.spec('x'), () => file.borrow('x', () => 0)]) {
        expect(ask).toThrow(UnsupportedError);
        expect(ask).toThrow(`got ${stored}`);
      }
      expect(file.entry('x')).toMatchObject({ storedDType: stored, shape: [8] });
    },
  );

  it('gives views of bytes in memory where they are aligned, and copies elsewhere', () => {
    const bytes = encodeSafetensors({
      tensors: [{ name: 'x', dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) }],
    });
    expect(SafetensorsFile.fromBytes(bytes).load('x').data.buffer).toBe(bytes.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const { data } = SafetensorsFile.fromBytes(shifted.subarray(1)).load('x');
    expect(data.buffer).not.toBe(shifted.buffer);
    expect(data).toEqual(Float32Array.of(1, 2, 3));
    const view = SafetensorsFile.fromBytes(Buffer.from(shifted.buffer, 1));
    expect(view.load('x').data).toEqual(Float32Array.of(1, 2, 3));
  });

  it('names a tensor that is not there, and refuses use after dispose', () => {
    const file = oneTensor('U8', [1], new Uint8Array(1));
    expect(() => file.load('z')).toThrow(InvalidArgumentError);
    expect(() => file.load('toString')).toThrow(/expected one of x, got toString/);
    file.dispose();
    expect(() => file.load('x')).toThrow(UseAfterReleaseError);
    expect(() => SafetensorsFile.fromBytes('x' as never)).toThrow(InvalidArgumentError);
  });
});

const dataOf: Readonly<Record<string, (bytes: ArrayBuffer) => TensorData>> = {
  float64: (bytes) => new Float64Array(bytes),
  float32: (bytes) => new Float32Array(bytes),
  float16: (bytes) => new Uint16Array(bytes),
  bfloat16: (bytes) => new Uint16Array(bytes),
  int32: (bytes) => new Int32Array(bytes),
  int16: (bytes) => new Int16Array(bytes),
  int8: (bytes) => new Int8Array(bytes),
  uint8: (bytes) => new Uint8Array(bytes),
};
const anyTensors = fc
  .uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      dtype: fc.constantFrom(...(Object.keys(dataOf) as DType[])),
      shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
      seed: fc.nat(255),
    }),
    { selector: ({ name }) => name, maxLength: 8 },
  )
  .map((drafts) =>
    drafts.map(({ name, dtype, shape, seed }): StoredTensor => {
      const count = shape.reduce((product, size) => product * size, 1);
      const width = dataOf[dtype]!(new ArrayBuffer(8)).BYTES_PER_ELEMENT;
      const bytes = Uint8Array.from({ length: count * width }, (_, i) => (i * 37 + seed) & 255);
      return { name, dtype, shape, data: dataOf[dtype]!(bytes.buffer) };
    }),
  );

describe('encodeSafetensors', () => {
  it('writes what the reader reads, aligned, whatever the tensors', () => {
    fc.assert(
      fc.property(anyTensors, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const bytes = encodeSafetensors({ tensors, metadata });
        const file = SafetensorsFile.fromBytes(bytes);
        expect(file.metadata).toEqual(metadata);
        expect([...file.names()].sort()).toEqual(tensors.map(({ name }) => name).sort());
        for (const tensor of tensors) {
          const loaded = file.load(tensor.name);
          expect({ ...loaded, data: null }).toEqual({ ...tensor, data: null });
          const { data } = loaded;
          expect(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).toEqual(
            new Uint8Array(tensor.data.buffer),
          );
          expect(file.entry(tensor.name).fileOffset % data.BYTES_PER_ELEMENT).toBe(0);
        }
        expect((8n + new DataView(bytes.buffer).getBigUint64(0, true)) % 64n).toBe(0n);
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  const good: StoredTensor = { name: 'x', dtype: 'float32', shape: [2], data: new Float32Array(2) };
  it.each<[string, readonly Partial<StoredTensor>[], new (message: string) => Error, RegExp]>([
    ['no name', [{ name: '' }], InvalidArgumentError, /impossible name/],
    ['a reserved name', [{ name: '__metadata__' }], InvalidArgumentError, /impossible name/],
    ['half a character', [{ name: '\ud800' }], InvalidArgumentError, /impossible name/],
    ['a name twice', [{}, {}], InvalidArgumentError, /Two tensors/],
    ['4-bit codes', [{ dtype: 'int4' }], UnsupportedError, /got int4/],
    ['an unknown dtype', [{ dtype: 'int5' as DType }], UnsupportedError, /got int5/],
    [
      'data of another kind',
      [{ data: new Float64Array(2) }],
      InvalidArgumentError,
      /expected Float32Array, got Float64Array/,
    ],
    ['a wrong shape', [{ shape: [3] }], ShapeMismatchError, /expected 3 elements, got 2/],
    [
      'quantised codes',
      [
        {
          dtype: 'int8',
          data: new Int8Array(2),
          quantization: {
            bits: 8,
            symmetric: true,
            scales: Float32Array.of(1),
            zeroPoints: new Int32Array(1),
            axis: null,
          },
        },
      ],
      UnsupportedError,
      /quantised/,
    ],
  ])('refuses %s', (_, changes, kind, message) => {
    const encode = () => encodeSafetensors({ tensors: changes.map((change) => ({ ...good, ...change })) });
    expect(encode).toThrow(kind as never);
    expect(encode).toThrow(message);
  });

  it('refuses metadata that are not texts', () => {
    expect(() => encodeSafetensors({ tensors: [], metadata: { a: 1 as never } })).toThrow(
      InvalidArgumentError,
    );
  });
});

describe('openSafetensors and saveSafetensors', () => {
  const tensors: readonly StoredTensor[] = [
    { name: 'bytes', dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) },
    {
      name: 'numbers',
      dtype: 'float32',
      shape: [2, 5_000],
      data: Float32Array.from({ length: 10_000 }, (_, i) => i / 3),
    },
  ];

  it('write and read a file, and lend tensors where they lie', async () => {
    const path = join(directory, 'model.safetensors');
    expect(await saveSafetensors(path, { tensors, metadata: { who: 'me' } })).toBe(statSync(path).size);
    expect(new Uint8Array(readFileSync(path))).toEqual(
      encodeSafetensors({ tensors, metadata: { who: 'me' } }),
    );
    using file = openSafetensors(path);
    for (const tensor of tensors) {
      expect(file.load(tensor.name)).toEqual(tensor);
      expect(borrowTensor(file, tensor.name, ({ data }) => data.slice())).toEqual(tensor.data);
    }
    if (file.loading === 'mapped') {
      const lentBytes = file.borrow('numbers', ({ data }) => data.buffer.byteLength);
      // A view of exactly the tensor, whatever the file is.
      expect(lentBytes).toBe(40_000);
      const own = file.load('numbers').data;
      own[0] = 42;
      expect(file.load('numbers').data[0]).toBe(0);
    }
  });

  it('notice that the file was replaced', async () => {
    const path = join(directory, 'replaced.safetensors');
    await saveSafetensors(path, { tensors });
    using file = openSafetensors(path);
    await saveSafetensors(path, { tensors });
    expect(() => file.load('numbers')).toThrow(FileFormatError);
    expect(() => file.borrow('bytes', () => 0)).toThrow(/was replaced/);
  });

  it('refuse missing files and folders, and leave nothing behind', async () => {
    expect(() => openSafetensors(join(directory, 'none'))).toThrow(FileNotFoundError);
    expect(() => openSafetensors(directory)).toThrow(InvalidArgumentError);
    await expect(saveSafetensors(join(directory, 'none', 'x'), { tensors })).rejects.toThrow(
      FileNotFoundError,
    );
    await expect(
      saveSafetensors(join(directory, 'y'), { tensors: [tensors[0]!, tensors[0]!] }),
    ).rejects.toThrow(InvalidArgumentError);
    expect(readdirSync(directory).filter((name) => name.includes('tmp') || name === 'y')).toEqual([]);
    writeFileSync(join(directory, 'foreign'), 'hello, this is no safetensors file');
    expect(() => openSafetensors(join(directory, 'foreign'))).toThrow(FileFormatError);
  });
});
