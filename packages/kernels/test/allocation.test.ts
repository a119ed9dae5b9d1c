import './relaxed-simd.ts';
import { describe, expect, it } from 'vitest';
import { createCpuDevice, createKernelEngine } from '../src/node.ts';
import { randomInput, randomModel } from '../src/testing/index.ts';
import { presentIsas } from './present-ways.ts';
import { ALLOWED_BYTES, collectGarbage, findAllocation, growthOf, RUNS } from './steady-state.ts';

// The interpreter allocates as it goes.
const COMPILED = presentIsas().filter((isa) => isa !== 'interpreter');

describe.each(COMPILED)('the steady state on %s', (isa) => {
  it.each(['float32', 'int8', 'int4'] as const)(
    'allocates nothing over 10,000 runs at %s',
    async (precision) => {
      const { graph, weights } = randomModel({ sizes: [196, 32, 16, 10], seed: 1, softmax: true });
      using device = await createCpuDevice({ isa });
      using model = await device.compile(graph, weights, { precision, maxBatch: 4 });
      for (const batch of [1, 3]) {
        const input = randomInput(196, batch, 1);
        const output = new Float32Array(batch * 10);
        expect(
          findAllocation(() => model.run(input, output, batch)),
          `batch ${batch}`,
        ).toBeNull();
      }
    },
  );

  it.each(['float32', 'int8'] as const)(
    'lets go of a disposed %s model while its device lives on',
    async (precision) => {
      const { graph, weights } = randomModel({ sizes: [6, 4], seed: 1 });
      using device = await createCpuDevice({ isa });
      const compileAndDispose = async () => {
        const model = await device.compile(graph, weights, { precision, maxBatch: 1 });
        model.dispose();
        return new WeakRef(model);
      };
      const forgotten = await compileAndDispose();
      for (let turn = 0; turn < 20 && forgotten.deref(); turn++) {
        // A WeakRef holds its target until the end of the turn in which it was looked at.
        await new Promise((resolve) => setTimeout(resolve, 5));
        collectGarbage();
      }
      expect(forgotten.deref()).toBeUndefined();
      expect(device.precisions).toContain(precision);
    },
  );

  it('allocates nothing over 10,000 runs of bound kernels', async () => {
    using engine = await createKernelEngine({ isa });
    const space = engine.workspace(1 << 16);
    const [a, b, c] = [space.float32(6 * 5), space.float32(5 * 4), space.float32(6 * 4)];
    const codes = space.int8(6 * 5);
    const bound = [
      space.gemm({ m: 6, n: 4, k: 5, a, b, c, activation: 'relu' }),
      space.integerGemm({ m: 6, n: 4, k: 5, a: codes, b: new Int8Array(20), c: space.int32(24) }),
    ];
    const runAll = () => {
      for (let j = 0; j < bound.length; j++) bound[j]!.run();
    };
    expect(findAllocation(runAll)).toBeNull();
  });

  it('is measured by something that sees one small object per run', async () => {
    const kept: Float32Array[] = new Array<Float32Array>(RUNS);
    const shared = new Float32Array(16);
    let next = 0;
    const allocate = () => {
      kept[next++ % RUNS] = shared.subarray(0, 8);
    };
    const growths = Array.from({ length: 5 }, () => growthOf(allocate).heap);
    expect(Math.min(...growths)).toBeGreaterThan(ALLOWED_BYTES);
    expect(kept).toHaveLength(RUNS);
  });
});
