import { throwIfCancelled } from '@qedge/core';
import { Circuit, type Simulator } from '@qedge/quantum';
import { measureStreaming } from './state-roofline.ts';

/** How fast one gate on one qubit passes over a state. */
export interface SingleGateSweep {
  readonly qubits: number;
  /** Bytes read and written per second, by target qubit. */
  readonly bytesPerSecond: readonly number[];
  /** The same for a multiplication of the whole state by one phase: the streaming bandwidth of this machine. */
  readonly streaming: number;
  /** Least and mean share of the streaming bandwidth. */
  readonly leastShare: number;
  readonly meanShare: number;
}

const BYTES_PER_AMPLITUDE = { f32: 8, f64: 16 } as const;

/** Times an `ry` on every qubit of a state; all qubits are made busy first, so that none is left out as idle. */
export function sweepSingleGates(
  simulator: Simulator,
  precision: 'f32' | 'f64',
  qubits: number,
  rounds: number,
  signal: AbortSignal,
): SingleGateSweep {
  const bytes = 2 * BYTES_PER_AMPLITUDE[precision] * 2 ** qubits;
  const prepare = new Circuit(qubits);
  for (let qubit = 0; qubit < qubits; qubit++) prepare.h(qubit);
  using prepared = simulator.compile(prepare);
  using state = prepared.run();
  const time = (circuit: Circuit): number => {
    using compiled = simulator.compile(circuit);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      throwIfCancelled(signal, 'The benchmark');
      const begin = performance.now();
      compiled.evolve(state);
      best = Math.min(best, (performance.now() - begin) / 1000);
    }
    return bytes / best;
  };
  const streaming = measureStreaming(simulator, precision, qubits, rounds);
  const bytesPerSecond = Array.from({ length: qubits }, (_, qubit) =>
    time(new Circuit(qubits).ry(0.1, qubit)),
  );
  const shares = bytesPerSecond.map((rate) => rate / streaming);
  return {
    qubits,
    bytesPerSecond,
    streaming,
    leastShare: Math.min(...shares),
    meanShare: shares.reduce((sum, share) => sum + share, 0) / qubits,
  };
}
