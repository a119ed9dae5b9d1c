import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIVATIONS } from '../src/description/epilogue.ts';
import { type Activation, InterpreterTarget, setArgument, type Vector, WASM_TRAITS } from '../src/index.ts';
import {
  EXPONENTIAL_TAIL,
  NORMAL_TAIL,
  NORMAL_TAIL_CENTRE,
  NORMAL_TAIL_END,
  NORMAL_TAIL_OFFSET,
} from '../src/kernels/activation/activation-coefficients.ts';
import { EXPONENTIAL_SCRATCH, emitExponential } from '../src/kernels/activation/emit-exponential.ts';
import { unitInLastPlace } from '../src/kernels/elements/array-trial.ts';
import { ACTIVATION_ERROR_ULPS, referenceActivation, scaledNormalTail } from '../src/reference/activation.ts';
import { type Approximation, minimaxFloat32, weightedError } from './minimax.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';

/** `(exp(r) - 1 - r) / r^2` without cancellation. */
function exponentialTail(r: number): number {
  let [sum, term] = [0, 0.5];
  for (let k = 3; k < 26; k++) {
    sum += term;
    term *= r / k;
  }
  return sum;
}

const EXPONENTIAL: Approximation = {
  value: exponentialTail,
  weight: (r) => Math.abs((r * r) / Math.expm1(r)),
  from: -0.375,
  to: 0.35,
  degree: 4,
};

/** `a * Phi(-a) * exp(a^2 / 2) / s` as a function of `centre - s`. */
function normalTail(v: number): number {
  const s = NORMAL_TAIL_CENTRE - v;
  const a = Math.max(0, (NORMAL_TAIL_OFFSET * s) / (1 - s));
  return scaledNormalTail(a) * (NORMAL_TAIL_OFFSET + a);
}

const NORMAL: Approximation = {
  value: normalTail,
  weight: (v) => 1 / normalTail(v),
  from: NORMAL_TAIL_CENTRE - NORMAL_TAIL_END / (NORMAL_TAIL_OFFSET + NORMAL_TAIL_END),
  to: NORMAL_TAIL_CENTRE,
  degree: 8,
};

describe('the coefficients of the approximations', () => {
  it.each([
    ['exponential', EXPONENTIAL, EXPONENTIAL_TAIL, 1.8e-8],
    ['tail of the normal distribution', NORMAL, NORMAL_TAIL, 2.5e-8],
  ] as const)(
    'of the %s are those of the exchange algorithm, with the stated error',
    (_, approximation, committed, bound) => {
      expect(minimaxFloat32(approximation)).toEqual(committed);
      expect(weightedError(approximation, committed)).toBeLessThan(bound);
    },
  );

  it('rest on a tail that agrees with published values', () => {
    // Phi(-1) and Phi(-3) from Abramowitz and Stegun, table 26.1; Phi(-10) from table 26.2 (-log10 Q = 23.11805).
    expect(scaledNormalTail(0)).toBeCloseTo(0.5, 15);
    expect(scaledNormalTail(1) * Math.exp(-0.5)).toBeCloseTo(0.1586552539, 10);
    expect(scaledNormalTail(3) * Math.exp(-4.5)).toBeCloseTo(0.001349898032, 10);
    expect(-Math.log10(scaledNormalTail(10)) + 50 * Math.LOG10E).toBeCloseTo(23.11805, 5);
  });
});

/** Steps over all float32 bit patterns: a prime, so that every exponent and mantissa ending is met. */
const PATTERN_STEP = 4099;
const CHUNK = 2 ** 16;

/** Calls `visit` with chunks of float32 numbers that cover all exponents and both signs. */
function eachChunk(step: number, visit: (inputs: Float32Array) => void): void {
  const patterns = new Int32Array(CHUNK);
  for (let first = 0; first < 2 ** 32; first += CHUNK * step) {
    for (let i = 0; i < CHUNK; i++) patterns[i] = (first + i * step) | 0;
    visit(new Float32Array(patterns.buffer));
  }
}

/** The largest error in units in the last place, and where; a NaN for any other number counts as infinite. */
class LargestError {
  ulps = 0;
  argument = 0;

  add(argument: number, actual: number, expected: number): void {
    if (Object.is(actual, expected)) return;
    const rounded = Math.fround(expected);
    const error = Number.isFinite(rounded)
      ? Math.abs(actual - expected) / unitInLastPlace(expected)
      : Infinity;
    if (actual === rounded && !Number.isFinite(rounded)) return;
    if (error <= this.ulps) return;
    this.ulps = Number.isNaN(error) ? Infinity : error;
    this.argument = argument;
  }
}

describe('activations of a dense set of all float32 numbers', () => {
  let hosts: VectorHost[];

  beforeAll(() => {
    hosts = openVectorHosts().filter(({ host }) => host.isa !== 'interpreter');
  });

  afterAll(() => {
    for (const { host } of hosts) host.dispose();
  });

  const measure = ({ host }: VectorHost, activation: Activation, step: number): LargestError => {
    const memory = host.createMemory(CHUNK * 4 + 64);
    const [kernel] = host.load([{ kind: 'activation', activation, length: CHUNK }], memory);
    const view = new DataView(memory.buffer, memory.byteOffset);
    setArgument(view, 0, 0, memory.address + 64);
    setArgument(view, 0, 1, memory.address + 64);
    const values = new Float32Array(memory.buffer, memory.byteOffset + 64, CHUNK);
    const largest = new LargestError();
    eachChunk(step, (inputs) => {
      values.set(inputs);
      kernel!.run(memory.address);
      for (let i = 0; i < CHUNK; i++) {
        const x = inputs[i]!;
        largest.add(x, values[i]!, referenceActivation(activation, x));
      }
    });
    return largest;
  };

  it.each(ACTIVATIONS)('%s stays within the stated error, however multiply-adds round', (activation) => {
    const roundings = [hosts.find(({ host }) => host.strict), hosts.find(({ host }) => !host.strict)];
    for (const host of roundings) {
      if (host === undefined) continue;
      const { ulps, argument } = measure(host, activation, PATTERN_STEP);
      expect(ulps, `${host.name} at ${argument}`).toBeLessThanOrEqual(ACTIVATION_ERROR_ULPS[activation]);
    }
  });

  it.each(['once', 'twice'] as const)(
    'the exponential stays within its error, multiply-adds rounded %s',
    (fmaRounding) => {
      const target = new InterpreterTarget({ ...WASM_TRAITS.strict, fmaRounding });
      const [x, ...scratch] = target.vectors('x', 1 + EXPONENTIAL_SCRATCH) as [Vector, ...Vector[]];
      const pointer = target.pointer('x');
      target.argument(pointer, 0);
      target.load(x, { base: pointer, offset: 0 });
      emitExponential(target, [x], scratch);
      target.store(x, { base: pointer, offset: 0 });
      const memory = { buffer: new ArrayBuffer(256), byteOffset: 0, byteLength: 256, address: 64 };
      setArgument(new DataView(memory.buffer), 0, 0, memory.address + 64);
      const values = new Float32Array(memory.buffer, 64, 4);
      const run = target.finish()(memory);
      const largest = new LargestError();
      eachChunk(104_729, (inputs) => {
        for (let i = 0; i < CHUNK; i += 4) {
          values.set(inputs.subarray(i, i + 4));
          run(memory.address);
          for (let lane = 0; lane < 4; lane++) {
            const argument = inputs[i + lane]!;
            if (!(argument > 40)) largest.add(argument, values[lane]!, Math.exp(argument));
          }
        }
      });
      expect(largest.ulps, `at ${largest.argument}`).toBeLessThanOrEqual(ACTIVATION_ERROR_ULPS.exponential);
      expect(largest.ulps).toBeGreaterThan(0.5);
    },
  );
});

describe('activations of special numbers', () => {
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  const tiny = 2 ** -149;
  const cases: Readonly<Record<Activation, readonly (readonly [x: number, y: number])[]>> = {
    none: [
      [-0, -0],
      [nan, nan],
    ],
    relu: [
      [-0, -0],
      [0, 0],
      [nan, nan],
      [-tiny, 0],
      [-infinity, 0],
      [infinity, infinity],
    ],
    relu6: [
      [-0, -0],
      [nan, nan],
      [infinity, 6],
      [-infinity, 0],
      [6, 6],
    ],
    sigmoid: [
      [-0, 0.5],
      [0, 0.5],
      [infinity, 1],
      [-infinity, 0],
      [nan, nan],
      [3e38, 1],
      [-3e38, 0],
      [tiny, 0.5],
    ],
    tanh: [
      [-0, -0],
      [0, 0],
      [infinity, 1],
      [-infinity, -1],
      [nan, nan],
      [tiny, tiny],
      [-tiny, -tiny],
      [3e38, 1],
    ],
    silu: [
      [-0, -0],
      [0, 0],
      [infinity, infinity],
      [-infinity, -0],
      [nan, nan],
      [Math.fround(3e38), Math.fround(3e38)],
    ],
    gelu: [
      [-0, -0],
      [0, 0],
      [infinity, infinity],
      [-infinity, 0],
      [nan, nan],
      [Math.fround(3e38), Math.fround(3e38)],
      [-3e38, 0],
    ],
    'gelu-tanh': [
      [0, 0],
      [-0, -0],
      [infinity, infinity],
      [-infinity, -0],
      [nan, nan],
      [Math.fround(3e38), Math.fround(3e38)],
      [-3e38, -0],
    ],
    'hard-swish': [
      [-0, -0],
      [infinity, infinity],
      [-infinity, -0],
      [nan, nan],
      [-3, -0],
      [3, 3],
      [Math.fround(3e38), Math.fround(3e38)],
    ],
  };

  it.each(ACTIVATIONS)('%s is defined and exact there, on every target', (activation) => {
    const hosts = openVectorHosts();
    const pairs = cases[activation];
    for (const { name, host } of hosts) {
      const memory = host.createMemory(256);
      const [kernel] = host.load([{ kind: 'activation', activation, length: pairs.length }], memory);
      const view = new DataView(memory.buffer, memory.byteOffset);
      setArgument(view, 0, 0, memory.address + 64);
      setArgument(view, 0, 1, memory.address + 128);
      new Float32Array(memory.buffer, memory.byteOffset + 64).set(pairs.map(([x]) => x));
      kernel!.run(memory.address);
      const y = [...new Float32Array(memory.buffer, memory.byteOffset + 128, pairs.length)];
      expect(y, name).toEqual(pairs.map(([, value]) => value));
      host.dispose();
    }
  });
});
