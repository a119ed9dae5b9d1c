import { createKernelHost, createNodeTeam } from '@qedge/codegen/node';
import type { TensorflowNamespace } from '../tensorflow-namespace.ts';
import { type AccelerateOptions, type Acceleration, accelerateWith } from './accelerate.ts';
import { TEAM_OPTIONS } from './open-foreign-machine.ts';

const NODE = {
  createHost: createKernelHost,
  createTeam: (size: number) => createNodeTeam(size, TEAM_OPTIONS),
};

/**
 * Replaces the hot kernels of the wasm backend of TensorFlow.js by machine code that works in its memory (WebAssembly where there is
 * no machine code), for inference and training; otherwise as the function of this name in `@qedge/kernels/tfjs`. Environment:
 * `QEDGE_NATIVE=0` forbids machine code, `QEDGE_ISA` names the instruction set.
 *
 * @throws as there.
 * @example
 * await tf.setBackend('wasm');
 * const acceleration = await accelerate(tf, { threads: 2 });
 */
export function accelerate(tf: TensorflowNamespace, options: AccelerateOptions = {}): Promise<Acceleration> {
  return accelerateWith(NODE, tf, options);
}
