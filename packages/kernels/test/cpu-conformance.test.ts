import './relaxed-simd.ts';
import type { Isa } from '@qedge/codegen';
import { createKernelHost } from '@qedge/codegen/node';
import { describe, it } from 'vitest';
import { createCpuDevice } from '../src/node.ts';
import { describeDeviceConformance } from '../src/testing/index.ts';

const WAYS: readonly { readonly isa: Isa; readonly strict?: boolean; readonly threads?: number }[] = [
  { isa: 'avx512' },
  { isa: 'avx512', strict: true },
  { isa: 'avx512', threads: 2 },
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
  if (missing === null) describeDeviceConformance(name, () => createCpuDevice(options), { describe, it });
  else it.skip(`${name} as a device: ${missing}`);
}

function whyMissing(isa: Isa): string | null {
  try {
    createKernelHost({ isa }).host.dispose();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
