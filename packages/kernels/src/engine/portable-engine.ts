import { createBrowserTeam, createKernelHost } from '@qedge/codegen';
import { KernelEngine, type KernelEngineOptions } from './kernel-engine.ts';
import { chooseTuner } from './measuring-tuner.ts';
import { openMachine } from './open-machine.ts';

const PORTABLE = { createHost: createKernelHost, createTeam: createBrowserTeam };

/**
 * Creates an engine for single products, convolutions and other kernels, on WebAssembly, or on the interpreter where there is none.
 * The function of this name in `@qedge/kernels/node` has machine code, and threads of Node,
 * too; here, threads are Web Workers in pages that are cross-origin isolated.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there; InvalidArgumentError for an unknown name, and for
 *   `strict` with an instruction set that has no strict arithmetic.
 * @example
 * using engine = await createKernelEngine();
 * const space = engine.workspace(1 << 20);
 * const [a, b, c] = [space.float32(m * k), space.float32(k * n), space.float32(m * n)];
 * const product = space.gemm({ m, n, k, a, b, c });
 * a.set(left);
 * b.set(right);
 * product.run();
 */
export async function createKernelEngine(options: KernelEngineOptions = {}): Promise<KernelEngine> {
  return new KernelEngine({ ...(await openMachine(PORTABLE, options)), tuner: chooseTuner(options.tuning) });
}
