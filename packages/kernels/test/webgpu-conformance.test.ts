import type { CapabilityUnavailableError, Device } from '@qedge/core';
import { afterAll, describe, it } from 'vitest';
import { requestNodeGpu } from '../src/node.ts';
import { deviceConformanceCases } from '../src/testing/index.ts';
import { createWebGpuDevice } from '../src/webgpu.ts';

const found = await requestNodeGpu({ allowSoftware: true }).catch(
  (error: CapabilityUnavailableError) => error,
);
const missing = found instanceof Error ? found.message : '';
if (missing) console.warn(`SKIPPED: the WebGPU device conformance. ${missing}`);

describe.skipIf(missing !== '')('webgpu as a device', () => {
  // A software adapter compiles its programs anew for every device: the cases share one, unless they dispose it.
  let shared: Device | null = null;
  afterAll(() => shared?.dispose());
  const create = () => createWebGpuDevice('gpu' in found ? { gpu: found.gpu } : {});

  // The device states float32 alone.
  const cases = deviceConformanceCases().filter(
    ({ precision }) => precision === null || precision === 'float32',
  );
  for (const conformance of cases) {
    it(conformance.name, async () => {
      if (conformance.name.includes('device was disposed')) {
        using device = await create();
        await conformance.run(device);
        return;
      }
      shared ??= await create();
      await conformance.run(shared);
    });
  }
});
