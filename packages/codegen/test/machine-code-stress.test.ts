import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BundledProject, nodeExecutables } from './bundled-project.ts';
import type { StressReport } from './guard-page-stress.ts';
import { hostFeatures, missingMachineCode } from './host-features.ts';

const missing = missingMachineCode();
if (missing) console.warn(`SKIPPED: the stress of machine code. ${missing}`);

/** In each process; about 100,000 over all. */
const CALLS = 26_000;
const PRODUCTS = 600;

describe.skipIf(missing !== '')('generated code under stress', () => {
  const project = new BundledProject();
  beforeAll(() => project.build({ stress: 'test/guard-page-stress.ts', products: 'test/product-stress.ts' }));
  afterAll(() => project.remove());

  const isas = missing
    ? []
    : (['avx512', 'avx2'] as const).filter((isa) => hostFeatures()[isa === 'avx512' ? 'avx512f' : 'avx2']);
  const cases = nodeExecutables().flatMap((node) => isas.map((isa) => [isa, node] as const));

  it.each(cases)(
    `${CALLS} calls of %s code between guard pages neither fault nor err (%s)`,
    async (isa, node) => {
      const { output, complaints, exitCode, signal } = await project.run(
        `import { stress } from './stress.mjs';
       console.log(JSON.stringify(stress(${JSON.stringify(isa)}, ${CALLS}, 20261122)));`,
        { node, flags: ['--expose-gc'] },
      );
      expect({ exitCode, signal }, complaints).toEqual({ exitCode: 0, signal: null });
      const report: StressReport = JSON.parse(output);
      expect(report.wrong).toEqual([]);
      expect(report.calls).toBe(CALLS);
      expect(report.kernels).toBeGreaterThanOrEqual(CALLS / 40);
      expect(report.collections).toBe(CALLS / 2000);
    },
  );

  it.each(cases)(
    `${PRODUCTS} products of %s code, each operand between guard pages (%s)`,
    async (isa, node) => {
      const { output, complaints, exitCode, signal } = await project.run(
        `import { stressProducts } from './products.mjs';
       console.log(JSON.stringify(stressProducts(${JSON.stringify(isa)}, ${PRODUCTS}, 20261122)));`,
        { node, flags: ['--expose-gc'] },
      );
      expect({ exitCode, signal }, complaints).toEqual({ exitCode: 0, signal: null });
      const report: StressReport = JSON.parse(output);
      expect(report.wrong).toEqual([]);
      expect(report.calls).toBe(PRODUCTS);
      expect(report.kernels).toBeGreaterThanOrEqual(PRODUCTS / 20);
    },
  );
});
