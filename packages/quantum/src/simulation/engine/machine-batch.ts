import { systemClock } from '@qedge/core';
import { BatchBinder } from '../../state-vector/batch/batch-binder.ts';
import { lowerBatch } from '../../state-vector/batch/batch-circuit.ts';
import { planBatch } from '../../state-vector/batch/plan-batch.ts';
import { stateBytes } from '../../state-vector/machine/state-addressing.ts';
import type { StateMachine } from '../../state-vector/state-machine.ts';
import { StoredState } from '../amplitudes/stored-state.ts';
import { expandFully } from '../program/expand-fully.ts';
import type { EngineBatch, ProgramRequest } from './state-engine.ts';

/** With more qubits, plans that take numbers apart from the angles' values do less work than is saved by working on several sets at once. */
const MOST_QUBITS = 10;
/** More states than a batch takes memory for: side by side, and each on its own. */
const MOST_STATES = 40;

/** A batch on a machine; null for too many qubits, gates that a batch cannot take, or too little memory. */
export function compileMachineBatch(
  machine: StateMachine,
  { instructions, qubitCount }: ProgramRequest,
  availableBytes: number,
): EngineBatch | null {
  if (qubitCount > MOST_QUBITS || MOST_STATES * stateBytes(machine.layoutOf(qubitCount)) > availableBytes) {
    return null;
  }
  const startMs = systemClock.nowMs();
  const circuit = lowerBatch(instructions.flatMap(expandFully), qubitCount);
  const kernels = circuit && planBatch(circuit, machine.shape.blockQubits);
  if (circuit === null || kernels === null) return null;
  const planSeconds = (systemClock.nowMs() - startMs) / 1000;
  const { units, finalWires } = circuit;
  const loaded = machine.loadBatch(kernels, units.count, qubitCount);
  const binder = new BatchBinder(units, loaded.width);
  binder.fillConstants(loaded.angles);
  const states = loaded.states.map((state) => new StoredState(state, machine.arithmetic));
  const order = Int32Array.from(units.parameterNames, (name) => Number(name.slice(1)));
  const values = new Float64Array(order.length);
  const dispose = () => loaded.dispose();
  return {
    planSeconds,
    compileSeconds: loaded.compileSeconds,
    states,
    frame: { qubits: finalWires, flips: new Uint8Array(states[0]!.qubitCount), phase: 0 },
    bind(set, angles) {
      for (let i = 0; i < order.length; i++) values[i] = angles[order[i]!]!;
      binder.bind(set, values, loaded.angles);
    },
    run: () => loaded.run(),
    dispose,
    [Symbol.dispose]: dispose,
  };
}
