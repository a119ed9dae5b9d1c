import { compileModule, createMemory, encodeKernels, instantiateKernels, kernelKey } from '@qedge/codegen';
import { BudgetExceededError, VerificationError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { type DensePlan, planModel } from '../src/cpu/model-plan.ts';
import { verifyDense } from '../src/cpu/verify-dense.ts';
import { packWeights } from '../src/cpu/wasm-model.ts';
import { loadFloat32Model } from '../src/float32-model.ts';
import { loadIntegerModel } from '../src/integer-model.ts';
import { randomModel } from '../src/testing/index.ts';

const MAX_BATCH = 4;

/** A packed layer whose batches run one row at a time, with a chance to spoil the arena or the kernel. */
function layer(precision: 'float32' | 'int8' | 'int4', units: number) {
  const { graph, weights } = randomModel({ sizes: [10, units], seed: 1 });
  const source =
    precision === 'float32'
      ? loadFloat32Model('cpu', graph, weights, { precision, maxBatch: MAX_BATCH })
      : loadIntegerModel(graph, weights, precision);
  const plan = planModel(source, precision, MAX_BATCH, 'strict');
  const memory = createMemory(plan.byteLength);
  packWeights(plan, memory.buffer);
  const kernels = instantiateKernels(compileModule(encodeKernels(plan.kernels, 'strict')), memory);
  const dense = plan.steps[0] as DensePlan;
  const gemm = kernels.get(kernelKey(dense.gemms[0]!))!;
  const execute = (batch: number) => {
    const { quantize } = dense;
    if (quantize) {
      const convert = kernels.get(kernelKey(quantize.description))!;
      convert(dense.inputAddress, quantize.codesAddress, batch, quantize.parametersAddress);
    }
    const a = quantize?.codesAddress ?? dense.inputAddress;
    gemm(a, dense.panelsAddress, dense.outputAddress, batch, dense.scalesAddress, dense.biasAddress);
  };
  return { dense, memory, execute };
}

describe.each(['float32', 'int8', 'int4'] as const)('verification at %s', (precision) => {
  it.each([1, 9, 100])('accepts a right kernel with %i units', (units) => {
    const { dense, memory, execute } = layer(precision, units);
    expect(() => verifyDense(dense, { execute }, memory.buffer, MAX_BATCH, 'strict')).not.toThrow();
  });

  it('refuses panels that are not the weights, and names the layer', () => {
    const { dense, memory, execute } = layer(precision, 9);
    new Uint8Array(memory.buffer, dense.panelsAddress, dense.layout.byteLength).reverse();
    const verify = () => verifyDense(dense, { execute }, memory.buffer, MAX_BATCH, 'strict');
    expect(verify).toThrow(VerificationError);
    expect(verify).toThrow(/"dense 1"/);
  });

  it('refuses a wrong last column', () => {
    const { dense, memory, execute } = layer(precision, 100);
    const spoiled = (batch: number) => {
      execute(batch);
      const output = new Float32Array(memory.buffer, dense.outputAddress, batch * 100);
      output[99] = output[99]! + 0.01;
    };
    const verify = () => verifyDense(dense, { execute: spoiled }, memory.buffer, MAX_BATCH, 'relaxed');
    expect(verify).toThrow(VerificationError);
  });

  it('refuses a kernel that leaves out the last row of a batch', () => {
    const { dense, memory, execute } = layer(precision, 9);
    const lazy = { execute: (batch: number) => execute(Math.min(batch, 3)) };
    expect(() => verifyDense(dense, lazy, memory.buffer, MAX_BATCH, 'strict')).toThrow(VerificationError);
  });
});

describe('a plan', () => {
  const { graph, weights } = randomModel({ sizes: [30, 20, 9, 5], seed: 2, softmax: true });
  const source = loadIntegerModel(graph, weights, 'int8');

  it('keeps weights, and buffers that are in use together, apart', () => {
    const plan = planModel(source, 'int8', 7, 'strict');
    expect(plan.byteLength).toBe(plan.weightBytes + plan.bufferBytes);
    for (const step of plan.steps) {
      if (step.kind === 'softmax') continue;
      const { inputSize, units } = step.step;
      const ranges = [
        [step.inputAddress, 7 * inputSize * 4],
        [step.quantize!.codesAddress, 7 * step.layout.rowByteLength],
        [step.outputAddress, 7 * units * 4],
      ].sort((a, b) => a[0]! - b[0]!);
      expect(ranges[0]![0]).toBeGreaterThanOrEqual(plan.weightBytes);
      ranges.forEach(([address, bytes], i) => {
        expect(address! + bytes!).toBeLessThanOrEqual(ranges[i + 1]?.[0] ?? plan.byteLength);
      });
    }
  });

  it('generates the kernels that batches up to maxBatch need, and no others', () => {
    const single = planModel(source, 'int8', 1, 'strict').kernels.map(kernelKey);
    expect(single).toEqual([
      'gemm-int8-1x30x20-bias-relu',
      'quantize-30',
      'gemm-int8-1x20x9-bias-relu',
      'quantize-20',
      'gemm-int8-1x9x5-bias',
      'quantize-9',
    ]);
    const heights = planModel(source, 'int8', 3, 'strict').kernels.filter((kernel) => kernel.kind === 'gemm');
    expect([...new Set(heights.map(({ rows }) => rows))]).toEqual([1, 2, 3]);
  });

  it('refuses what does not fit 2 GiB', () => {
    expect(() => planModel(source, 'int8', 2 ** 24, 'strict')).toThrow(BudgetExceededError);
  });
});
