import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Plugin } from 'vite';

/** Replaced in the service worker by what it must keep. */
const PRECACHE_PLACEHOLDER = '__PRECACHE__';
const VERSION_PLACEHOLDER = '__PRECACHE_VERSION__';

/**
 * Tells the service worker which files make up the build, and a version that changes exactly when one of them does.
 * The files of the public folder count; the service worker itself does not.
 */
export function precacheBuild(): Plugin {
  let publicFolder = '';
  return {
    name: 'precache-build',
    apply: 'build',
    configResolved: (config) => {
      publicFolder = config.publicDir;
    },
    generateBundle: {
      // After the page itself has been written into the bundle.
      order: 'post',
      handler(_, bundle) {
        const contents = new Map<string, string | Uint8Array>();
        for (const [file, item] of Object.entries(bundle)) {
          if (file !== 'service-worker.js')
            contents.set(file, item.type === 'chunk' ? item.code : item.source);
        }
        for (const file of listFiles(publicFolder))
          contents.set(file, readFileSync(join(publicFolder, file)));
        if (![...contents.keys()].some((file) => file.endsWith('.qez'))) {
          this.warn('There is no model/digits.qez: the page will say so. `npm start` at the root makes one.');
        }
        const worker = bundle['service-worker.js'];
        if (worker?.type !== 'chunk') throw new Error('The service worker is not part of the build');
        const files = [...contents.keys()].sort();
        worker.code = replaceLiteral(worker.code, PRECACHE_PLACEHOLDER, ['./', ...files]);
        worker.code = replaceLiteral(worker.code, VERSION_PLACEHOLDER, hashFiles(files, contents));
      },
    },
  };
}

/** Lets the built page load and run only what came with it. Not in development, where styles are injected. */
export function contentSecurityPolicy(): Plugin {
  const content =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; object-src 'none'; base-uri 'none'";
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content },
        injectTo: 'head-prepend',
      },
    ],
  };
}

/** Replaces a string literal, whatever quotes the minifier gave it, by a value. */
function replaceLiteral(code: string, literal: string, value: unknown): string {
  const pattern = new RegExp(`(["'\`])${literal}\\1`);
  if (!pattern.test(code)) throw new Error(`The service worker lost its ${literal}`);
  return code.replace(pattern, () => JSON.stringify(value));
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

function hashFiles(files: readonly string[], contents: ReadonlyMap<string, string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update('\0').update(contents.get(file)!).update('\0');
  return hash.digest('hex').slice(0, 16);
}
