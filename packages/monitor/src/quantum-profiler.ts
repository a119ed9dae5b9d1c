import { InvalidArgumentError } from '@qedge/core';
import type { Counter, Gauge, Histogram, Labels, MetricRegistry } from './metric-registry.ts';

/** What one run of a quantum circuit was like. */
export interface CircuitRun {
  /** Overlap with the wanted state, or the estimate of it, 0..1; null when not known. */
  readonly fidelity: number | null;
  /** Layers of gates after compilation. */
  readonly depth: number;
  readonly twoQubitGateCount: number;
  /** How long the circuit takes on the target hardware, by its gate times. */
  readonly estimatedTimeMs: number;
  /** How long the simulation or job took here; null when not measured. */
  readonly actualTimeMs?: number | null;
}

interface CircuitMetrics {
  readonly runs: Counter;
  readonly fidelity: Gauge;
  readonly depth: Gauge;
  readonly twoQubitGates: Gauge;
  readonly estimatedTime: Gauge;
  readonly actualTime: Histogram;
}

/**
 * Records circuit runs as metrics with the label `circuit`: `quantum_circuit_runs_total`, `quantum_fidelity_fraction`,
 * `quantum_circuit_depth`, `quantum_two_qubit_gates`, `quantum_estimated_time_ms` and `quantum_actual_time_ms`.
 */
export class QuantumProfiler {
  readonly #registry: MetricRegistry;
  readonly #circuits = new Map<string, CircuitMetrics>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  /** @throws InvalidArgumentError when a fidelity is outside 0..1 or another number is negative. */
  recordRun(circuit: string, run: CircuitRun): void {
    checkRun(circuit, run);
    const metrics = this.#metricsOf(circuit);
    metrics.runs.increment();
    if (run.fidelity !== null) metrics.fidelity.set(run.fidelity);
    metrics.depth.set(run.depth);
    metrics.twoQubitGates.set(run.twoQubitGateCount);
    metrics.estimatedTime.set(run.estimatedTimeMs);
    if (run.actualTimeMs !== undefined && run.actualTimeMs !== null)
      metrics.actualTime.record(run.actualTimeMs);
  }

  #metricsOf(circuit: string): CircuitMetrics {
    const known = this.#circuits.get(circuit);
    if (known) return known;
    const labels: Labels = { circuit };
    const registry = this.#registry;
    const metrics: CircuitMetrics = {
      runs: registry.counter('quantum_circuit_runs_total', labels, { help: 'Circuit runs.' }),
      fidelity: registry.gauge('quantum_fidelity_fraction', labels, {
        help: 'Fidelity of the last run, 0..1.',
      }),
      depth: registry.gauge('quantum_circuit_depth', labels, { help: 'Layers of gates after compilation.' }),
      twoQubitGates: registry.gauge('quantum_two_qubit_gates', labels, { help: 'Two-qubit gates per run.' }),
      estimatedTime: registry.gauge('quantum_estimated_time_ms', labels, {
        help: 'Time per run on the target hardware, by its gate times.',
      }),
      actualTime: registry.histogram('quantum_actual_time_ms', labels, { help: 'Time per run here.' }),
    };
    this.#circuits.set(circuit, metrics);
    return metrics;
  }
}

function checkRun(circuit: string, run: CircuitRun): void {
  const { fidelity, depth, twoQubitGateCount, estimatedTimeMs, actualTimeMs } = run;
  const counts = [depth, twoQubitGateCount, estimatedTimeMs, actualTimeMs ?? 0];
  const sound = counts.every((count) => count >= 0 && Number.isFinite(count));
  if (!sound || (fidelity !== null && !(fidelity >= 0 && fidelity <= 1))) {
    throw new InvalidArgumentError(`A run of circuit "${circuit}" is out of range`, {
      expected: 'a fidelity in 0..1 or null, other numbers finite and >= 0',
      actual: run,
    });
  }
}
