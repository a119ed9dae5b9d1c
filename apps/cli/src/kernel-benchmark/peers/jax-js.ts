import type { Work } from '../work.ts';
import type { InstalledPackages } from './packages.ts';
import type { Peer } from './peer.ts';

/** The part of `@jax-js/jax` that is used here. Arrays are consumed by a call unless `ref` is passed. */
interface Jax {
  init(device: 'wasm'): Promise<readonly string[]>;
  defaultDevice(device: 'wasm'): unknown;
  jit(f: (...args: JaxArray[]) => JaxArray): (...args: JaxArray[]) => JaxArray;
  readonly numpy: {
    array(data: Float32Array, options: { shape: readonly number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
}

interface JaxArray {
  readonly ref: JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** jax-js on its WebAssembly backend. @throws whatever stops it from loading. */
export async function loadJax(packages: InstalledPackages): Promise<Peer> {
  const jax = (await packages.import('@jax-js/jax')) as Jax;
  const devices = await jax.init('wasm');
  if (!devices.includes('wasm')) throw new Error('its WebAssembly backend did not start');
  jax.defaultDevice('wasm');
  return {
    name: 'jax-js',
    version: packages.version('@jax-js/jax'),
    async prepare(work: Work, threads: number) {
      if (work.kind !== 'product' || threads !== 1) return null;
      const { m, n, k } = work;
      const a = jax.numpy.array(work.a, { shape: [m, k] });
      const b = jax.numpy.array(work.b, { shape: [k, n] });
      const multiply = jax.jit((x, y) => jax.numpy.matmul(x, y));
      // Its calls are asynchronous inside: only the data say that they are done.
      const run = () => multiply(a.ref, b.ref).data();
      let result: ArrayLike<number> = await withoutWorker(run);
      return {
        run: async () => {
          result = await run();
        },
        result: () => result,
        dispose: () => {
          a.dispose();
          b.dispose();
        },
      };
    },
  };
}

/**
 * Compiles while there is no global `Worker`. Node has none, but other libraries define one, and then jax-js expects shared memory
 * that it did not make.
 */
async function withoutWorker<Result>(work: () => Promise<Result>): Promise<Result> {
  const scope = globalThis as { Worker?: unknown };
  const { Worker } = scope;
  delete scope.Worker;
  try {
    return await work();
  } finally {
    if (Worker !== undefined) scope.Worker = Worker;
  }
}
