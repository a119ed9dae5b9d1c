import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'tsup';

const CHROMIUM = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';

/** Why no browser can be tested here; empty where one can. */
export const BROWSER_MISSING = existsSync(CHROMIUM)
  ? ''
  : `there is no ${CHROMIUM}: apt-get install chromium`;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** What pages are made of. */
export interface PageOptions {
  /** Further arguments of the browser. */
  readonly browserArguments?: readonly string[];
  /** Files that the server has besides, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Pages in a headless Chromium that run one module, bundled with all it imports; `@qedge/kernels` is this package. */
export class BrowserPages {
  readonly #folder = mkdtempSync(join(tmpdir(), 'qedge-kernels-page-'));
  readonly #server: Server;
  readonly #browser: Browser;

  private constructor(browser: Browser, files: Readonly<Record<string, string>>) {
    this.#browser = browser;
    this.#server = serve({ ...files, 'page.js': join(this.#folder, 'page.js') });
  }

  /** @param program the text of the module. */
  static async start(program: string, options: PageOptions = {}): Promise<BrowserPages> {
    const { browserArguments = [], files = {} } = options;
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', ...browserArguments],
    });
    const pages = new BrowserPages(browser, files);
    try {
      await pages.#bundle(program);
      await new Promise<void>((resolve) => pages.#server.listen(0, '127.0.0.1', resolve));
      return pages;
    } catch (error) {
      await pages.close();
      throw error;
    }
  }

  async #bundle(program: string): Promise<void> {
    const entry = join(this.#folder, 'page.ts');
    writeFileSync(entry, program);
    const source = (name: string) => join(import.meta.dirname, '../src', name);
    await build({
      config: false,
      entry: [entry],
      outDir: this.#folder,
      outExtension: () => ({ js: '.js' }),
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      noExternal: [/.*/],
      silent: true,
      esbuildOptions: (esbuild) => {
        esbuild.conditions = ['@qedge/source'];
        // The module lies outside the package, whose dependencies it uses.
        esbuild.nodePaths = [join(import.meta.dirname, '../node_modules')];
        esbuild.alias = {
          '@qedge/kernels/testing': source('testing/index.ts'),
          '@qedge/kernels/tfjs': source('tfjs.ts'),
          '@qedge/kernels/webgpu': source('webgpu.ts'),
        };
      },
    });
  }

  /**
   * A page whose module has run, and what it complained of so far.
   *
   * @param isolated whether threads of the page may share memory.
   */
  async open(isolated: boolean): Promise<{ readonly page: Page; readonly complaints: readonly string[] }> {
    const page = await this.#browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    // Secure contexts, which `navigator.gpu` and isolation need: a page from localhost is one.
    const { port } = this.#server.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/${isolated ? 'isolated' : 'plain'}`);
    await page.waitForFunction('globalThis.ready === true');
    return { page, complaints };
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Serves files by name, and a page that loads `page.js` anywhere else; `/isolated` and what it loads carry both headers. */
function serve(files: Readonly<Record<string, string>>): Server {
  return createServer((request, response) => {
    const path = request.url ?? '/';
    const file = files[path.slice(1)];
    if (path === '/favicon.ico') {
      response.end();
      return;
    }
    if (path === '/isolated' || request.headers.referer?.includes('/isolated') || path.endsWith('.js')) {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
    }
    response.setHeader('content-type', file === undefined ? 'text/html' : CONTENT_TYPES[extname(file)]!);
    response.end(
      file === undefined
        ? '<!doctype html><title>kernels</title><script type="module" src="/page.js"></script>'
        : readFileSync(file),
    );
  });
}
