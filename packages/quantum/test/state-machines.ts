import './relaxed-simd.ts';
import type { Isa } from '@qedge/codegen';
import { createStateMachine } from '../src/state-vector/machine/create-node-machine.ts';
import type { StateMachineOptions } from '../src/state-vector/machine/create-portable-machine.ts';
import type { MachineState, StateMachine } from '../src/state-vector/state-machine.ts';

/** A way of execution to test. */
export interface TestedMachine {
  readonly name: string;
  readonly isa: Isa;
  create(options?: Partial<StateMachineOptions>): Promise<StateMachine>;
}

const ISAS: readonly Isa[] = ['avx512', 'avx2', 'wasm-256', 'wasm', 'wasm-strict', 'interpreter'];

/** Every way of execution that this host has, on both elements; skips are printed. */
export async function stateMachines(): Promise<TestedMachine[]> {
  const machines: TestedMachine[] = [];
  for (const isa of ISAS) {
    for (const element of ['float32', 'float64'] as const) {
      const create: TestedMachine['create'] = (options) => createStateMachine({ element, isa, ...options });
      try {
        (await create()).dispose();
        machines.push({ name: `${isa} ${element}`, isa, create });
      } catch (error) {
        console.warn(`SKIPPED: ${isa} ${element}: ${(error as Error).message}`);
      }
    }
  }
  return machines;
}

/** The number in which part of each amplitude lies, whatever the layout. */
export function forAmplitudes(
  { layout, chunks }: MachineState,
  visit: (index: number, numbers: Float32Array | Float64Array, real: number, imaginary: number) => void,
): void {
  const lanes = 2 ** layout.laneQubits;
  const period = 2 ** 28 / chunks[0]!.BYTES_PER_ELEMENT;
  const padding = layout.paddingBytes / chunks[0]!.BYTES_PER_ELEMENT;
  for (let index = 0; index < 2 ** layout.qubitCount; index++) {
    const plain = Math.floor(index / lanes) * 2 * lanes + (index % lanes);
    const at = plain + Math.floor(plain / period) * padding;
    const chunk = Math.floor(at / chunks[0]!.length);
    const inChunk = at - chunk * chunks[0]!.length;
    visit(index, chunks[chunk]!, inChunk, inChunk + lanes);
  }
}
