import { describe, it } from 'vitest';
import { describeOperations } from './operation-suite.ts';
import { openX64Machine, x64Profiles } from './x64-machine.ts';

const machine = openX64Machine();

if (machine === null) {
  describe('the x86-64 targets', () => {
    it.skip('run their operations (no machine code can run here)', () => {});
  });
} else {
  for (const { name, createTarget } of x64Profiles(machine.features)) {
    describeOperations<Uint8Array>({
      name,
      traits: createTarget().traits,
      createTarget,
      createMemory: (byteLength) => machine.createMemory(byteLength),
      run: (code, _memory, block) => machine.load(code)(block),
    });
  }
}
