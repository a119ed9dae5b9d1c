import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';
import { KernelEngine, type KernelEngineOptions } from './kernel-engine.ts';
import { openMachine } from './open-machine.ts';
import { RULES } from './tuner.ts';

const NODE = { createHost: createKernelHost, createTeam: createNodeTeam };

/**
 * Creates an engine for single products, convolutions and other kernels: machine code for AVX-512 or AVX2 first, else WebAssembly,
 * else the interpreter. The reasons for what was passed over are in `fallbacks`. Environment: `QEDGE_NATIVE=0` forbids machine code,
 * `QEDGE_ISA` names the instruction set.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there; InvalidArgumentError for impossible options.
 * @example
 * using engine = await createKernelEngine({ threads: 2 });
 * const c = engine.matmul(a, b, { m, n, k });
 */
export async function createKernelEngine(options: KernelEngineOptions = {}): Promise<KernelEngine> {
  return new KernelEngine({ ...(await openMachine(NODE, options)), tuner: RULES });
}
