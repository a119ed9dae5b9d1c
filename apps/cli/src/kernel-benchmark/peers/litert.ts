import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import type { Work } from '../work.ts';
import type { InstalledPackages } from './packages.ts';
import type { Peer } from './peer.ts';
import { encodeTfliteProduct, type FlatbuffersModule } from './tflite-model.ts';

/** The part of `@litertjs/core` that is used here. */
interface LiteRt {
  loadLiteRt(folder: string): Promise<unknown>;
  loadAndCompile(model: Uint8Array, options: { accelerator: 'wasm' }): Promise<LiteRtModel>;
  readonly Tensor: new (data: Float32Array, shape: readonly number[]) => LiteRtTensor;
}

interface LiteRtModel {
  run(inputs: readonly LiteRtTensor[]): Promise<readonly LiteRtTensor[]>;
  delete(): void;
}

interface LiteRtTensor {
  data(): Promise<Float32Array>;
  delete(): void;
}

/**
 * LiteRT.js (TensorFlow Lite with XNNPACK) on WebAssembly, one thread. It is made for browsers: it loads its generated script
 * with `importScripts`, for which this supplies what Node lacks; the script itself knows Node.
 *
 * @throws whatever stops it from loading.
 */
export async function loadLitert(packages: InstalledPackages): Promise<Peer> {
  const flatbuffers = packages.require('flatbuffers') as FlatbuffersModule;
  const folder = join(packages.folder('@litertjs/core'), 'wasm');
  const litert = (await packages.import('@litertjs/core')) as LiteRt;
  await withBrowserGlobals(() => litert.loadLiteRt(`${folder}/`));
  return {
    name: 'litert.js',
    version: packages.version('@litertjs/core'),
    async prepare(work: Work, threads: number) {
      if (work.kind !== 'product' || threads !== 1) return null;
      const model = await quietly(() => {
        return litert.loadAndCompile(encodeTfliteProduct(flatbuffers, work), { accelerator: 'wasm' });
      });
      const a = new litert.Tensor(work.a, [work.m, work.k]);
      let result: ArrayLike<number> = [];
      return {
        run: async () => {
          const [c] = await model.run([a]);
          result = await c!.data();
          c!.delete();
        },
        result: () => result,
        dispose: () => {
          a.delete();
          model.delete();
        },
      };
    },
  };
}

async function withBrowserGlobals(load: () => Promise<unknown>): Promise<void> {
  const scope = globalThis as unknown as Record<string, unknown>;
  const hasSelf = 'self' in scope;
  scope.self ??= globalThis;
  scope.importScripts = (path: string) => {
    const source = `${readFileSync(path, 'utf8')}\nreturn ModuleFactory;`;
    const evaluate = compileFunction(source, ['require', '__dirname', '__filename'], { filename: path });
    scope.ModuleFactory = evaluate(createRequire(path), dirname(path), path);
  };
  try {
    await quietly(load);
  } finally {
    delete scope.importScripts;
    // Other libraries take a global `self` for a browser.
    if (!hasSelf) delete scope.self;
  }
}

/** It writes what it found to the console, a missing WebGPU as a warning. That is no news here. */
async function quietly<Result>(work: () => Promise<Result>): Promise<Result> {
  const { log, info, warn, error } = console;
  Object.assign(console, { log() {}, info() {}, warn() {}, error() {} });
  try {
    return await work();
  } finally {
    Object.assign(console, { log, info, warn, error });
  }
}
