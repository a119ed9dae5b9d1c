import type { Isa } from '@qedge/codegen';
import { Circuit, type CompiledCircuit, type Simulator } from '@qedge/quantum';
import { measurePeak } from '../kernel-benchmark/measure-roofline.ts';
import type { Precision } from './cases.ts';

/** How near one circuit comes to the limits of the machine. */
export interface CircuitRoofline {
  readonly name: string;
  readonly qubits: number;
  readonly precision: Precision;
  readonly threads: number;
  /** 10^9 operations per second, two for each fused multiply-add and for each multiplication that takes the place of one. */
  readonly gigaOperations: number;
  /** The same of fused multiply-adds on registers alone, on as many cores as threads. */
  readonly peakGigaOperations: number;
  readonly shareOfPeak: number;
  /** 10^9 bytes per second that passes over the state read and write. */
  readonly gigabytes: number;
  /** The same of a pass that multiplies a state of this size by a phase: memory, or a cache where the state fits into one. */
  readonly streamingGigabytes: number;
  readonly shareOfBandwidth: number;
}

/** What one core does at most, and how fast states of each size are streamed through. */
export class StateRoofline {
  readonly #simulator: Simulator;
  readonly #precision: Precision;
  readonly #peakGigaOperations: number;
  readonly #streaming = new Map<number, number>();

  private constructor(simulator: Simulator, precision: Precision, peakGigaOperations: number) {
    this.#simulator = simulator;
    this.#precision = precision;
    this.#peakGigaOperations = peakGigaOperations;
  }

  /** Measures the peak. @returns null for a simulator whose target has none. */
  static async measure(simulator: Simulator, precision: Precision): Promise<StateRoofline | null> {
    const single = await measurePeak(simulator.target as Isa, PEAK_MILLISECONDS);
    if (single === null) return null;
    // Half as many numbers in a vector.
    const peak = (single * simulator.threads) / (precision === 'f64' ? 2 : 1);
    return new StateRoofline(simulator, precision, peak);
  }

  /** Places a circuit that took so long under the limits; null for one that was not planned. */
  place(name: string, compiled: CompiledCircuit, seconds: number): CircuitRoofline | null {
    const { statistics, qubitCount } = compiled;
    if (statistics === null) return null;
    const gigaOperations = (2 * statistics.instructionsPerVector * 2 ** qubitCount) / seconds / 1e9;
    const gigabytes = statistics.stateBytes / seconds / 1e9;
    const streamingGigabytes = this.#streamingOf(qubitCount);
    return {
      name,
      qubits: qubitCount,
      precision: this.#precision,
      threads: this.#simulator.threads,
      gigaOperations,
      peakGigaOperations: this.#peakGigaOperations,
      shareOfPeak: gigaOperations / this.#peakGigaOperations,
      gigabytes,
      streamingGigabytes,
      shareOfBandwidth: gigabytes / streamingGigabytes,
    };
  }

  #streamingOf(qubits: number): number {
    let streaming = this.#streaming.get(qubits);
    if (streaming === undefined) {
      streaming = measureStreaming(this.#simulator, this.#precision, qubits, STREAMING_ROUNDS) / 1e9;
      this.#streaming.set(qubits, streaming);
    }
    return streaming;
  }
}

const PEAK_MILLISECONDS = 50;
const STREAMING_ROUNDS = 5;
const BYTES_PER_AMPLITUDE = { f32: 8, f64: 16 } as const;

/** Bytes per second of one pass over a state of so many qubits, all of them busy: a phase on the highest one touches every line in order. */
export function measureStreaming(
  simulator: Simulator,
  precision: Precision,
  qubits: number,
  rounds: number,
): number {
  const prepare = new Circuit(qubits);
  for (let qubit = 0; qubit < qubits; qubit++) prepare.h(qubit);
  using prepared = simulator.compile(prepare);
  using state = prepared.run();
  using pass = simulator.compile(new Circuit(qubits).rz(0.1, qubits - 1));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    pass.evolve(state);
    best = Math.min(best, (performance.now() - begin) / 1000);
  }
  return (2 * BYTES_PER_AMPLITUDE[precision] * 2 ** qubits) / best;
}
