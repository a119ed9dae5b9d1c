import './relaxed-simd.ts';
import type { Isa } from '@qedge/codegen';
import { createKernelHost } from '@qedge/codegen/node';
import { describe, expect, it } from 'vitest';
import { CpuDevice } from '../src/cpu/cpu-device.ts';
import { createCpuDevice } from '../src/node.ts';
import {
  describeDeviceConformance,
  randomInput,
  randomModel,
  type TestFramework,
} from '../src/testing/index.ts';
import { eagerTeam } from './present-ways.ts';

const WAYS: readonly { readonly isa: Isa; readonly strict?: boolean; readonly threads?: number }[] = [
  { isa: 'avx512' },
  { isa: 'avx512', strict: true },
  { isa: 'avx2' },
  { isa: 'avx2', strict: true },
  { isa: 'wasm' },
  { isa: 'wasm-strict' },
  { isa: 'wasm-256' },
  { isa: 'interpreter' },
];

for (const options of WAYS) {
  const name = `cpu ${Object.values(options).join(' ')}`;
  const missing = whyMissing(options.isa);
  const framework = options.isa === 'interpreter' ? { describe, it: declareUnlessLarge } : { describe, it };
  if (missing === null) describeDeviceConformance(name, () => createCpuDevice(options), framework);
  else it.skip(`${name} as a device: ${missing}`);
}

/** The interpreter would spend most of the suite's time on the network with the most weights, which has no tile of its own. */
function declareUnlessLarge(...[name, body]: Parameters<TestFramework['it']>): void {
  if (name.includes('784-256-128-10')) it.skip(`${name}: too slow`);
  else it(name, body);
}

// Small models are not worth a handoff; here they are divided all the same.
const DIVIDED = ['avx512', 'avx2', 'wasm', 'wasm-strict'] as const;
const dividing = DIVIDED.find((isa) => whyMissing(isa) === null);
for (const isa of DIVIDED) {
  const name = `cpu ${isa} dividing every layer among three threads`;
  const missing = whyMissing(isa);
  if (missing !== null) {
    it.skip(`${name} as a device: ${missing}`);
    continue;
  }
  const make = async () => {
    return new CpuDevice({ ...createKernelHost({ isa, shared: true }), team: await eagerTeam(3) });
  };
  if (isa === dividing) describeDeviceConformance(name, make, { describe, it });

  it(`${name} gives the bits of one thread`, async () => {
    const { graph, weights } = randomModel({ sizes: [100, 77, 40, 9], seed: 3, softmax: true });
    using alone = await createCpuDevice({ isa });
    using together = await make();
    expect(together.name).toContain('3 threads');
    for (const precision of ['float32', 'int8', 'int4'] as const) {
      using first = await alone.compile(graph, weights, { precision, maxBatch: 8 });
      using second = await together.compile(graph, weights, { precision, maxBatch: 8 });
      for (const batch of [1, 5, 8]) {
        const input = randomInput(100, batch, batch);
        const outputs = [first, second].map((model) => {
          const output = new Float32Array(batch * 9);
          model.run(input, output, batch);
          return output;
        });
        expect(outputs[1]).toEqual(outputs[0]);
      }
    }
  });
}

function whyMissing(isa: Isa): string | null {
  try {
    createKernelHost({ isa }).host.dispose();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
