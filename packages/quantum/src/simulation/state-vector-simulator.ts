import type { Isa } from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import { createStateMachine } from '../state-vector/machine/create-portable-machine.ts';
import { createMachineEngine } from './engine/machine-engine.ts';
import type { AmplitudePrecision } from './engine/state-engine.ts';
import type { Simulator } from './simulator.ts';
import { StateSimulator } from './state-simulator.ts';

/** How state vectors are kept and circuits run. */
export interface StateVectorOptions {
  /** 8 or 16 bytes for an amplitude; default `f64`. */
  readonly precision?: AmplitudePrecision;
  /** Threads, the calling one included; default 1. */
  readonly threads?: number;
  /** Exactly this code; default the fastest that is there. */
  readonly isa?: Isa;
  /**
   * True: multiply-adds round twice with every code, as WebAssembly without relaxed SIMD does. Default false. The number of threads changes
   * no bit either way; other vector widths plan other orders, and differ in the last bits.
   */
  readonly strict?: boolean;
  /**
   * Most bytes for all states that exist at the same time: those that a caller holds and those that a call needs while it runs (a
   * gradient needs two). Default what the memory that the code can reach has.
   */
  readonly maxBytes?: number;
}

/**
 * A simulator of state vectors on WebAssembly, which runs anywhere; the one of `@qedge/quantum/node` uses the processor's own code.
 *
 * @example
 * using simulator = await createStateVectorSimulator({ precision: 'f32' });
 * using bell = simulator.compile(new Circuit(2).h(0).cx(0, 1).measureAll());
 * (await bell.sample(1000, { seed: 1 })).counts; // { '00': 507, '11': 493 }
 * @throws CapabilityUnavailableError when what was asked for is not there; InvalidArgumentError for impossible options;
 *   VerificationError when generated code computes wrongly here.
 */
export async function createStateVectorSimulator(options: StateVectorOptions = {}): Promise<Simulator> {
  const { precision, maxBytes, ...rest } = checkStateVectorOptions(options);
  const machine = await createStateMachine({ ...rest, element: precision === 'f32' ? 'float32' : 'float64' });
  return new StateSimulator(
    createMachineEngine(machine, { isAskedFor: options.isa !== undefined, maxBytes }),
  );
}

/** @throws InvalidArgumentError for a precision or a number of bytes that is none. */
export function checkStateVectorOptions<Options extends StateVectorOptions>(
  options: Options,
): Options & { readonly precision: AmplitudePrecision } {
  const { precision = 'f64', maxBytes } = options;
  if (precision !== 'f32' && precision !== 'f64') {
    throw new InvalidArgumentError('Unknown precision', { expected: 'f32 or f64', actual: precision });
  }
  if (maxBytes !== undefined && !(maxBytes >= 0)) {
    throw new InvalidArgumentError('A limit of bytes is out of range', {
      expected: 'a number >= 0',
      actual: maxBytes,
    });
  }
  return { ...options, precision };
}
