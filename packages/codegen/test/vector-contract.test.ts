import { InvalidArgumentError } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ActivationDescription,
  CONVERSION_ARGUMENTS,
  type ConversionDescription,
  ELEMENTWISE_ARGUMENTS,
  type ElementwiseDescription,
  type KernelDescription,
  kernelKey,
  type ReductionDescription,
  type RowNormalizationDescription,
  type SoftmaxDescription,
  setArgument,
  setFloatArgument,
} from '../src/index.ts';
import { emitKernel, kernelTrial } from '../src/kernels/families.ts';
import { InterpreterTarget } from '../src/target/interpreter.ts';
import { WASM_TRAITS } from '../src/wasm/traits.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

/** Where operands lie after the block: 4 KiB each. */
const PLACE_BYTES = 4096;

/**
 * Runs a kernel with float32 operands in the fields 0, 1, ... and returns `length` numbers of field `output`, which is memory of
 * its own, or an operand's.
 */
function runFloats(
  { host }: VectorHost,
  description: KernelDescription,
  operands: readonly (readonly number[])[],
  output: { readonly field: number; readonly operand?: number; readonly length: number },
): number[] {
  const memory = host.createMemory(6 * PLACE_BYTES);
  const [kernel] = host.load([description], memory);
  const view = new DataView(memory.buffer, memory.byteOffset);
  for (const [i, operand] of operands.entries()) {
    new Float32Array(memory.buffer, memory.byteOffset + (i + 1) * PLACE_BYTES).set(operand);
    setArgument(view, 0, i, memory.address + (i + 1) * PLACE_BYTES);
  }
  const place = (output.operand === undefined ? 5 : output.operand + 1) * PLACE_BYTES;
  setArgument(view, 0, output.field, memory.address + place);
  kernel!.run(memory.address);
  return [...new Float32Array(memory.buffer, memory.byteOffset + place, output.length)];
}

describe('results may replace operands', () => {
  const width = 37;
  const a = Array.from({ length: 3 * width }, (_, i) => Math.sin(i) * 4);
  const b = Array.from({ length: 3 * width }, (_, i) => Math.cos(i) * 4);
  const layout = { rows: 3, width, inputStride: width, outputStride: width };
  const cases: readonly (readonly [KernelDescription, field: number, operand: number])[] = [
    [{ kind: 'activation', activation: 'gelu', length: 3 * width }, 1, 0],
    [{ kind: 'softmax', ...layout }, 1, 0],
    [
      {
        kind: 'row-normalization',
        ...layout,
        deviation: 'root',
        epsilon: 1e-5,
        affine: false,
        activation: 'relu',
      },
      1,
      0,
    ],
    [
      {
        kind: 'elementwise',
        operation: 'subtract',
        rows: 3,
        width,
        aStride: width,
        bStride: width,
        outputStride: width,
        activation: 'tanh',
      },
      2,
      1,
    ],
  ];

  it.each(cases)('%j', (description, field, operand) => {
    const length = 3 * width;
    for (const host of hosts) {
      const apart = runFloats(host, description, [a, b], { field, length });
      expect(runFloats(host, description, [a, b], { field, operand, length }), host.name).toEqual(apart);
    }
  });

  it('of channel scaling', () => {
    const description = { kind: 'channel-scale', ...layout, activation: 'none' } as const;
    for (const { host, name } of hosts) {
      const memory = host.createMemory(4 * PLACE_BYTES);
      const [kernel] = host.load([description], memory);
      const view = new DataView(memory.buffer, memory.byteOffset);
      for (const [field, place] of [1, 1, 2, 3].entries())
        setArgument(view, 0, field, memory.address + place * PLACE_BYTES);
      const floats = (place: number, length: number) =>
        new Float32Array(memory.buffer, memory.byteOffset + place * PLACE_BYTES, length);
      floats(1, 3 * width).set(a);
      floats(2, width).fill(2);
      floats(3, width).fill(-1);
      kernel!.run(memory.address);
      const expected = Float32Array.from(a, (x) => Math.fround(x) * 2 - 1);
      expect(floats(1, 3 * width), name).toEqual(expected);
    }
  });
});

describe('softmax', () => {
  const softmax = (width: number): SoftmaxDescription => {
    return { kind: 'softmax', rows: 1, width, inputStride: width, outputStride: width };
  };
  const run = (host: VectorHost, row: readonly number[]) =>
    runFloats(host, softmax(row.length), [row], { field: 1, length: row.length });

  it.each([5, 16, 33])(
    'makes a row of %i a row of NaN when it holds a NaN or infinity, or nothing but -infinity',
    (width) => {
      const row = Array.from({ length: width }, (_, i) => i / 8);
      const allNaN = row.map(() => Number.NaN);
      for (const host of hosts) {
        for (const place of [0, width >> 1, width - 1]) {
          expect(run(host, row.with(place, Number.NaN)), host.name).toEqual(allNaN);
          expect(run(host, row.with(place, Infinity)), host.name).toEqual(allNaN);
        }
        expect(
          run(
            host,
            row.map(() => -Infinity),
          ),
          host.name,
        ).toEqual(allNaN);
        expect(
          run(
            host,
            row.map(() => Number.NaN),
          ),
          host.name,
        ).toEqual(allNaN);
      }
    },
  );

  it('gives -infinity no weight, and equal numbers equal weight, however large', () => {
    for (const host of hosts) {
      expect(run(host, [-Infinity, 3e38, -Infinity, 3e38]), host.name).toEqual([0, 0.5, 0, 0.5]);
      expect(run(host, [-3e38, 3e38, 0]), host.name).toEqual([0, 1, 0]);
      expect(run(host, [-7]), host.name).toEqual([1]);
      expect(
        run(
          host,
          Array.from({ length: 64 }, () => -1e30),
        ),
        host.name,
      ).toEqual(Array.from({ length: 64 }, () => 1 / 64));
    }
  });
});

describe('row normalisation', () => {
  const normalize = (
    width: number,
    deviation: 'root' | 'sum',
    epsilon: number,
  ): RowNormalizationDescription => ({
    kind: 'row-normalization',
    rows: 1,
    width,
    inputStride: width,
    outputStride: width,
    deviation,
    epsilon,
    affine: false,
    activation: 'none',
  });

  it.each(['root', 'sum'] as const)(
    'of a constant row gives zeros for epsilon > 0 and NaN for 0 (%s)',
    (deviation) => {
      const row = Array.from({ length: 20 }, () => 3);
      for (const host of hosts) {
        const run = (epsilon: number) =>
          runFloats(host, normalize(20, deviation, epsilon), [row], { field: 1, length: 20 });
        expect(run(1e-5), host.name).toEqual(row.map(() => 0));
        expect(run(0), host.name).toEqual(row.map(() => Number.NaN));
      }
    },
  );

  it('adds epsilon under the root or to it', () => {
    const row = [-2, 2, -2, 2];
    for (const host of hosts) {
      const run = (deviation: 'root' | 'sum') =>
        runFloats(host, normalize(4, deviation, 12), [row], { field: 1, length: 4 });
      expect(run('root'), host.name).toEqual([-0.5, 0.5, -0.5, 0.5]);
      expect(run('sum')[1], host.name).toBeCloseTo(1 / 7, 6);
    }
  });

  it('is not misled by a large mean, because it is subtracted before squaring', () => {
    const row = Array.from({ length: 64 }, (_, i) => 65536 + (i % 2));
    for (const host of hosts) {
      const y = runFloats(host, normalize(64, 'sum', 0), [row], { field: 1, length: 64 });
      expect(y, host.name).toEqual(row.map((_, i) => (i % 2 === 0 ? -1 : 1)));
    }
  });
});

describe('elementwise operations', () => {
  const elementwise = (
    operation: ElementwiseDescription['operation'],
    length: number,
  ): ElementwiseDescription => ({
    kind: 'elementwise',
    operation,
    rows: 1,
    width: length,
    aStride: length,
    bStride: length,
    outputStride: length,
    activation: 'none',
  });

  it('take the first operand for a maximum or minimum with a NaN or of two zeros', () => {
    const a = [Number.NaN, 1, -0, 0, 2, Infinity];
    const b = [1, Number.NaN, 0, -0, 3, -Infinity];
    const { field, length } = { field: ELEMENTWISE_ARGUMENTS.output, length: a.length };
    for (const host of hosts) {
      const maxima = runFloats(host, elementwise('maximum', length), [a, b], { field, length });
      expect(maxima, host.name).toEqual([Number.NaN, 1, -0, 0, 3, Infinity]);
      const minima = runFloats(host, elementwise('minimum', length), [a, b], { field, length });
      expect(minima, host.name).toEqual([Number.NaN, 1, -0, 0, 2, -Infinity]);
    }
  });
});

describe('reductions', () => {
  const reduce = (operation: ReductionDescription['operation'], width: number): ReductionDescription => {
    return { kind: 'reduction', operation, rows: 1, width, inputStride: width };
  };
  const run = (host: VectorHost, operation: ReductionDescription['operation'], row: readonly number[]) =>
    runFloats(host, reduce(operation, row.length), [row], { field: 1, length: 1 })[0];

  it.each([3, 16, 21, 64])('to the maximum of %i numbers pass over NaN and find +0', (width) => {
    const zeros = Array.from({ length: width }, () => -0);
    const nans = zeros.map(() => Number.NaN);
    for (const host of hosts) {
      expect(run(host, 'maximum', zeros), host.name).toBe(0);
      expect(run(host, 'maximum', nans), host.name).toBe(-Infinity);
      for (let place = 0; place < width; place++)
        expect(run(host, 'maximum', nans.with(place, -5)), host.name).toBe(-5);
    }
  });

  it('to a sum run in 16 lanes on every strict host, halved at the end', () => {
    const row = Array.from({ length: 1000 }, (_, i) => Math.fround(Math.sin(i * i) * 1000 ** Math.cos(i)));
    const sumIn = (laneCount: number) => {
      const lanes = new Float32Array(laneCount);
      for (const [i, x] of row.entries()) lanes[i % laneCount] = lanes[i % laneCount]! + x;
      for (let half = laneCount / 2; half >= 1; half /= 2) {
        for (let lane = 0; lane < half; lane++) lanes[lane] = lanes[lane]! + lanes[lane + half]!;
      }
      return lanes[0]!;
    };
    // The numbers tell the orders apart.
    for (const other of [1, 4, 8, 32]) expect(sumIn(other)).not.toBe(sumIn(16));
    for (const host of hosts) expect(run(host, 'sum', row), host.name).toBe(sumIn(16));
  });
});

describe('quantised conversions', () => {
  it.each([
    ['int8', -128, 127],
    ['uint8', 0, 255],
  ] as const)('saturate to %s, round ties to even and take NaN for 0', (format, least, most) => {
    const scale = 0.5;
    const zeroPoint = format === 'int8' ? -3 : 3;
    const codes = [0.25, 0.75, 1.25, -0.25, -0.75, 1e30, -1e30, Infinity, -Infinity, Number.NaN, 62, -62, -0];
    const rounded = [0, 2, 2, 0, -2, 1e3, -1e3, 1e3, -1e3, 0, 124, -124, 0];
    const description: ConversionDescription = {
      kind: 'conversion',
      from: 'float32',
      to: format,
      length: codes.length,
    };
    for (const { host, name } of hosts) {
      const memory = host.createMemory(1024);
      const [kernel] = host.load([description], memory);
      const view = new DataView(memory.buffer, memory.byteOffset);
      setArgument(view, 0, CONVERSION_ARGUMENTS.input, memory.address + 256);
      setArgument(view, 0, CONVERSION_ARGUMENTS.output, memory.address + 512);
      setFloatArgument(view, 0, CONVERSION_ARGUMENTS.scale, scale);
      view.setInt32(CONVERSION_ARGUMENTS.zeroPoint * 8, zeroPoint, true);
      new Float32Array(memory.buffer, memory.byteOffset + 256).set(codes);
      kernel!.run(memory.address);
      const bytes = new Uint8Array(memory.buffer, memory.byteOffset + 512, codes.length);
      const actual = [...bytes].map((byte) => (format === 'int8' ? (byte << 24) >> 24 : byte));
      const expected = rounded.map((code) => Math.max(least, Math.min(most, code + zeroPoint)));
      expect(actual, name).toEqual(expected);
    }
  });
});

describe('descriptions of vector kernels', () => {
  const activation: ActivationDescription = { kind: 'activation', activation: 'relu', length: 8 };
  const softmax: SoftmaxDescription = { kind: 'softmax', rows: 2, width: 8, inputStride: 8, outputStride: 8 };
  const normalization: RowNormalizationDescription = {
    ...softmax,
    kind: 'row-normalization',
    deviation: 'root',
    epsilon: 1e-5,
    affine: true,
    activation: 'none',
  };
  const scaling = { ...softmax, kind: 'channel-scale', activation: 'none' } as const;
  const elementwise: ElementwiseDescription = {
    kind: 'elementwise',
    operation: 'add',
    rows: 2,
    width: 8,
    aStride: 8,
    bStride: 0,
    outputStride: 8,
    activation: 'none',
  };
  const conversion: ConversionDescription = { kind: 'conversion', from: 'float16', to: 'float32', length: 8 };
  const reduction: ReductionDescription = {
    kind: 'reduction',
    operation: 'sum',
    rows: 2,
    width: 8,
    inputStride: 8,
  };
  const impossible = [
    { ...activation, length: 0 },
    { ...activation, length: 1.5 },
    { ...activation, length: 2 ** 29 },
    { ...activation, activation: 'erf' },
    { ...softmax, rows: 0 },
    { ...softmax, width: 0 },
    { ...softmax, inputStride: 7 },
    { ...softmax, outputStride: Number.NaN },
    { ...softmax, rows: 2 ** 27 },
    { ...normalization, deviation: 'mean' },
    { ...normalization, epsilon: -1 },
    { ...normalization, epsilon: Number.NaN },
    { ...normalization, epsilon: 1e39 },
    { ...normalization, activation: 'erf' },
    { ...scaling, activation: '' },
    { ...scaling, width: -1 },
    { ...elementwise, operation: 'power' },
    { ...elementwise, bStride: 7 },
    { ...elementwise, aStride: 0 },
    { ...conversion, from: 'float32', to: 'float32' },
    { ...conversion, to: 'int8' },
    { ...conversion, from: 'float64' },
    { ...conversion, length: -1 },
    { ...reduction, operation: 'minimum' },
    { ...reduction, inputStride: 7 },
  ] as readonly KernelDescription[];

  it.each(impossible)('are refused: %j', (description) => {
    const target = new InterpreterTarget(WASM_TRAITS.strict);
    expect(() => emitKernel(target, description)).toThrow(InvalidArgumentError);
    expect(() => kernelTrial(description, target.traits, 'sample', 1)).toThrow(InvalidArgumentError);
  });

  it('have different keys when they differ in anything', () => {
    const all: KernelDescription[] = [
      activation,
      { ...activation, length: 9 },
      { ...activation, activation: 'relu6' },
      softmax,
      { ...softmax, rows: 3 },
      { ...softmax, width: 7 },
      { ...softmax, inputStride: 9 },
      { ...softmax, outputStride: 9 },
      normalization,
      { ...normalization, deviation: 'sum' },
      { ...normalization, epsilon: 1e-6 },
      { ...normalization, affine: false },
      { ...normalization, activation: 'relu' },
      scaling,
      { ...scaling, activation: 'relu' },
      { ...scaling, width: 7 },
      elementwise,
      { ...elementwise, bStride: 8 },
      { ...elementwise, operation: 'divide' },
      { ...elementwise, activation: 'tanh' },
      { ...elementwise, outputStride: 9 },
      conversion,
      { ...conversion, from: 'bfloat16' },
      { ...conversion, from: 'float32', to: 'float16' },
      reduction,
      { ...reduction, operation: 'maximum' },
      { ...reduction, rows: 1 },
    ];
    expect(new Set(all.map(kernelKey)).size).toBe(all.length);
    for (const description of all) expect(kernelKey(description)).toMatch(/^[\w.+-]+$/);
  });
});

describe('trials of vector kernels', () => {
  const traits = WASM_TRAITS.strict;
  const descriptions: KernelDescription[] = [
    { kind: 'activation', activation: 'gelu', length: 21 },
    { kind: 'softmax', rows: 3, width: 21, inputStride: 23, outputStride: 24 },
    { kind: 'reduction', operation: 'sum', rows: 5, width: 21, inputStride: 21 },
    { kind: 'conversion', from: 'float32', to: 'uint8', length: 21 },
  ];

  it.each(descriptions)('notice a wrong result and a write outside: %j', (description) => {
    const trial = kernelTrial(description, traits, 'all', 3);
    const buffer = new ArrayBuffer(trial.byteLength);
    const memory = { buffer, byteOffset: 0, byteLength: trial.byteLength, address: 64 };
    const target = new InterpreterTarget(traits);
    const run = emitKernel(target, description)(memory);
    const bytes = new Uint8Array(buffer);
    const isNoticed = (at: number) => {
      run(trial.prepare(memory));
      expect(trial.findError(memory)).toBeNull();
      bytes[at]! ^= 0x40;
      return trial.findError(memory) !== null;
    };
    trial.prepare(memory);
    const prepared = bytes.slice();
    run(trial.prepare(memory));
    const changed = [...bytes.keys()].filter((at) => bytes[at] !== prepared[at]);
    const [start, end] = [changed[0]!, changed.at(-1)! + 1];
    for (const at of [start, (start + end) >> 1, end - 1, start - 1, end, end + 100]) {
      expect(isNoticed(at), `byte ${at} of ${start}..${end}`).toBe(true);
    }
  });
});
