import { Random } from '@qedge/core';
import type * as tensorflow from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { descendCodes } from '../../src/post-training/descend-codes.ts';
import { PowerTable, RectifiedSigmoid } from '../../src/post-training/rectified-sigmoid.ts';
import { type AdaptiveRoundingOptions, roundAdaptively } from '../../src/post-training/round-adaptively.ts';
import {
  codesOfSolution,
  type KernelGroups,
  type OutputError,
  type RoundingProblem,
  stateRoundingProblem,
} from '../../src/post-training/rounding-problem.ts';
import { WorkTurns } from '../../src/post-training/work-turns.ts';
import { computeQuantizationParameters } from '../../src/quantization/quantization-parameters.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: typeof tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

interface Samples extends KernelGroups {
  readonly kernel: Float32Array;
  /** Per sample `[groups, rows]`. */
  readonly inputs: readonly Float32Array[];
  /** What each sample's outputs `[groups, outputs]` differ by already. */
  readonly drifts: readonly Float32Array[];
}

/** Correlated inputs, as those of layers are. */
function drawSamples(groups: KernelGroups, count: number, drift: number, seed: number): Samples {
  const random = new Random(seed);
  const { groups: g, rows, outputs } = groups;
  const normal = (length: number, scale = 1) => Float32Array.from({ length }, () => scale * random.normal());
  const inputs = Array.from({ length: count }, () => {
    const common = random.normal();
    return Float32Array.from({ length: g * rows }, () => Math.max(0, common + random.normal()));
  });
  return {
    ...groups,
    kernel: normal(g * rows * outputs),
    inputs,
    drifts: inputs.map(() => normal(g * outputs, drift)),
  };
}

/** The mean squared error of the outputs, summed over them, sample by sample. */
function sampledError(samples: Samples, coded: (row: number, column: number) => number): number {
  const { groups, rows, outputs, kernel, inputs, drifts } = samples;
  let sum = 0;
  for (const [sample, x] of inputs.entries()) {
    for (let column = 0; column < groups * outputs; column++) {
      let error = drifts[sample][column];
      for (let row = 0; row < rows; row++) {
        const difference = coded(row, column) - kernel[row * groups * outputs + column];
        error += difference * x[Math.floor(column / outputs) * rows + row];
      }
      sum += error ** 2;
    }
  }
  return sum / inputs.length;
}

/** The same error as a quadratic function. */
function quadraticError({ groups, rows, outputs, inputs, drifts }: Samples): OutputError {
  const second = new Float64Array(groups * rows * rows);
  const drift = new Float64Array(groups * rows * outputs);
  const inherited = new Float64Array(groups * outputs);
  for (const [sample, x] of inputs.entries()) {
    for (let at = 0; at < second.length; at++) {
      const group = Math.floor(at / (rows * rows));
      const [a, b] = [Math.floor(at / rows) % rows, at % rows];
      second[at] += (x[group * rows + a] * x[group * rows + b]) / inputs.length;
    }
    for (let at = 0; at < drift.length; at++) {
      const output = Math.floor(at / (rows * outputs)) * outputs + (at % outputs);
      drift[at] += (x[Math.floor(at / outputs)] * drifts[sample][output]) / inputs.length;
    }
    for (const [at, value] of drifts[sample].entries()) inherited[at] += value ** 2 / inputs.length;
  }
  return {
    groups,
    rows,
    outputs,
    second: Float32Array.from(second),
    drift: Float32Array.from(drift),
    inherited: Float32Array.from(inherited),
  };
}

function stateProblem(samples: Samples, bits: number): RoundingProblem & { readonly scales: Float32Array } {
  const columns = samples.groups * samples.outputs;
  const quantization = computeQuantizationParameters(samples.kernel, [samples.rows, columns], {
    bits,
    symmetric: true,
    axis: 1,
    method: 'min-max',
  });
  const problem = stateRoundingProblem(samples.kernel, quantization, quadraticError(samples));
  return { ...problem, scales: quantization.scales };
}

function errorOf(
  samples: Samples,
  problem: RoundingProblem & { readonly scales: Float32Array },
  codes: Int16Array,
) {
  const columns = samples.groups * samples.outputs;
  const matrix = codesOfSolution(problem, codes);
  return sampledError(samples, (row, column) => matrix[row * columns + column] * problem.scales[column]);
}

describe('roundAdaptively', () => {
  it('lowers the error of the outputs, as it says, for dense and depthwise kernels', async () => {
    for (const groups of [
      { groups: 1, rows: 20, outputs: 3 },
      { groups: 4, rows: 9, outputs: 2 },
    ]) {
      const samples = drawSamples(groups, 60, 0.1, 1);
      const problem = stateProblem(samples, 3);
      const { codes, relativeError } = await roundAdaptively(tf, problem, { iterations: 200 });
      const [adaptive, nearest] = [codes, problem.nearest].map((each) => errorOf(samples, problem, each));
      // Sums of 60 samples in float32.
      expect(relativeError).toBeCloseTo(adaptive / nearest, 4);
      expect(relativeError).toBeLessThan(0.9);
    }
  });

  it('is never worse than the nearest codes, whatever the samples', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom(0, 0.3, 3),
        fc.integer(),
        async (groups, rows, outputs, bits, drift, seed) => {
          const samples = drawSamples({ groups, rows, outputs }, 8, drift, seed);
          const problem = stateProblem(samples, bits);
          const { codes, relativeError } = await roundAdaptively(tf, problem, { iterations: 20 });
          expect(relativeError).toBeLessThanOrEqual(1);
          const nearest = errorOf(samples, problem, problem.nearest);
          expect(errorOf(samples, problem, codes)).toBeLessThanOrEqual(nearest * (1 + 1e-5) + 1e-6);
          for (const [at, code] of codes.entries()) {
            expect(code).toBeGreaterThanOrEqual(problem.lowest[at]);
            expect(code).toBeLessThanOrEqual(problem.highest[at]);
          }
        },
      ),
      { seed: 1, numRuns: 20 },
    );
  });

  it('comes within 10 % of the best of all ways to round up and down, on average', async () => {
    const rows = 8;
    const ratios: number[] = [];
    for (let seed = 0; seed < 8; seed++) {
      const samples = drawSamples({ groups: 1, rows, outputs: 1 }, 16, 0, seed);
      const problem = stateProblem(samples, 3);
      const { codes } = await roundAdaptively(tf, problem, { iterations: 100 });
      const floors = samples.kernel.map((value, row) => Math.floor(value / problem.steps[row]));
      let best = Number.POSITIVE_INFINITY;
      for (let choice = 0; choice < 2 ** rows; choice++) {
        const rounded = Int16Array.from(floors, (floor, row) => floor + ((choice >> row) & 1));
        if (rounded.some((code) => Math.abs(code) > 3)) continue;
        best = Math.min(best, errorOf(samples, problem, rounded));
      }
      ratios.push(errorOf(samples, problem, codes) / best);
    }
    expect(ratios.reduce((sum, ratio) => sum + ratio) / ratios.length).toBeLessThan(1.1);
  });

  it('keeps the code 0 of weights that are 0, in adaptive steps and in the descent', async () => {
    const samples = drawSamples({ groups: 1, rows: 24, outputs: 2 }, 40, 0.5, 3);
    for (let at = 0; at < samples.kernel.length; at += 3) samples.kernel[at] = 0;
    const problem = stateProblem(samples, 2);
    const { codes } = await roundAdaptively(tf, problem, { iterations: 100 });
    for (let at = 0; at < codes.length; at += 3) expect(codes[at]).toBe(0);
  });

  it('handles dead inputs, dead kernels and one weight', async () => {
    const round = (samples: Samples, bits: number) =>
      roundAdaptively(tf, stateProblem(samples, bits), { iterations: 50 });
    const samples = drawSamples({ groups: 1, rows: 5, outputs: 2 }, 10, 0, 4);
    for (const x of samples.inputs) x.fill(0);
    expect((await round(samples, 4)).relativeError).toBe(1);
    samples.kernel.fill(0);
    expect([...(await round(samples, 4)).codes]).toEqual(new Array(10).fill(0));
    const one = drawSamples({ groups: 1, rows: 1, outputs: 1 }, 3, 0, 5);
    expect([...(await round(one, 8)).codes].map(Math.abs)).toEqual([127]);
  });

  it('refuses impossible settings, can be cancelled and leaves no tensor', async () => {
    const problem = stateProblem(drawSamples({ groups: 1, rows: 4, outputs: 1 }, 4, 0, 6), 4);
    expect(() => stateProblem(drawSamples({ groups: 1, rows: 4, outputs: 1 }, 4, 0, 6), 1)).toThrow(
      /2 bits or more/,
    );
    const before = tf.memory().numTensors;
    const refusal = (options: AdaptiveRoundingOptions) =>
      expect(roundAdaptively(tf, problem, options)).rejects;
    await refusal({ iterations: 0 }).toThrow(/"iterations"/);
    await refusal({ learningRate: Number.NaN }).toThrow(/"learningRate"/);
    await refusal({ signal: AbortSignal.abort() }).toThrow(/cancel/i);
    await roundAdaptively(tf, problem, { iterations: 5 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says how far it is, and lets a timer cancel it within its steps', async () => {
    const problem = stateProblem(drawSamples({ groups: 1, rows: 8, outputs: 2 }, 8, 0, 6), 4);
    const cancellation = new AbortController();
    const before = tf.memory().numTensors;
    const seen: number[] = [];
    const total = 10_000_000;
    await expect(
      roundAdaptively(tf, problem, {
        iterations: total,
        signal: cancellation.signal,
        onProgress: (progress) => {
          expect(progress).toMatchObject({ phase: 'rounding', total });
          seen.push(progress.done);
          if (seen.length === 2) setTimeout(() => cancellation.abort());
        },
      }),
    ).rejects.toThrow(/Rounding was cancelled/);
    expect(seen[1]).toBeGreaterThan(seen[0]);
    expect(seen.length).toBeLessThan(5);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('descendCodes', () => {
  it('ends where no single code can be bettered', async () => {
    const samples = drawSamples({ groups: 2, rows: 7, outputs: 2 }, 30, 0.2, 7);
    const problem = stateProblem(samples, 3);
    const codes = problem.nearest.slice();
    await descendCodes(problem, codes, new WorkTurns('Rounding', undefined));
    const least = errorOf(samples, problem, codes);
    expect(least).toBeLessThan(errorOf(samples, problem, problem.nearest));
    for (const [at, code] of codes.entries()) {
      for (const other of [code - 1, code + 1]) {
        if (other < problem.lowest[at] || other > problem.highest[at]) continue;
        const moved = codes.slice();
        moved[at] = other;
        expect(errorOf(samples, problem, moved)).toBeGreaterThan(least * (1 - 1e-5));
      }
    }
  });
});

describe('RectifiedSigmoid', () => {
  const sigmoid = new RectifiedSigmoid();

  it('follows the clipped, stretched sigmoid to 1e-7 and its slope', () => {
    for (let alpha = -3; alpha <= 3; alpha += 0.0137) {
      const exact = 1.2 / (1 + Math.exp(-alpha)) - 0.1;
      expect(Math.abs(sigmoid.at(alpha) - Math.min(1, Math.max(0, exact)))).toBeLessThan(1e-7);
      if (exact <= 0 || exact >= 1) continue;
      expect(sigmoid.inverse(exact)).toBeCloseTo(alpha, 9);
      const slope = (1.2 * Math.exp(-alpha)) / (1 + Math.exp(-alpha)) ** 2;
      expect(sigmoid.slope(exact)).toBeCloseTo(slope, 9);
    }
  });

  it('looks powers up to 1e-4', () => {
    const power = new PowerTable();
    for (const exponent of [1, 2.5, 19]) {
      power.exponent = exponent;
      for (let t = -1; t <= 1; t += 0.0123) {
        expect(Math.abs(power.at(t) - Math.abs(t) ** exponent)).toBeLessThan(1e-4);
      }
      expect(power.at(1)).toBe(1);
    }
  });
});
