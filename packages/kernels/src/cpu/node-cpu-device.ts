import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';
import { openMachine } from '../engine/open-machine.ts';
import { CpuDevice, type CpuDeviceOptions } from './cpu-device.ts';

const NODE = { createHost: createKernelHost, createTeam: createNodeTeam };

/**
 * A device that runs model graphs on the CPU: float32, int8 and int4, through kernels generated for the model's shapes: machine code for
 * AVX-512 or AVX2 first, else WebAssembly, else the interpreter. `run` of its models is synchronous.
 *
 * float32 results depend neither on the batch nor on the number of threads; with `strict` they have the same bits on every host.
 * Integer precisions give the same bits everywhere. Environment: `QEDGE_NATIVE=0` forbids machine code, `QEDGE_ISA` names the
 * instruction set.
 *
 * @throws CapabilityUnavailableError when what `isa` or `QEDGE_ISA` names is not there; InvalidArgumentError for impossible options.
 * @example
 * using device = await createCpuDevice({ threads: 2 });
 * using model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 32 });
 * model.run(input, output, 1);
 */
export async function createCpuDevice(options: CpuDeviceOptions = {}): Promise<CpuDevice> {
  return new CpuDevice(await openMachine(NODE, options));
}
