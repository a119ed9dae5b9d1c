import { describe, it } from 'vitest';
import { describeOperations } from './operation-suite.ts';
import { openX64Machine, type X64Machine, type X64Profile, x64Profiles } from './x64-machine.ts';

/**
 * The best and the poorest code of each target, with both roundings of `fma` among them: features only add instructions, so
 * that what lies between is made of the same parts.
 */
function testedProfiles({ features }: X64Machine): X64Profile[] {
  const profiles = x64Profiles(features);
  return ['avx512', 'avx2'].flatMap((isa) => {
    const variants = profiles.filter(({ name }) => name.startsWith(isa));
    return variants.length > 1 ? [variants[0]!, variants.at(-1)!] : variants;
  });
}

const machine = openX64Machine();

if (machine === null) {
  describe('the x86-64 targets', () => {
    it.skip('run their operations (no machine code can run here)', () => {});
  });
} else {
  for (const { name, createTarget } of testedProfiles(machine)) {
    describeOperations<Uint8Array>({
      name,
      traits: createTarget().traits,
      createTarget,
      createMemory: (byteLength) => machine.createMemory(byteLength),
      run: (code, _memory, block) => machine.load(code)(block),
    });
  }
}
