import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidArgumentError } from '@qedge/core';

/** Where optional packages are looked up. */
export interface LookupOptions {
  /** An absolute folder: packages are resolved as a module in it would resolve them. Default: as this package does. */
  readonly from?: string;
}

/** What `npm install` takes for each optional package: with a version where others are not tested. */
export const INSTALL_SPECIFIERS: Readonly<Record<string, string>> = {
  '@tensorflow/tfjs': '@tensorflow/tfjs@4.22.0',
  '@tensorflow/tfjs-backend-wasm': '@tensorflow/tfjs-backend-wasm@4.22.0',
  '@tensorflow/tfjs-node': '@tensorflow/tfjs-node@4.22.0',
  '@tensorflow/tfjs-node-gpu': '@tensorflow/tfjs-node-gpu@4.22.0',
  koffi: 'koffi',
  'onnxruntime-node': 'onnxruntime-node',
  webgpu: 'webgpu',
};

/**
 * The path or file URL from which optional packages are resolved.
 * @throws InvalidArgumentError when `from` is not an absolute path.
 */
export function lookupBase({ from }: LookupOptions): string {
  // The CommonJS build has __filename, the ES module build has import.meta.url.
  if (from === undefined) return typeof __filename === 'string' ? __filename : import.meta.url;
  if (!isAbsolute(from)) {
    throw new InvalidArgumentError('A lookup folder must be absolute', {
      expected: 'an absolute path',
      actual: from,
    });
  }
  return join(from, 'index.js');
}

/** How packages that may not be there are loaded. */
export interface PackageLoader {
  /** Loads or resolves a CommonJS package. Throws whatever stops it: not installed, or broken. */
  readonly require: NodeJS.Require;
  /** Loads an ES module package. Rejects with whatever stops it. */
  readonly importPackage: (name: string) => Promise<unknown>;
}

/** A loader for this process. @throws InvalidArgumentError when `from` is not an absolute path. */
export function packageLoader(options: LookupOptions): PackageLoader {
  const require = createRequire(lookupBase(options));
  return { require, importPackage: (name) => import(pathToFileURL(require.resolve(name)).href) };
}

/** Why something failed, as one line without the paths of a require stack. */
export function failureReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message
    .split('\n')
    .map((part) => part.trim())
    .find((part) => part !== '');
  return line ?? 'an error without a message';
}
