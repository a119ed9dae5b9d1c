/** @file From instructions to amplitudes through lowering, planner, binder and the interpreter of programs. */
import type { Instruction } from '../../src/circuit/instruction.ts';
import { lowerCircuit } from '../../src/state-vector/lowering/lower-circuit.ts';
import { planSweeps } from '../../src/state-vector/planner/plan-sweeps.ts';
import type { BoundFrame } from '../../src/state-vector/tables/program-binder.ts';
import type { StateLayout, SweepShape } from '../../src/state-vector/vector-program.ts';
import { createPlainState, interpretProgram, type PlainState } from './program-interpreter.ts';

export function layoutFor(qubitCount: number, shape: SweepShape): StateLayout {
  return {
    qubitCount: Math.max(qubitCount, shape.laneQubits),
    laneQubits: shape.laneQubits,
    element: 'float64',
    paddingBytes: 0,
  };
}

/** Amplitudes by logical index. */
export function readFrame(frame: BoundFrame, stored: PlainState, qubitCount: number): PlainState {
  const state = createPlainState(qubitCount);
  for (let i = 0; i < 2 ** qubitCount; i++) {
    let physical = 0;
    let idle = false;
    for (let qubit = 0; qubit < qubitCount; qubit++) {
      const to = frame.qubits[qubit]!;
      if (((i >> qubit) & 1) === 0) continue;
      if (to < 0) idle = true;
      else physical |= 1 << to;
    }
    frame.flips.forEach((flip, qubit) => {
      physical ^= flip << qubit;
    });
    const [c, s] = idle ? [0, 0] : [Math.cos(frame.phase), Math.sin(frame.phase)];
    state.real[i] = c * stored.real[physical]! - s * stored.imaginary[physical]!;
    state.imaginary[i] = c * stored.imaginary[physical]! + s * stored.real[physical]!;
  }
  return state;
}

export function runPlan(
  instructions: readonly Instruction[],
  qubitCount: number,
  shape: SweepShape,
  values: Readonly<Record<string, number>> = {},
  startsAtZero = false,
): PlainState {
  const lowered = lowerCircuit(instructions, qubitCount, { startsAtZero });
  const layout = layoutFor(lowered.activeQubits.length, shape);
  const plan = planSweeps(lowered, layout, shape);
  const tables = new Float64Array(plan.program.tableLength);
  const frame = plan.bind(
    lowered.parameterNames.map((name) => values[name]!),
    tables,
  );
  const stored = createPlainState(layout.qubitCount);
  // Nothing of it may be read.
  if (lowered.sets) stored.real.fill(Number.NaN);
  interpretProgram(plan.program, tables, stored);
  return readFrame(frame, stored, qubitCount);
}

export function largestDifference(a: PlainState, b: PlainState): number {
  let worst = 0;
  for (let i = 0; i < a.real.length; i++) {
    const difference = Math.hypot(a.real[i]! - b.real[i]!, a.imaginary[i]! - b.imaginary[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}
