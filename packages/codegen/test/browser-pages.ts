import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'tsup';

const CHROMIUM = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';

/** Why no browser can be tested here; empty where one can. */
export const BROWSER_MISSING = existsSync(CHROMIUM)
  ? ''
  : `there is no ${CHROMIUM}: apt-get install chromium`;

/** Pages in a headless Chromium that run one bundled module, with and without cross-origin isolation. */
export class BrowserPages {
  readonly #folder = mkdtempSync(join(tmpdir(), 'qedge-codegen-page-'));
  readonly #server: Server;
  readonly #browser: Browser;

  private constructor(server: (folder: string) => Server, browser: Browser) {
    this.#server = server(this.#folder);
    this.#browser = browser;
  }

  /** @param entry the module, a path in this package. @param args further arguments of the browser. */
  static async start(entry: string, args: readonly string[] = []): Promise<BrowserPages> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', ...args] });
    const pages = new BrowserPages(serve, browser);
    await build({
      config: false,
      entry: { page: fileURLToPath(new URL(`../${entry}`, import.meta.url)) },
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
  }

  /** A page whose module has run. @param policy its content security policy. */
  async open(isolated: boolean, policy?: string): Promise<Page> {
    const page = await this.#browser.newPage();
    const { port } = this.#server.address() as AddressInfo;
    const query = policy === undefined ? '' : `?${encodeURIComponent(policy)}`;
    await page.goto(`http://127.0.0.1:${port}/${isolated ? 'isolated' : 'plain'}${query}`);
    await page.waitForFunction('globalThis.ready === true');
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Serves the bundle at `/page.js` and a page that loads it anywhere else; isolated pages and what they load carry both headers. */
function serve(folder: string): Server {
  return createServer((request, response) => {
    const [path, policy] = (request.url ?? '/').split('?') as [string, string?];
    if (policy !== undefined) response.setHeader('content-security-policy', decodeURIComponent(policy));
    if (path === '/isolated' || request.headers.referer?.includes('/isolated')) {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
    }
    const script = path === '/page.js';
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(
      script
        ? readFileSync(join(folder, 'page.js'))
        : '<!doctype html><title>kernels</title><script type="module" src="/page.js"></script>',
    );
  });
}
