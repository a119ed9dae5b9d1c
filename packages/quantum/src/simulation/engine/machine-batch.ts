import { systemClock } from '@qedge/core';
import { BatchBinder } from '../../state-vector/batch/batch-binder.ts';
import { lowerBatch } from '../../state-vector/batch/batch-circuit.ts';
import { planBatch } from '../../state-vector/batch/plan-batch.ts';
import type { LoadedBatch, StateMachine } from '../../state-vector/state-machine.ts';
import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';
import { expandFully } from '../program/expand-fully.ts';
import type { EngineBatch, ProgramRequest } from './state-engine.ts';

/** With more qubits, plans that take numbers apart from the angles' values do less work than is saved by working on several sets at once. */
const MOST_QUBITS = 10;

/** A batch on a machine; null for too many qubits or gates that a batch cannot take. */
export function compileMachineBatch(
  machine: StateMachine,
  { instructions, qubitCount }: ProgramRequest,
): EngineBatch | null {
  if (qubitCount > MOST_QUBITS) return null;
  const startMs = systemClock.nowMs();
  const circuit = lowerBatch(instructions.flatMap(expandFully), qubitCount);
  const kernels = circuit && planBatch(circuit, machine.shape.blockQubits);
  if (circuit === null || kernels === null) return null;
  const planSeconds = (systemClock.nowMs() - startMs) / 1000;
  const { units, finalWires } = circuit;
  const loaded = machine.loadBatch(kernels, units.count, qubitCount);
  const binder = new BatchBinder(units, loaded.width);
  binder.fillConstants(loaded.units);
  const order = Int32Array.from(units.parameterNames, (name) => Number(name.slice(1)));
  const values = new Float64Array(order.length);
  const dispose = () => loaded.dispose();
  return {
    planSeconds,
    compileSeconds: loaded.compileSeconds,
    width: loaded.width,
    bind(set, angles) {
      for (let i = 0; i < order.length; i++) values[i] = angles[order[i]!]!;
      binder.bind(set, values, loaded.units);
    },
    run: () => loaded.run(),
    read: (set, state) => readSet(loaded, set, state, finalWires),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function readSet(
  { amplitudes, width }: LoadedBatch,
  set: number,
  state: StoredState,
  finalWires: Int32Array,
): StateFrame {
  const region = state.regions[0]!;
  const { lanes } = state;
  const mask = -lanes;
  for (let index = 0, from = set; from < amplitudes.length; index++, from += 2 * width) {
    const to = index + (index & mask);
    region[to] = amplitudes[from]!;
    region[to + lanes] = amplitudes[from + width]!;
  }
  return { qubits: finalWires.slice(), flips: new Uint8Array(state.qubitCount), phase: 0 };
}
