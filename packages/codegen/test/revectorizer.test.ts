import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BundledProject, nodeExecutables } from './bundled-project.ts';

// The flags of V8 belong to a whole process, so each test is a process of its own.
const PROGRAM = `
import { createWasmHost, kernelTrial, setArgument } from './index.mjs';
import { detectRevectorizer, withRevectorizer } from './node.mjs';
const found = detectRevectorizer();
const result = { major: Number(process.versions.v8.split('.')[0]), found };
const description = { kind: 'peak', operation: 'fma', turns: 4000 };
const prepare = (host) => {
  const memory = host.createMemory(65536);
  const [kernel] = host.load([description], memory);
  const trial = kernelTrial(description, host.traits, 'all', 1);
  const block = trial.prepare(memory);
  let best = Infinity;
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    kernel.run(block);
    best = Math.min(best, performance.now() - start);
  }
  return { error: trial.findError(memory), lanesPerMillisecond: host.traits.lanes / best };
};
try {
  result.packed = withRevectorizer(() => prepare(createWasmHost({ isa: 'wasm-256' })));
  result.plain = prepare(createWasmHost({ isa: 'wasm' }));
} catch (error) {
  result.refused = error.code;
}
try {
  withRevectorizer(() => { throw new TypeError('mine'); });
} catch (error) {
  result.passedOn = error.message;
}
console.log(JSON.stringify(result));
`;

describe('the revectorizer', () => {
  const project = new BundledProject();
  beforeAll(() => project.build({ index: 'src/index.ts', node: 'src/node.ts' }));
  afterAll(() => project.remove());

  it.each(nodeExecutables())(
    'packs pairs to 256 bits, or is refused with the reason: %s',
    async (node) => {
      const { output, complaints, exitCode } = await project.run(PROGRAM, { node });
      expect({ complaints, exitCode }).toEqual({ complaints: '', exitCode: 0 });
      const { major, found, packed, plain, refused, passedOn } = JSON.parse(output);
      expect(found.reason).not.toBe('');
      if (major < 13 || process.arch !== 'x64') {
        expect(found.available).toBe(false);
        expect(refused).toBe('CAPABILITY_UNAVAILABLE');
        return;
      }
      expect(found).toMatchObject({ name: 'wasm-revectorizer', available: true, remedy: null });
      expect(packed.error).toBeNull();
      expect(passedOn).toBe('mine');
      // Twice as wide: anything beyond half of that gain shows that pairs were packed.
      expect(packed.lanesPerMillisecond).toBeGreaterThan(1.5 * plain.lanesPerMillisecond);
    },
    60_000,
  );
});
