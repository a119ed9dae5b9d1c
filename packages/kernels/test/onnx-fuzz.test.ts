import { QedgeError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { importOnnx, readOnnx } from '../src/onnx.ts';
import { type WrittenGraph, type WrittenTensor, writeOnnx } from './onnx-writer.ts';
import { REAL_ONNX_MODELS } from './real-models.ts';

const FULL = process.env.QEDGE_FULL === '1';
const SMALL_MUTATIONS = FULL ? 48_000 : 3_000;
const REAL_MUTATIONS = FULL ? 2_000 : 60;

/** No file that is as small as these may take longer; the machine may be busy. */
const MOST_MILLISECONDS = 2_000;

/** Numbers from 0 to 2^32 - 1, the same at each run. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const float = (...shape: number[]): WrittenTensor => {
  const length = shape.reduce((product, size) => product * size, 1);
  return { type: 'float32', shape, numbers: Array.from({ length }, (_, i) => Math.sin(i + 1)) };
};
const whole = (...numbers: number[]): WrittenTensor => ({ type: 'int64', shape: [numbers.length], numbers });
const code = (type: 'uint8' | 'int8', ...shape: number[]): WrittenTensor => {
  return { type, shape, numbers: float(...shape).numbers.map(() => 3) };
};

/** A graph of one image through each of the larger operators. */
const images: WrittenGraph = {
  inputs: [{ name: 'x', type: 'float32', shape: [1, 4, 6, 6] }],
  outputs: [{ name: 'y', type: 'float32' }],
  tensors: {
    w: float(4, 2, 3, 3),
    b: float(4),
    t: float(4, 2, 2, 2),
    scales: float(4),
    axes: whole(2, 3),
    shape: whole(1, -1),
    ends: whole(3),
    starts: whole(0),
    pads: whole(0, 0, 1, 1, 0, 0, 1, 1),
    up: { ...float(4), numbers: [1, 1, 2, 2] },
  },
  nodes: [
    {
      operator: 'Conv',
      inputs: ['x', 'w', 'b'],
      outputs: ['a'],
      attributes: { group: 2, pads: [1, 1, 1, 1], dilations: [1, 1] },
    },
    { operator: 'BatchNormalization', inputs: ['a', 'b', 'b', 'b', 'scales'], outputs: ['c'] },
    {
      operator: 'MaxPool',
      inputs: ['c'],
      outputs: ['d'],
      attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 },
    },
    {
      operator: 'AveragePool',
      inputs: ['d'],
      outputs: ['e'],
      attributes: {
        kernel_shape: [2, 2],
        ceil_mode: 1,
        count_include_pad: 1,
        pads: [1, 1, 1, 1],
        strides: [2, 2],
      },
    },
    { operator: 'Pad', inputs: ['e', 'pads'], outputs: ['f'] },
    {
      operator: 'ConvTranspose',
      inputs: ['f', 't'],
      outputs: ['g'],
      attributes: { group: 2, strides: [2, 2], output_padding: [1, 1] },
    },
    { operator: 'Resize', inputs: ['g', '', 'up'], outputs: ['h'], attributes: { mode: 'linear' } },
    { operator: 'ReduceMean', inputs: ['h'], outputs: ['i'], attributes: { axes: [2, 3] } },
    { operator: 'Shape', inputs: ['h'], outputs: ['s'] },
    { operator: 'Slice', inputs: ['h', 'starts', 'ends', 'starts'], outputs: ['j'] },
    { operator: 'Reshape', inputs: ['h', 'shape'], outputs: ['k'] },
    { operator: 'Softmax', inputs: ['k'], outputs: ['y'], attributes: { axis: 1 } },
  ],
};

/** Products, sequences, integers and a condition. */
const sequences: WrittenGraph = {
  inputs: [{ name: 'x', type: 'float32', shape: [3, 1, 4] }],
  outputs: [{ name: 'y', type: 'float32' }],
  tensors: {
    w: float(1, 8, 4),
    r: float(1, 8, 2),
    b: float(1, 16),
    one: whole(1),
    m: float(2, 5),
    q: code('int8', 5, 3),
    s: float(3),
    z: code('int8', 3),
    scale: { ...float(), numbers: [0.1] },
    zero: code('uint8'),
    indices: whole(0, 1, 1),
    repeats: whole(1, 1, 2),
  },
  nodes: [
    {
      operator: 'LSTM',
      inputs: ['x', 'w', 'r', 'b'],
      outputs: ['a', 'h', 'c'],
      attributes: { hidden_size: 2 },
    },
    { operator: 'Squeeze', inputs: ['a', 'one'], outputs: ['d'] },
    { operator: 'MatMul', inputs: ['d', 'm'], outputs: ['e'] },
    { operator: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['f'], attributes: { axis: 1 } },
    { operator: 'QuantizeLinear', inputs: ['e', 'scale', 'zero'], outputs: ['g'] },
    { operator: 'DequantizeLinear', inputs: ['g', 'scale', 'zero'], outputs: ['i'] },
    { operator: 'MatMul', inputs: ['i', 'f'], outputs: ['j'] },
    { operator: 'Gather', inputs: ['j', 'indices'], outputs: ['k'], attributes: { axis: 2 } },
    { operator: 'Tile', inputs: ['k', 'repeats'], outputs: ['l'] },
    { operator: 'Split', inputs: ['l'], outputs: ['m1', 'm2'], attributes: { axis: -1, num_outputs: 2 } },
    { operator: 'Einsum', inputs: ['m1', 'm2'], outputs: ['n'], attributes: { equation: 'abc,abd->acd' } },
    { operator: 'Shape', inputs: ['n'], outputs: ['o'] },
    { operator: 'Size', inputs: ['o'], outputs: ['p'] },
    { operator: 'Cast', inputs: ['p'], outputs: ['t'], attributes: { to: 9 } },
    {
      operator: 'If',
      inputs: ['t'],
      outputs: ['u'],
      attributes: {
        then_branch: {
          graph: {
            nodes: [{ operator: 'Relu', inputs: ['n'], outputs: ['v'] }],
            outputs: [{ name: 'v', type: 'float32' }],
          },
        },
        else_branch: {
          graph: {
            nodes: [{ operator: 'Abs', inputs: ['n'], outputs: ['v'] }],
            outputs: [{ name: 'v', type: 'float32' }],
          },
        },
      },
    },
    { operator: 'ConstantOfShape', inputs: ['o'], outputs: ['v'] },
    { operator: 'Concat', inputs: ['u', 'v'], outputs: ['y'], attributes: { axis: 0 } },
  ],
};

/** A damaged copy: bits, bytes, whole integers, pieces cut out, doubled or cut off. */
function mutate(file: Uint8Array, random: () => number, reach: number): Uint8Array {
  let bytes = Uint8Array.from(file);
  for (let edits = 1 + (random() % 3); edits > 0; edits--) {
    const at = random() % Math.min(bytes.length, reach);
    switch (random() % 7) {
      case 0:
        bytes[at]! ^= 1 << (random() % 8);
        break;
      case 1:
        bytes[at] = random() % 256;
        break;
      case 2:
        bytes[at] = [0, 0x7f, 0x80, 0xff][random() % 4]!;
        break;
      case 3: {
        const integer = Array.from({ length: random() % 9 }, () => 0x80 | (random() % 128));
        bytes = replaced(bytes, at, at + 1, [...integer, random() % 128]);
        break;
      }
      case 4:
        bytes = replaced(bytes, at, at + (random() % 8), []);
        break;
      case 5:
        bytes = replaced(bytes, at, at, bytes.subarray(at, at + (random() % 64)));
        break;
      default:
        if (random() % 8 === 0) bytes = bytes.slice(0, at);
        else bytes[at] = (bytes[at]! + (random() % 5) - 2) & 255;
    }
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

/** The bytes with those from `start` to `end` replaced. */
function replaced(
  bytes: Uint8Array,
  start: number,
  end: number,
  by: ArrayLike<number>,
): Uint8Array<ArrayBuffer> {
  const after = bytes.subarray(end);
  const result = new Uint8Array(start + by.length + after.length);
  result.set(bytes.subarray(0, start));
  result.set(by, start);
  result.set(after, start + by.length);
  return result;
}

/** Reads, imports and loads the constants; throws what is no typed error. True when all went well. */
function attempt(bytes: Uint8Array, options: Parameters<typeof importOnnx>[1]): boolean {
  try {
    const { weights } = importOnnx(readOnnx(bytes), options);
    for (const name of weights.names()) weights.load(name);
    return true;
  } catch (error) {
    if (error instanceof QedgeError) return false;
    throw error;
  }
}

interface Target {
  readonly file: Uint8Array;
  readonly options: Parameters<typeof importOnnx>[1];
  /** Bytes from the beginning that are damaged: the structure rather than the weights. */
  readonly reach: number;
}

function campaign(
  targets: readonly Target[],
  mutations: number,
  seed: number,
): { readonly good: number; readonly slowest: number } {
  const random = randomSource(seed);
  let [good, slowest] = [0, 0];
  for (let i = 0; i < mutations; i++) {
    const { file, options, reach } = targets[i % targets.length]!;
    const bytes = mutate(file, random, random() % 4 === 0 ? file.length : reach);
    const start = performance.now();
    if (attempt(bytes, options)) good++;
    slowest = Math.max(slowest, performance.now() - start);
  }
  return { good, slowest };
}

describe('damaged ONNX files end in typed errors, soon', () => {
  it('small models', () => {
    const files = [images, sequences].map((graph) => writeOnnx(graph, 18));
    const old = {
      ...images,
      nodes: images.nodes
        .filter(({ operator }) => operator !== 'Resize')
        .map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === 'h' ? 'g' : name)) })),
    };
    const targets = [...files, writeOnnx(old, 12)].map((file) => ({ file, options: {}, reach: file.length }));
    for (const { file } of targets) expect(attempt(file, {})).toBe(true);
    const { good, slowest } = campaign(targets, SMALL_MUTATIONS, 7);
    expect(good).toBeGreaterThan(0);
    expect(slowest).toBeLessThan(MOST_MILLISECONDS);
  }, 120_000);

  it('real models', () => {
    const silero = { inputShapes: { input: [1, 512], state: [2, 1, 128] }, constants: { sr: 16000 } };
    const targets: Target[] = [
      {
        file: REAL_ONNX_MODELS.classification(),
        options: { inputShapes: { x: [1, 3, 48, 96] } },
        reach: 60_000,
      },
      { file: REAL_ONNX_MODELS.silero5(), options: silero, reach: 60_000 },
      {
        file: REAL_ONNX_MODELS.sileroLegacy(),
        options: { inputShapes: { input: [1, 1536] }, constants: { sr: 16000 } },
        reach: 60_000,
      },
    ];
    const { good, slowest } = campaign(targets, REAL_MUTATIONS, 11);
    expect(good).toBeGreaterThan(0);
    expect(slowest).toBeLessThan(MOST_MILLISECONDS);
  }, 120_000);
});
