import { type Clock, type Random, systemClock, throwIfCancelled } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { CompilationState, Pass } from './pass.ts';

/** What one pass did. */
export interface PassRecord {
  readonly name: string;
  readonly durationMs: number;
  /** Gates before; barriers, measurements and resets are not counted. */
  readonly gatesBefore: number;
  readonly gatesAfter: number;
  /** Gates on two or more qubits. */
  readonly twoQubitGatesBefore: number;
  readonly twoQubitGatesAfter: number;
}

/** What {@link PassManager} needs besides the state. */
export interface PassManagerOptions {
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/** Runs passes in order and records what each of them did. */
export class PassManager {
  readonly passes: readonly Pass[];

  constructor(passes: readonly Pass[]) {
    this.passes = passes;
  }

  /** @throws CancelledError between passes, and whatever a pass throws. */
  async run(
    state: CompilationState,
    { random, signal, clock = systemClock }: PassManagerOptions,
  ): Promise<{ state: CompilationState; records: PassRecord[] }> {
    const records: PassRecord[] = [];
    let current = state;
    for (const pass of this.passes) {
      // Lets the event loop run, so that a signal can arrive.
      await clock.sleep(0);
      throwIfCancelled(signal, 'The compilation');
      const startMs = clock.nowMs();
      const before = countGates(current.circuit);
      current = await pass.run(current, {
        random: random.fork(pass.name),
        clock,
        signal,
        deadlineMs: Number.POSITIVE_INFINITY,
      });
      const after = countGates(current.circuit);
      records.push({
        name: pass.name,
        durationMs: clock.nowMs() - startMs,
        gatesBefore: before.all,
        gatesAfter: after.all,
        twoQubitGatesBefore: before.twoQubit,
        twoQubitGatesAfter: after.twoQubit,
      });
    }
    return { state: current, records };
  }
}

function countGates(circuit: Circuit): { all: number; twoQubit: number } {
  let [all, twoQubit] = [0, 0];
  for (const instruction of circuit.instructions) {
    if (instruction.kind !== 'gate') continue;
    all++;
    if (instruction.qubits.length > 1) twoQubit++;
  }
  return { all, twoQubit };
}
