import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BROWSER_MISSING, BrowserPages } from './browser-pages.ts';
import type { TeamReport } from './team-page.ts';

if (BROWSER_MISSING) console.warn(`SKIPPED: teams in a browser. ${BROWSER_MISSING}`);

const ROUNDS = 500;

describe.skipIf(BROWSER_MISSING !== '')('a team in a browser', () => {
  let pages: BrowserPages;
  beforeAll(async () => {
    pages = await BrowserPages.start('test/team-page.ts');
  });
  afterAll(() => pages?.close());

  const run = async (
    place: 'inPage' | 'inWorker',
    size: number,
    isolated: boolean,
    policy?: string,
  ): Promise<TeamReport> => {
    const page = await pages.open(isolated, policy);
    try {
      return (await page.evaluate(`${place}(${size}, ${ROUNDS})`)) as TeamReport;
    } finally {
      await page.close();
    }
  };

  it.each([
    ['inPage', 2],
    ['inPage', 3],
    ['inWorker', 4],
  ] as const)('shares memory in an isolated page (%s, %i threads)', async (place, size) => {
    const report = await run(place, size, true);
    expect(report).toMatchObject({
      isolated: true,
      isa: 'wasm-strict',
      fallbacks: [],
      threads: size,
      reason: null,
      wrong: 0,
      disposed: 'USE_AFTER_RELEASE',
    });
    expect(report.handoffMicroseconds).toBeGreaterThan(0);
    expect(report.lost).toHaveLength(2);
    for (const lost of report.lost) {
      expect(lost).toMatch(/^THREAD_LOST Thread 1 of a team of \d is lost: .*out of bounds/);
    }
  });

  it.each(['inPage', 'inWorker'] as const)(
    'has one thread where the page is not isolated, and says why (%s)',
    async (place) => {
      const report = await run(place, 3, false);
      expect(report).toMatchObject({
        isolated: false,
        threads: 1,
        reason: 'the page is not cross-origin isolated',
        handoffMicroseconds: 0,
        wrong: 0,
      });
      expect(report.fallbacks).toMatchObject([{ from: 'shared memory' }]);
    },
  );

  it('has one thread where the page forbids its workers, and says why', async () => {
    const report = await run('inPage', 3, true, "worker-src 'self'");
    expect(report).toMatchObject({ isolated: true, threads: 1, wrong: 0 });
    expect(report.reason).toMatch(/^threads cannot be started: /);
  });
});
