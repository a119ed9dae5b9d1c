import { createStateMachine } from '../state-vector/machine/create-node-machine.ts';
import { createMachineEngine } from './engine/machine-engine.ts';
import type { Simulator } from './simulator.ts';
import { StateSimulator } from './state-simulator.ts';
import { checkStateVectorOptions, type StateVectorOptions } from './state-vector-simulator.ts';

/**
 * A simulator of state vectors on the processor's own code (AVX-512 or AVX2), where there is none on WebAssembly. States may be as large
 * as memory is.
 *
 * @example
 * using simulator = await createStateVectorSimulator({ precision: 'f32', threads: 2 });
 * using state = simulator.run(circuit);
 * @throws CapabilityUnavailableError when what was asked for is not there; InvalidArgumentError for impossible options;
 *   VerificationError when generated code computes wrongly here.
 */
export async function createStateVectorSimulator(options: StateVectorOptions = {}): Promise<Simulator> {
  const { precision, maxBytes, ...rest } = checkStateVectorOptions(options);
  const element = precision === 'f32' ? 'float32' : 'float64';
  const machine = await createStateMachine({ ...rest, element });
  return new StateSimulator(
    createMachineEngine(machine, { isAskedFor: options.isa !== undefined, maxBytes }),
  );
}
