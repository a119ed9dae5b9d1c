import { createBrowserTeam, createKernelHost } from '@qedge/codegen';
import type { TensorflowNamespace } from '../tensorflow-namespace.ts';
import { type AccelerateOptions, type Acceleration, accelerateWith } from './accelerate.ts';
import { TEAM_OPTIONS } from './open-foreign-machine.ts';

const PORTABLE = {
  createHost: createKernelHost,
  createTeam: (size: number) => createBrowserTeam(size, TEAM_OPTIONS),
};

/**
 * Replaces the hot kernels of the wasm backend of TensorFlow.js by generated WebAssembly that works in its memory, for inference and
 * training, and adds those that convolutions need to learn. The function of this name in `@qedge/kernels/node` has machine code and
 * threads of Node too.
 *
 * Every kernel is compared with the cpu backend before it is installed; one that disagrees is left out and reported. What a kernel
 * does not serve (other types, empty tensors, unusual broadcasts) goes to the stock kernel. Programs stay as they are:
 * call it once after `tf.setBackend('wasm')`.
 *
 * @throws CapabilityUnavailableError where the current backend is not `wasm`, its memory cannot be found, the cpu backend is not
 *   registered, or what `isa` names is not there; InvalidArgumentError when the backend is accelerated already, and for impossible options.
 * @example
 * await tf.setBackend('wasm');
 * const acceleration = await accelerate(tf);
 */
export function accelerate(tf: TensorflowNamespace, options: AccelerateOptions = {}): Promise<Acceleration> {
  return accelerateWith(PORTABLE, tf, options);
}
