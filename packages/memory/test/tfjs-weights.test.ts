import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import { io, setBackend } from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesInMemory, TfjsWeights } from '../src/index.ts';
import { openTfjsWeights } from '../src/node.ts';

const directory = mkdtempSync(join(tmpdir(), 'qedge-tfjs-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeAll(() => setBackend('cpu'));

const encode = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const bytesOf = (...arrays: readonly ArrayBufferView[]) =>
  Uint8Array.from(
    arrays.flatMap((array) => [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)]),
  );

/** A manifest of one group, its bytes cut into shards of the given lengths. */
function open(weights: readonly unknown[], bytes: Uint8Array, lengths: readonly number[] = [bytes.length]) {
  const shards = new Map<string, Uint8Array>();
  const opened: string[] = [];
  let at = 0;
  for (const [i, length] of lengths.entries()) {
    shards.set(`shard${i}.bin`, bytes.slice(at, at + length));
    at += length;
  }
  const file = TfjsWeights.fromManifest(encode([{ paths: [...shards.keys()], weights }]), (path) => {
    opened.push(path);
    return bytesInMemory(shards.get(path)!, path);
  });
  return { file, opened };
}

describe('TfjsWeights', () => {
  it('reads a manifest by itself and in a model.json', () => {
    const manifest = [{ paths: ['a.bin'], weights: [{ name: 'w', shape: [2], dtype: 'float32' }] }];
    const openShard = () => bytesInMemory(bytesOf(Float32Array.of(1, 2)));
    const bare = TfjsWeights.fromManifest(encode(manifest), openShard);
    expect(bare.modelJson).toBeNull();
    expect(bare.load('w')).toEqual({ name: 'w', dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) });
    const model = {
      format: 'layers-model',
      modelTopology: { class_name: 'Sequential' },
      weightsManifest: manifest,
    };
    const whole = TfjsWeights.fromManifest(encode(model), openShard);
    expect(whole.modelJson).toEqual(model);
    expect(whole.shardPaths()).toEqual(['a.bin']);
    expect(whole.spec('w')).toEqual({ name: 'w', dtype: 'float32', shape: [2] });
    expect(whole.names()).toEqual(['w']);
    expect(whole.has('v')).toBe(false);
  });

  it('opens only the shards that a weight needs, and joins those that it crosses', () => {
    const weights = ['a', 'b', 'c'].map((name) => ({ name, shape: [3], dtype: 'float32' }));
    const numbers = Float32Array.from({ length: 9 }, (_, i) => i + 0.5);
    const { file, opened } = open(weights, bytesOf(numbers), [13, 13, 0, 10]);
    expect(opened).toEqual([]);
    expect(file.load('a').data).toEqual(numbers.slice(0, 3));
    expect(opened).toEqual(['shard0.bin']);
    expect(file.load('b').data).toEqual(numbers.slice(3, 6));
    expect(opened).toEqual(['shard0.bin', 'shard1.bin']);
    expect(file.load('c').data).toEqual(numbers.slice(6, 9));
    expect(opened).toEqual(['shard0.bin', 'shard1.bin', 'shard2.bin', 'shard3.bin']);
    expect(file.borrow('b', ({ data }) => data.slice())).toEqual(numbers.slice(3, 6));
  });

  it('decodes whatever TensorFlow.js writes to the numbers that TensorFlow.js reads', async () => {
    const spec = fc.record({
      dtype: fc.constantFrom('float32', 'int32', 'bool'),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
      quantization: fc.constantFrom('none', 'uint8', 'uint16', 'float16'),
      scale: fc.double({ min: -10, max: 10, noNaN: true }),
      min: fc.double({ min: -1000, max: 1000, noNaN: true }),
      seed: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 6 }), fc.nat(1000), async (drafts, cut) => {
        const weights = drafts.map(({ dtype, shape, quantization, scale, min }, i) => {
          const allowed = dtype === 'float32' || (dtype === 'int32' && quantization !== 'float16');
          const quantized = allowed && quantization !== 'none';
          return {
            name: `w${i}`,
            dtype,
            shape,
            ...(quantized ? { quantization: { dtype: quantization, scale, min } } : {}),
          };
        });
        const parts = weights.map(({ dtype, shape, quantization }, i) => {
          const count = shape.reduce((product, size) => product * size, 1);
          const width = quantization ? (quantization.dtype === 'uint8' ? 1 : 2) : dtype === 'bool' ? 1 : 4;
          return Uint8Array.from({ length: count * width }, (_, at) =>
            dtype === 'bool' ? at & 1 : (at * 67 + drafts[i]!.seed) & 255,
          );
        });
        const bytes = bytesOf(...parts);
        const theirs = io.decodeWeights(bytes.slice().buffer, weights as never);
        const at = Math.min(cut, bytes.length);
        const { file } = open(weights, bytes, [at, bytes.length - at]);
        for (const { name, shape } of weights) {
          const ours = file.load(name);
          const expected = Array.from(theirs[name]!.dataSync() as ArrayLike<number>);
          expect(ours.shape).toEqual(shape);
          expect(Array.from(ours.data)).toEqual(expected);
          expect(file.borrow(name, ({ data }) => Array.from(data))).toEqual(expected);
          expect(file.spec(name).dtype).toBe(ours.dtype);
        }
      }),
      { seed: 11, numRuns: 120 },
    );
  });

  it('decodes every half float as TensorFlow.js does', () => {
    const codes = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const weights = [
      { name: 'h', dtype: 'float32', shape: [65_536], quantization: { dtype: 'float16' } },
    ] as const;
    const { file } = open(weights, bytesOf(codes));
    const theirs = io.decodeWeights(codes.slice().buffer, weights as never).h!.dataSync();
    expect(file.load('h').data).toEqual(theirs);
  });

  it('skips strings, and refuses to load them and complex numbers', () => {
    const strings = bytesOf(Uint8Array.of(3, 0, 0, 0, 97, 98, 99, 0, 0, 0, 0));
    const long = new Uint8Array(4 + 100_000);
    new DataView(long.buffer).setUint32(0, 100_000, true);
    const weights = [
      { name: 's', dtype: 'string', shape: [2] },
      { name: 'long', dtype: 'string', shape: [1] },
      { name: 'none', dtype: 'string', shape: [0] },
      { name: 'z', dtype: 'complex64', shape: [1] },
      { name: 'w', dtype: 'int32', shape: [1] },
    ];
    const bytes = bytesOf(strings, long, new Float32Array(2), Int32Array.of(-5));
    for (const lengths of [[bytes.length], [2, 3, 7, 5000, bytes.length - 5012]]) {
      const { file } = open(weights, bytes, lengths);
      expect(file.load('w').data).toEqual(Int32Array.of(-5));
      for (const name of ['s', 'z']) expect(() => file.load(name)).toThrow(UnsupportedError);
      expect(file.entry('s')).toMatchObject({ dtype: 'string', byteLength: null });
    }
    const truncated = open(weights, bytes.slice(0, 50));
    expect(() => truncated.file.load('w')).toThrow(FileFormatError);
  });

  it('refuses shards that are too short or too long, unknown names, and use after dispose', () => {
    const weights = [{ name: 'w', dtype: 'float32', shape: [2] }];
    expect(() => open(weights, new Uint8Array(7)).file.load('w')).toThrow(
      /too short: expected at least 8 bytes, got 7/,
    );
    expect(() => open(weights, new Uint8Array(9)).file.load('w')).toThrow(/do not have the size/);
    expect(() => open(weights, new Uint8Array(0), []).file.load('w')).toThrow(/too short/);
    const { file } = open(weights, new Uint8Array(8));
    expect(() => file.load('v')).toThrow(InvalidArgumentError);
    file.dispose();
    expect(() => file.load('w')).toThrow(UseAfterReleaseError);
  });

  it('disposes the shards that it opened', () => {
    const disposed: string[] = [];
    const file = TfjsWeights.fromManifest(
      encode([
        {
          paths: ['a', 'b'],
          weights: [
            { name: 'w', dtype: 'bool', shape: [1] },
            { name: 'v', dtype: 'bool', shape: [1] },
          ],
        },
      ]),
      (path) => ({ ...bytesInMemory(new Uint8Array(1), path), dispose: () => disposed.push(path) }),
    );
    file.load('w');
    file.dispose();
    file.dispose();
    expect(disposed).toEqual(['a']);
  });

  const weight = (change: object) => [
    { paths: ['a.bin'], weights: [{ name: 'w', dtype: 'float32', shape: [1], ...change }] },
  ];
  const path = (value: unknown) => [{ paths: [value], weights: [] }];
  it.each<[string, unknown, RegExp]>([
    ['that is not JSON', '[', /not JSON/],
    ['that is a number', '3', /no weights manifest/],
    ['that is null', 'null', /no weights manifest/],
    ['of a model without weights', {}, /no weights manifest/],
    ['with a key twice', '{"weightsManifest":[],"weightsManifest":[]}', /key twice/],
    ['with a group that is null', [null], /group 0/],
    ['with a group without paths', [{ weights: [] }], /group 0/],
    ['that is deeply nested', '['.repeat(200), /nested too deeply/],
    ['with a path to another folder', path('../secret'), /not beside the manifest/],
    ['with a path to another folder inside', path('a/../../b'), /not beside the manifest/],
    ['with an absolute path', path('/etc/passwd'), /not beside/],
    ['with a path of Windows', path('a\\b'), /not beside/],
    ['with a drive', path('C:x'), /not beside/],
    ['with an address', path('https://host/x'), /not beside/],
    ['with a NUL in a path', path('a\0'), /not beside/],
    ['with a path that is a number', path(3), /not beside/],
    ['with a shard twice', [{ paths: ['a', 'a'], weights: [] }], /shard "a" twice/],
    ['with a weight without name', weight({ name: '' }), /without a name/],
    [
      'with a weight twice',
      [...weight({}), { paths: ['b'], weights: [{ name: 'w', dtype: 'bool', shape: [] }] }],
      /two weights/,
    ],
    ['with an unknown dtype', weight({ dtype: 'toString' }), /unknown dtype/],
    ['with a negative size', weight({ shape: [-1] }), /impossible shape/],
    ['with half a size', weight({ shape: [0.5] }), /impossible shape/],
    ['without a shape', weight({ shape: undefined }), /impossible shape/],
    ['with a shape beyond 2^53', weight({ shape: [2 ** 40, 2 ** 40, 0] }), /at most 2\^53/],
    ['with a quantisation that is null', weight({ quantization: null }), /impossible quantisation/],
    [
      'with an unknown quantisation',
      weight({ quantization: { dtype: 'uint4', scale: 1, min: 0 } }),
      /unknown quantisation/,
    ],
    ['without a scale', weight({ quantization: { dtype: 'uint8', min: 0 } }), /incomplete quantisation/],
    [
      'with quantised truth values',
      weight({ dtype: 'bool', quantization: { dtype: 'uint8', scale: 1, min: 0 } }),
      /impossible quantisation/,
    ],
    [
      'with half floats for integers',
      weight({ dtype: 'int32', quantization: { dtype: 'float16' } }),
      /unknown quantisation/,
    ],
    [
      'with an infinite scale',
      '[{"paths":["a"],"weights":[{"name":"w","dtype":"float32","shape":[1],"quantization":{"dtype":"uint8","scale":1e999,"min":0}}]}]',
      /leaves its dtype/,
    ],
    [
      'with numbers beyond int32',
      weight({ dtype: 'int32', quantization: { dtype: 'uint16', scale: 1e6, min: 0 } }),
      /leaves its dtype/,
    ],
  ])('refuses a manifest %s', (_, json, message) => {
    const read = () => TfjsWeights.fromManifest(encode(json), () => bytesInMemory(new Uint8Array(4)));
    expect(read).toThrow(FileFormatError);
    expect(read).toThrow(message);
  });
});

describe('openTfjsWeights', () => {
  it('maps shards beside the manifest, in subfolders too, and notices changes', () => {
    const folder = join(directory, 'model');
    mkdirSync(join(folder, 'shards'), { recursive: true });
    const manifest = [{ paths: ['shards/1', '2'], weights: [{ name: 'w', dtype: 'int32', shape: [4] }] }];
    writeFileSync(join(folder, 'model.json'), JSON.stringify({ weightsManifest: manifest }));
    writeFileSync(join(folder, 'shards/1'), Int32Array.of(1, 2, 3));
    using file = openTfjsWeights(join(folder, 'model.json'));
    expect(() => file.load('w')).toThrow(FileFormatError);
    expect(() => file.load('w')).toThrow(/names a shard that is not there/);
    writeFileSync(join(folder, '2'), Int32Array.of(4));
    expect(file.load('w').data).toEqual(Int32Array.of(1, 2, 3, 4));
    truncateSync(join(folder, 'shards/1'), 1);
    expect(() => file.load('w')).toThrow(/was truncated/);
  });

  it('refuses missing files and folders', () => {
    expect(() => openTfjsWeights(join(directory, 'none.json'))).toThrow(FileNotFoundError);
    expect(() => openTfjsWeights(directory)).toThrow(/folder/);
  });
});

describe('the models of @vladmandic/face-api', () => {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
  const manifests = readdirSync(folder).filter((name) => name.endsWith('manifest.json'));

  it('are there', () => {
    expect(manifests).toContain('ssd_mobilenetv1_model-weights_manifest.json');
  });

  it.each(manifests)('%s: every weight has the numbers that TensorFlow.js reads', (name) => {
    const groups = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      paths: string[];
      weights: never[];
    }[];
    using file = openTfjsWeights(join(folder, name));
    expect(file.modelJson).toBeNull();
    let compared = 0;
    for (const { paths, weights } of groups) {
      const bytes = Buffer.concat(paths.map((path) => readFileSync(join(folder, path))));
      const theirs = io.decodeWeights(new Uint8Array(bytes).buffer, weights);
      for (const [weight, tensor] of Object.entries(theirs)) {
        const { data, shape, dtype } = file.load(weight);
        expect(shape).toEqual(tensor.shape);
        expect(dtype).toBe(tensor.dtype);
        expect(
          Buffer.from(data.buffer, data.byteOffset, data.byteLength).equals(
            Buffer.from(tensor.dataSync().buffer),
          ),
        ).toBe(true);
        compared++;
      }
    }
    expect(compared).toBe(file.names().length);
    expect(compared).toBeGreaterThan(0);
  });
});
