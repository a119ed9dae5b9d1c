import { InvalidArgumentError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  emitKernel,
  InterpreterTarget,
  type KernelDescription,
  kernelKey,
  RegisterBudgetError,
} from '../src/index.ts';

const WINDOW = {
  height: 3,
  width: 2,
  strideHeight: 1,
  strideWidth: 2,
  dilationHeight: 2,
  dilationWidth: 1,
  padding: { top: 1, left: 2, bottom: 0, right: 1 },
};
const INPUT = { height: 6, width: 7, channels: 4 };
const EPILOGUE = { bias: true, activation: 'relu', softmax: false } as const;
const IMAGES = { batch: 2, input: INPUT, window: WINDOW } as const;
const OUTPUT_ROWS = { from: 1, count: 2 };
const ROWS = { rows: 2, width: 5, inputStride: 6, outputStride: 7 };

const DESCRIPTIONS: readonly KernelDescription[] = [
  {
    kind: 'convolution',
    ...IMAGES,
    outputChannels: 8,
    groups: 2,
    weights: 'float16',
    epilogue: EPILOGUE,
    outputRows: OUTPUT_ROWS,
    channelRange: { from: 0, count: 8 },
    blocking: { tileRows: 1, tileColumns: 2, tileVectors: 1, outerLoop: 'rows' },
  },
  { kind: 'depthwise', ...IMAGES, epilogue: EPILOGUE, outputRows: OUTPUT_ROWS, tileColumns: 2 },
  { kind: 'image-to-columns', ...IMAGES },
  { kind: 'pooling', operation: 'average', ...IMAGES, outputRows: OUTPUT_ROWS, tileColumns: 2 },
  { kind: 'activation', activation: 'tanh', length: 9 },
  { kind: 'softmax', ...ROWS },
  {
    kind: 'row-normalization',
    ...ROWS,
    deviation: 'root',
    epsilon: 1e-5,
    affine: true,
    activation: 'none',
  },
  { kind: 'channel-scale', ...ROWS, activation: 'none' },
  {
    kind: 'elementwise',
    operation: 'add',
    rows: 2,
    width: 5,
    aStride: 5,
    bStride: 6,
    outputStride: 7,
    activation: 'none',
  },
  { kind: 'conversion', from: 'float32', to: 'int8', length: 9 },
  { kind: 'reduction', operation: 'sum', rows: 2, width: 5, inputStride: 6 },
  {
    kind: 'strided-copy',
    elementBytes: 4,
    axes: [
      { size: 3, inputStride: 1, outputStride: 7 },
      { size: 5, inputStride: -4, outputStride: 1 },
    ],
  },
  {
    kind: 'axis-reduction',
    operation: 'mean',
    outer: 2,
    length: 5,
    inner: 3,
    outerStride: 30,
    axisStride: 4,
  },
  {
    kind: 'arg-extremum',
    operation: 'minimum',
    outer: 2,
    length: 5,
    inner: 3,
    outerStride: 30,
    axisStride: 4,
  },
  { kind: 'gather', outer: 2, count: 3, rows: 4, rowBytes: 5, rowStrideBytes: 9 },
  { kind: 'sparse-product', columns: 3, depth: 5, rows: 2, rowStride: 4, activation: 'relu' },
  {
    kind: 'resize',
    batch: 2,
    inputHeight: 3,
    inputWidth: 4,
    channels: 5,
    outputHeight: 6,
    outputWidth: 7,
    taps: 2,
    outputStride: 230,
  },
  { kind: 'peak', operation: 'fma', turns: 3 },
];

/** A field of a description, by the names that lead to it. */
type Path = readonly string[];

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...at, name]));
}

function fieldAt(value: unknown, path: Path): unknown {
  return path.reduce((outer, name) => (outer as Record<string, unknown>)[name], value);
}

function replaceField(description: KernelDescription, path: Path, value: unknown): KernelDescription {
  const copy = structuredClone(description);
  const owner = fieldAt(copy, path.slice(0, -1)) as Record<string, unknown>;
  owner[path.at(-1)!] = value;
  return copy;
}

/** Values that no field of the type of `valid` may have. */
function impossibleValues(path: Path, valid: unknown): unknown[] {
  if (typeof valid === 'string') return ['unknown', '', 1, null, undefined];
  if (typeof valid === 'boolean') return ['no', 0, 1, null, undefined];
  if (path.at(-1) === 'inputStride' && path.length > 1) {
    return [Number.NaN, Number.POSITIVE_INFINITY, '4', null, undefined, 1.5];
  }
  const fraction = path.at(-1) === 'epsilon' ? [] : [1.5];
  return [-1, Number.NaN, Number.POSITIVE_INFINITY, '4', null, undefined, ...fraction];
}

const HOST = createInterpreterHost({ lanes: 8 });

function keyError(description: KernelDescription): unknown {
  try {
    return kernelKey(description);
  } catch (error) {
    return error;
  }
}

describe.each(DESCRIPTIONS.map((description) => [description.kind, description] as const))(
  'the description of %s',
  (_kind, description) => {
    it('is emitted as it stands', () => {
      expect(() => emitKernel(new InterpreterTarget(HOST.traits), description)).not.toThrow();
    });

    it('is refused with a value of another type or out of range in any field', () => {
      for (const path of pathsOf(description)) {
        for (const value of impossibleValues(path, fieldAt(description, path))) {
          const error = keyError(replaceField(description, path, value));
          expect(error, `${path.join('.')} = ${String(value)}`).toBeInstanceOf(InvalidArgumentError);
        }
      }
    });

    it('is refused, or can be emitted, with huge numbers in any field', () => {
      for (const path of pathsOf(description)) {
        if (typeof fieldAt(description, path) !== 'number') continue;
        for (const value of [2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1]) {
          const changed = replaceField(description, path, value);
          try {
            emitKernel(new InterpreterTarget(HOST.traits), changed);
          } catch (error) {
            const refused = error instanceof InvalidArgumentError || error instanceof RegisterBudgetError;
            expect(refused, `${path.join('.')} = ${value}: ${String(error)}`).toBe(true);
          }
        }
      }
    });

    it('has another key with another number in any field', () => {
      for (const path of pathsOf(description)) {
        const value = fieldAt(description, path);
        if (typeof value !== 'number') continue;
        const changes = [value + 1, value - 1, value * 2 + 3].map((changed) =>
          keyError(replaceField(description, path, changed)),
        );
        expect(changes, path.join('.')).not.toContain(kernelKey(description));
      }
    });
  },
);
