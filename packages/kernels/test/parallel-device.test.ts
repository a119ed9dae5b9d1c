import {
  type CompiledModel,
  type Device,
  InvalidArgumentError,
  ManualClock,
  UnsupportedError,
  UseAfterReleaseError,
} from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createParallelDevice } from '../src/index.ts';
import { createCpuDevice, loadOnnxRuntime } from '../src/node.ts';
import { createOrtDevice } from '../src/ort.ts';
import { type DeviceCost, makespanMs, splitBatch } from '../src/parallel/split-batch.ts';
import { describeDeviceConformance, randomInput, randomModel, runReference } from '../src/testing/index.ts';

const { ort } = await loadOnnxRuntime();

/** Every way to divide `batch` over `devices`. */
function* divisions(batch: number, devices: number): Generator<number[]> {
  if (devices === 1) {
    yield [batch];
    return;
  }
  for (let first = 0; first <= batch; first++) {
    for (const rest of divisions(batch - first, devices - 1)) yield [first, ...rest];
  }
}

const cost = fc.record<DeviceCost>({
  fixedMs: fc.constantFrom(0, 0.1, 1, 5),
  perSampleMs: fc.constantFrom(0.1, 0.3, 1, 2.5),
  concurrent: fc.boolean(),
});

describe('splitBatch', () => {
  it('is as early as the best of all divisions', () => {
    fc.assert(
      fc.property(
        fc.array(cost, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 12 }),
        (costs, batch) => {
          const counts = splitBatch(batch, costs);
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(batch);
          expect(Math.min(...counts)).toBeGreaterThanOrEqual(0);
          const best = Math.min(
            ...Array.from(divisions(batch, costs.length), (each) => makespanMs(each, costs)),
          );
          expect(makespanMs(counts, costs)).toBeLessThanOrEqual(best + 1e-9);
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });

  it('gives a device three times as fast three times as much', () => {
    const costs = [1, 3].map((perSampleMs) => ({ fixedMs: 0, perSampleMs, concurrent: true }));
    expect(splitBatch(400, costs)).toEqual([300, 100]);
  });

  it('divides large batches over more devices than it weighs up', () => {
    const costs = Array.from({ length: 12 }, () => ({ fixedMs: 0.5, perSampleMs: 1, concurrent: true }));
    expect(splitBatch(1200, costs)).toEqual(new Array(12).fill(100));
  });
});

describeDeviceConformance(
  'several devices',
  async () => createParallelDevice([await createCpuDevice(), await createOrtDevice(ort, { threads: 1 })]),
  { describe, it },
);

/** A device whose runs take exactly what they are told to, on a clock of its own. */
function timedDevice(device: Device, clock: ManualClock, perSampleMs: number): Device {
  return {
    kind: device.kind,
    name: device.name,
    precisions: device.precisions,
    fallbacks: device.fallbacks,
    async compile(graph, weights, options): Promise<CompiledModel> {
      const model = await device.compile(graph, weights, options);
      const run: CompiledModel['run'] = async (input, output, batch) => {
        await model.run(input, output, batch);
        clock.advance(batch * perSampleMs);
      };
      const { precision, maxBatch, inputShape, outputShape, memory } = model;
      const dispose = () => model.dispose();
      return {
        device: device.name,
        precision,
        maxBatch,
        inputShape,
        outputShape,
        memory,
        run,
        dispose,
        [Symbol.dispose]: dispose,
      };
    },
    dispose: () => device.dispose(),
    [Symbol.dispose]: () => device.dispose(),
  };
}

describe('a parallel device', () => {
  it('gives each device what its measured speed is worth, and keeps the order of samples', async () => {
    const clock = new ManualClock();
    const devices = [
      timedDevice(await createCpuDevice(), clock, 1),
      timedDevice(await createOrtDevice(ort, { threads: 1 }), clock, 4),
    ];
    using device = createParallelDevice(devices, { clock });
    const model = randomModel({ sizes: [20, 16, 3], seed: 9 });
    using compiled = await device.compile(model.graph, model.weights, { precision: 'float32', maxBatch: 50 });
    expect(compiled.shares(50).map(({ samples }) => samples)).toEqual([40, 10]);
    const input = randomInput(20, 50, 3);
    const output = new Float32Array(50 * 3);
    await compiled.run(input, output, 50);
    const expected = runReference(model.graph, model.weights, input, 50, 'float32');
    for (const [at, value] of expected.entries()) expect(output[at]).toBeCloseTo(value, 4);
  });

  it('refuses no devices, and devices without a common precision', async () => {
    expect(() => createParallelDevice([])).toThrow(InvalidArgumentError);
    using twice = await createCpuDevice({ isa: 'interpreter' });
    expect(() => createParallelDevice([twice, twice])).toThrow(InvalidArgumentError);
    using cpu = await createCpuDevice();
    const other: Device = { ...timedDevice(cpu, new ManualClock(), 1), precisions: ['float16'] };
    const dispose = vi.spyOn(other, 'dispose');
    expect(() => createParallelDevice([cpu, other])).toThrow(UnsupportedError);
    // They were handed over: nobody else could give them back.
    expect(dispose).toHaveBeenCalledOnce();
  });

  it('gives no model when it was disposed while it compiled', async () => {
    const clock = new ManualClock();
    let device: ReturnType<typeof createParallelDevice> | null = null;
    const closing = timedDevice(await createCpuDevice(), clock, 1);
    const compile: Device['compile'] = async (...given) => {
      const model = await closing.compile(...given);
      queueMicrotask(() => device!.dispose());
      return model;
    };
    device = createParallelDevice([{ ...closing, compile }], { clock });
    const model = randomModel({ sizes: [4, 3], seed: 9 });
    const compiling = device.compile(model.graph, model.weights, { precision: 'float32', maxBatch: 2 });
    await expect(compiling).rejects.toThrow(UseAfterReleaseError);
  });
});
