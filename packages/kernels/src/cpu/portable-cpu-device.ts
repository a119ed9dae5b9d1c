import { createBrowserTeam, createKernelHost } from '@qedge/codegen';
import { openMachine } from '../engine/open-machine.ts';
import { CpuDevice, type CpuDeviceOptions } from './cpu-device.ts';

const PORTABLE = { createHost: createKernelHost, createTeam: createBrowserTeam };

/**
 * A device that runs model graphs on the CPU: float32, int8 and int4, through WebAssembly kernels generated for the model's shapes.
 * `run` of its models is synchronous. The function of this name in `@qedge/kernels/node` has machine code too.
 *
 * float32 results depend neither on the batch nor on the number of threads. On `wasm-strict` and `interpreter` they have the same bits on
 * every host; on `wasm` the last bits depend on the host. Integer precisions give the same bits everywhere. Environment:
 * `QEDGE_ISA=wasm|wasm-strict|wasm-256|interpreter`.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there, InvalidArgumentError for an unknown name.
 * @example
 * using device = await createCpuDevice();
 * using model = await device.compile(graph, weights, { precision: 'int8', maxBatch: 32 });
 * model.run(input, output, 1);
 */
export async function createCpuDevice(options: CpuDeviceOptions = {}): Promise<CpuDevice> {
  return new CpuDevice(await openMachine(PORTABLE, options));
}
