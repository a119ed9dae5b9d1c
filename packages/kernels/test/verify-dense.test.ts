import { createKernelHost } from '@qedge/codegen/node';
import { BudgetExceededError, VerificationError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { type PlannedDense, planModel, planSteps } from '../src/cpu/model-plan.ts';
import { verifyDense } from '../src/cpu/verify-dense.ts';
import { Arena } from '../src/engine/arena.ts';
import { writeBlock } from '../src/engine/binding.ts';
import { KernelCalls } from '../src/engine/kernel-calls.ts';
import { loadFloat32Model } from '../src/float32-model.ts';
import { loadIntegerModel } from '../src/integer-model.ts';
import { randomModel } from '../src/testing/index.ts';

const BATCH = 4;

/** A packed layer, with a chance to spoil the memory or the kernel. */
function layer(precision: 'float32' | 'int8' | 'int4', units: number) {
  const { host } = createKernelHost({ isa: 'wasm-strict' });
  const { graph, weights } = randomModel({ sizes: [10, units], seed: 1 });
  const source =
    precision === 'float32'
      ? loadFloat32Model('cpu', graph, weights, { precision, maxBatch: BATCH })
      : loadIntegerModel(graph, weights, precision);
  const plan = planModel(source, { precision, maxBatch: BATCH, traits: host.traits });
  const dataBytes = plan.weightBytes + plan.bufferBytes;
  const arena = new Arena(host.createMemory(dataBytes + 1024));
  arena.allocate(dataBytes, 'weights and activations');
  const dense = plan.layers[0] as PlannedDense;
  const { buffer, byteOffset, address } = arena.memory;
  const packed = new Uint8Array(buffer, byteOffset + dense.weights, dense.layer.weightBytes);
  dense.layer.pack(packed);
  const callsOf = (batch: number) => {
    const steps = planSteps(dense, address, 1).map((step) => {
      return step.map(({ describe, fields, rows }) => {
        const withRows = fields.map((field, index) =>
          index === rows?.field ? batch * rows.perSample : field,
        );
        return { description: describe(batch), block: writeBlock(arena, withRows).address };
      });
    });
    return KernelCalls.load(host, null, steps, arena.memory);
  };
  return { dense, memory: arena.memory, packed, callsOf };
}

describe.each(['float32', 'int8', 'int4'] as const)('verification at %s', (precision) => {
  it.each([1, 9, 100])('accepts a right kernel with %i units', (units) => {
    const { dense, memory, callsOf } = layer(precision, units);
    expect(() => verifyDense(dense, callsOf(BATCH), memory, BATCH, true)).not.toThrow();
  });

  it('refuses weights that were packed wrongly, and names the layer', () => {
    const { dense, memory, packed, callsOf } = layer(precision, 9);
    packed.reverse();
    const verify = () => verifyDense(dense, callsOf(BATCH), memory, BATCH, true);
    expect(verify).toThrow(VerificationError);
    expect(verify).toThrow(/"dense 1"/);
  });

  it('refuses a wrong last column', () => {
    const { dense, memory, callsOf } = layer(precision, 100);
    const calls = callsOf(BATCH);
    const output = new Float32Array(memory.buffer, memory.byteOffset + dense.output, BATCH * 100);
    const spoiled = {
      run() {
        calls.run();
        output[99] = output[99]! + 0.01;
      },
    };
    expect(() => verifyDense(dense, spoiled, memory, BATCH, false)).toThrow(VerificationError);
  });

  it('refuses a kernel that leaves out the last row of a batch', () => {
    const { dense, memory, callsOf } = layer(precision, 9);
    expect(() => verifyDense(dense, callsOf(BATCH - 1), memory, BATCH, true)).toThrow(VerificationError);
  });
});

describe('a plan', () => {
  const { graph, weights } = randomModel({ sizes: [30, 20, 9, 5], seed: 2, softmax: true });
  const source = loadIntegerModel(graph, weights, 'int8');
  const { traits } = createKernelHost({ isa: 'wasm-strict' }).host;

  it('keeps weights, and buffers that are in use together, apart', () => {
    const plan = planModel(source, { precision: 'int8', maxBatch: 7, traits });
    for (const planned of plan.layers) {
      if (planned.kind === 'softmax') continue;
      const { layer: dense, input, codes, output } = planned;
      const { inputSize, units } = dense.step;
      const ranges = [
        [input, 7 * inputSize * 4],
        [codes, 7 * dense.codeBytes],
        [output, 7 * units * 4],
      ].sort((a, b) => a[0]! - b[0]!);
      expect(ranges[0]![0]).toBeGreaterThanOrEqual(plan.weightBytes);
      ranges.forEach(([start, bytes], i) => {
        expect(start! + bytes!).toBeLessThanOrEqual(
          ranges[i + 1]?.[0] ?? plan.weightBytes + plan.bufferBytes,
        );
      });
    }
  });

  it('counts the operations of a sample', () => {
    const plan = planModel(source, { precision: 'int8', maxBatch: 1, traits });
    expect(plan.operations).toBe(2 * (30 * 20 + 20 * 9 + 9 * 5));
  });

  it('refuses what does not fit 2 GiB', () => {
    expect(() => planModel(source, { precision: 'int8', maxBatch: 2 ** 24, traits })).toThrow(
      BudgetExceededError,
    );
  });
});
