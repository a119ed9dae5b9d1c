import './relaxed-simd.ts';
import { describe, it } from 'vitest';
import { createCpuDevice } from '../src/index.ts';
import { describeDeviceConformance } from '../src/testing/index.ts';

for (const tier of ['reference', 'wasm', 'wasm-relaxed'] as const) {
  describeDeviceConformance(`the CPU tier ${tier}`, () => createCpuDevice({ tier }), { describe, it });
}
