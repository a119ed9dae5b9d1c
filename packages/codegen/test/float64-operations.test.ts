import './relaxed-simd.ts';
import { describe, it } from 'vitest';
import { Avx2Target } from '../src/x64/avx2-target.ts';
import { Avx512Target, supportsAvx512 } from '../src/x64/avx512-target.ts';
import { describeFloat64Operations } from './operation-suite.ts';
import { wasmBackend } from './wasm-backend.ts';
import { openX64Machine } from './x64-machine.ts';

for (const dialect of ['strict', 'relaxed', 'relaxed-pairs'] as const) {
  describeFloat64Operations(wasmBackend(dialect, false, 'float64'));
}

const machine = openX64Machine();

if (machine === null) {
  describe('the x86-64 targets on float64', () => {
    it.skip('run their operations (no machine code can run here)', () => {});
  });
} else {
  const { features } = machine;
  const targets = supportsAvx512(features) ? [Avx512Target, Avx2Target] : [Avx2Target];
  for (const Target of targets) {
    for (const strict of [false, true]) {
      const createTarget = () => new Target(features, { strict, element: 'float64' });
      const { traits } = createTarget();
      describeFloat64Operations<Uint8Array>({
        name: traits.id,
        traits,
        createTarget,
        createMemory: (byteLength) => machine.createMemory(byteLength),
        run: (code, _memory, block) => machine.load(code)(block),
      });
    }
  }
}
