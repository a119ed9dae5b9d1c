import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BROWSER_MISSING, BrowserPages } from './browser-pages.ts';

if (BROWSER_MISSING) console.warn(`SKIPPED: WebAssembly kernels in a browser. ${BROWSER_MISSING}`);

describe.skipIf(BROWSER_MISSING !== '')('WebAssembly kernels in a browser', () => {
  let pages: BrowserPages;
  beforeAll(async () => {
    pages = await BrowserPages.start('test/wasm-page.ts');
  }, 60_000);
  afterAll(() => pages?.close());

  async function evaluate<Result>(isolated: boolean, expression: string): Promise<Result> {
    const page = await pages.open(isolated);
    try {
      return (await page.evaluate(expression)) as Result;
    } finally {
      await page.close();
    }
  }

  it.each([
    ['strict', false, false],
    ['relaxed', true, true],
    ['relaxed-pairs', true, false],
  ] as const)(
    'do what the interpreter does: %s, isolated %s, shared memory %s',
    async (dialect, isolated, shared) => {
      const { count, failures } = await evaluate<{ count: number; failures: string[] }>(
        isolated,
        `runOperations('${dialect}', ${shared})`,
      );
      expect(failures).toEqual([]);
      expect(count).toBeGreaterThan(300);
    },
    60_000,
  );

  it.each(['wasm-strict', 'wasm', 'wasm-256'])('compute what the reference does: %s', async (isa) => {
    expect(await evaluate(false, `runSampleKernels('${isa}')`)).toEqual([]);
  });

  it('run on shared memory in an isolated page', async () => {
    expect(await evaluate(true, 'chooseHost({ shared: true })')).toEqual({
      isa: 'wasm',
      fallbacks: [],
      shared: true,
      portable: true,
    });
  });

  it('run on private memory in a page that is not isolated, and say so', async () => {
    expect(await evaluate(false, 'chooseHost({ shared: true, strict: true })')).toEqual({
      isa: 'wasm-strict',
      fallbacks: [
        { from: 'shared memory', to: 'private memory', why: 'the page is not cross-origin isolated' },
      ],
      shared: false,
      portable: false,
    });
  });

  it('are not machine code, and the error says where that is', async () => {
    await expect(evaluate(false, "chooseHost({ isa: 'avx2' })")).rejects.toThrow(/@qedge\/codegen\/node/);
  });
});
