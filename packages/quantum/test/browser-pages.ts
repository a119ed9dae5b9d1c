import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'tsup';

const CHROMIUM = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';

/** Why no browser can be tested here; empty where one can. */
export const BROWSER_MISSING = existsSync(CHROMIUM)
  ? ''
  : `there is no ${CHROMIUM}: apt-get install chromium`;

/** Pages in a headless Chromium that run one bundled module, with and without cross-origin isolation. */
export class BrowserPages {
  readonly #folder = mkdtempSync(join(tmpdir(), 'qedge-quantum-page-'));
  readonly #server: Server;
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
    this.#server = serve(join(this.#folder, 'page.js'));
  }

  /** @param entry the module, a path beside this file; it sets `globalThis.ready` when it has run. */
  static async start(entry: string): Promise<BrowserPages> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    const pages = new BrowserPages(browser);
    try {
      await build({
        config: false,
        entry: { page: join(import.meta.dirname, entry) },
        outDir: pages.#folder,
        outExtension: () => ({ js: '.js' }),
        format: 'esm',
        platform: 'browser',
        target: 'es2022',
        noExternal: [/^@qedge\//],
        silent: true,
        esbuildOptions: (options) => {
          options.conditions = ['@qedge/source'];
        },
      });
      await new Promise<void>((resolve) => pages.#server.listen(0, '127.0.0.1', resolve));
      return pages;
    } catch (error) {
      await pages.close();
      throw error;
    }
  }

  /** A page whose module has run. @param isolated whether its threads may share memory. */
  async open(isolated: boolean): Promise<Page> {
    const page = await this.#browser.newPage();
    const { port } = this.#server.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/${isolated ? 'isolated' : 'plain'}`);
    await page.waitForFunction('globalThis.ready === true');
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Serves the module at `/page.js` and a page that loads it anywhere else; all but `/plain` carry the headers of isolation. */
function serve(module: string): Server {
  return createServer((request, response) => {
    if (request.url !== '/plain') {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
    }
    const isModule = request.url === '/page.js';
    response.setHeader('content-type', isModule ? 'text/javascript' : 'text/html');
    response.end(
      isModule
        ? readFileSync(module)
        : '<!doctype html><title>circuits</title><script type="module" src="/page.js"></script>',
    );
  });
}
