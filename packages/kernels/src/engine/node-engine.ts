import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';
import { KernelEngine, type KernelEngineOptions } from './kernel-engine.ts';
import { chooseTuner, MeasuringTuner } from './measuring-tuner.ts';
import { openMachine } from './open-machine.ts';
import { openTuningFile } from './tuning-file.ts';

/** Options of `createKernelEngine` of `@qedge/kernels/node`. */
export interface NodeKernelEngineOptions extends Omit<KernelEngineOptions, 'tuning'> {
  /**
   * `measure`: the first use of a shape measures a few ways to cut it, for about 10 ms; with `{ file }` the results are also kept in a
   * JSON file, by processor, and taken from there the next time. `off` (default): rules choose. Bits do not depend on it.
   */
  readonly tuning?: 'off' | 'measure' | { readonly file: string };
}

const NODE = { createHost: createKernelHost, createTeam: createNodeTeam };

/**
 * Creates an engine for single products, convolutions and other kernels: machine code for AVX-512 or AVX2 first, else WebAssembly,
 * else the interpreter. The reasons for what was passed over are in `fallbacks`. Environment: `QEDGE_NATIVE=0` forbids machine code,
 * `QEDGE_ISA` names the instruction set.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there; InvalidArgumentError for impossible options;
 *   FileFormatError or FileAccessError for a tuning file that is none or cannot be read.
 * @example
 * using engine = await createKernelEngine({ threads: 2 });
 * const c = engine.matmul(a, b, { m, n, k });
 */
export async function createKernelEngine(options: NodeKernelEngineOptions = {}): Promise<KernelEngine> {
  const { tuning } = options;
  const tuner =
    typeof tuning === 'object' ? new MeasuringTuner(openTuningFile(tuning.file)) : chooseTuner(tuning);
  return new KernelEngine({ ...(await openMachine(NODE, options)), tuner });
}
