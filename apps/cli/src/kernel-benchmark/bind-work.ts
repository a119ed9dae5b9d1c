import { UnsupportedError } from '@qedge/core';
import type { KernelEngine } from '@qedge/kernels';
import type { PreparedWork } from './peers/peer.ts';
import type { ProductWork, Work } from './work.ts';

/** Binds a work to a workspace of its own, weights packed beforehand where the interface offers that. */
export function bindWork(engine: KernelEngine, work: Work): PreparedWork {
  switch (work.kind) {
    case 'product':
      return bindProduct(engine, work);
    default:
      throw new UnsupportedError(`The engine does not do this work: ${work.kind}`);
  }
}

function bindProduct(engine: KernelEngine, { m, n, k, a, b }: ProductWork): PreparedWork {
  const space = engine.workspace(8 * (m * k + 2 * k * n + m * n) + 2 ** 20);
  const [left, result] = [space.float32(m * k), space.float32(m * n)];
  left.set(a);
  const weights = space.packMatrix({ k, n, b });
  const kernel = space.gemm({ m, n, k, a: left, b: weights, c: result });
  return { run: () => kernel.run(), result: () => result, dispose: () => kernel.dispose() };
}
