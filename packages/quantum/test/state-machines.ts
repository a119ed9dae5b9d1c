import { detectWasmFeatures, type Isa } from '@qedge/codegen';
import { createStateMachine } from '../src/state-vector/machine/create-node-machine.ts';
import type { StateMachine } from '../src/state-vector/state-machine.ts';
import type { AmplitudeElement } from '../src/state-vector/vector-program.ts';

/** A way of execution to test. */
export interface TestedMachine {
  readonly name: string;
  create(threads?: number): Promise<StateMachine>;
}

/** Every way of execution that this host has, on both elements; skips are printed. */
export async function stateMachines(): Promise<TestedMachine[]> {
  const machines: TestedMachine[] = [];
  const isas: readonly Isa[] = ['avx512', 'avx2', 'wasm-256', 'wasm', 'wasm-strict', 'interpreter'];
  for (const isa of isas) {
    for (const element of ['float32', 'float64'] as const satisfies readonly AmplitudeElement[]) {
      const create = (threads = 1) => createStateMachine({ element, isa, threads });
      try {
        (await create()).dispose();
        machines.push({ name: `${isa} ${element}`, create });
      } catch (error) {
        console.warn(`SKIPPED: ${isa} ${element}: ${(error as Error).message}`);
      }
    }
  }
  void detectWasmFeatures;
  return machines;
}
