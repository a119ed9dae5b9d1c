import { freemem } from 'node:os';
import { systemClock } from '@qedge/core';
import { createStateMachine } from '../state-vector/machine/create-node-machine.ts';
import { createMachineEngine } from './engine/machine-engine.ts';
import type { Simulator } from './simulator.ts';
import { StateSimulator } from './state-simulator.ts';
import { checkStateVectorOptions, memoryLimitOf, type StateVectorOptions } from './state-vector-simulator.ts';

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
  const isNative = machine.isa === 'avx512' || machine.isa === 'avx2';
  const limit = isNative ? rememberFor(availableMemory, 50) : () => memoryLimitOf(machine.isa);
  return new StateSimulator(
    createMachineEngine(machine, {
      isAskedFor: options.isa !== undefined,
      availableBytes: () => Math.min(maxBytes ?? Number.POSITIVE_INFINITY, limit()),
    }),
  );
}

/** What the system can give without swapping; in a container, what its limit leaves. */
function availableMemory(): number {
  const { availableMemory: available } = process as { readonly availableMemory?: () => number };
  return available?.() ?? freemem();
}

/** A function whose result is kept for some milliseconds: asking the system takes longer than running a small circuit. */
function rememberFor(ask: () => number, milliseconds: number): () => number {
  let [value, untilMs] = [0, Number.NEGATIVE_INFINITY];
  return () => {
    const nowMs = systemClock.nowMs();
    if (nowMs >= untilMs) {
      value = ask();
      untilMs = nowMs + milliseconds;
    }
    return value;
  };
}
