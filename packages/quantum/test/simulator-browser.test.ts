import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceSimulator, type StateVectorOptions } from '../src/index.ts';
import { createStateVectorSimulator } from '../src/node.ts';
import { BROWSER_MISSING, BrowserPages } from './browser-pages.ts';
import { entangledTransform } from './entangled-transform.ts';
import type { PageReport } from './simulator-page.ts';

if (BROWSER_MISSING) console.warn(`SKIPPED: simulators in a browser. ${BROWSER_MISSING}`);

const SHOTS = 4000;
/** Per amplitude, of some hundred gates; amplitudes are at most 1. */
const TOLERANCES = { f32: 1e-6, f64: 1e-13 } as const;
/** So many qubits that two threads share the work; each hand-over takes some microseconds. */
const WIDE = 16;

describe.skipIf(BROWSER_MISSING !== '')('a state-vector simulator in a browser', () => {
  let pages: BrowserPages;
  beforeAll(async () => {
    pages = await BrowserPages.start('simulator-page.ts');
  });
  afterAll(() => pages?.close());

  const simulate = async (
    isolated: boolean,
    qubitCount: number,
    options: StateVectorOptions,
  ): Promise<PageReport> => {
    const page = await pages.open(isolated);
    try {
      return (await page.evaluate(
        `simulate(${qubitCount}, ${SHOTS}, ${JSON.stringify(options)})`,
      )) as PageReport;
    } finally {
      await page.close();
    }
  };

  it.each(['f32', 'f64'] as const)(
    'gives the same state with one thread and with two (%s)',
    async (precision) => {
      const alone = await simulate(false, 10, { precision });
      const shared = await simulate(true, 10, { precision, threads: 2 });
      expect(alone).toMatchObject({ isolated: false, threads: 1 });
      expect(shared).toMatchObject({ isolated: true, threads: 2 });
      expect(alone.target).toMatch(/^wasm/);
      expect({ ...shared, isolated: false, threads: 1 }).toEqual(alone);
    },
  );

  it.each(['f32', 'f64'] as const)(
    'gives the same state where threads share the work (%s)',
    async (precision) => {
      const page = await pages.open(true);
      const report = await page.evaluate(`compareThreads(${WIDE}, '${precision}')`);
      await page.close();
      expect(report).toEqual({ threads: [1, 2], differences: 0 });
    },
  );

  it.each(['f32', 'f64'] as const)('gives the state that Node gives (%s)', async (precision) => {
    const { amplitudes, counts } = await simulate(false, 10, { precision });
    const circuit = entangledTransform(10);
    using native = await createStateVectorSimulator({ precision });
    using here = native.run(circuit);
    using exact = createReferenceSimulator().run(circuit);
    expect(largestDifference(amplitudes, here.amplitudes())).toBeLessThan(2 * TOLERANCES[precision]);
    expect(largestDifference(amplitudes, exact.amplitudes())).toBeLessThan(TOLERANCES[precision]);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(SHOTS);
  });

  it('has one thread where the page is not isolated', async () => {
    const report = await simulate(false, 4, { precision: 'f32', threads: 2 });
    expect(report).toMatchObject({ isolated: false, threads: 1 });
  });
});

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i += 2) {
    largest = Math.max(largest, Math.hypot(a[i]! - b[i]!, a[i + 1]! - b[i + 1]!));
  }
  return largest;
}
