import type { Random } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { ParameterBinding } from '../circuit/parameter.ts';
import type { CircuitPlan } from './circuit-plan.ts';
import type { SampleCounts } from './sample-counts.ts';
import type { StateVector } from './state-vector.ts';

/** How a circuit is to be run. */
export interface SimulationOptions {
  /** Values for the circuit's free parameters. */
  readonly parameters?: ParameterBinding;
  /** Decides measurements and resets in the middle of a circuit; default `new Random(0)`. */
  readonly random?: Random;
  /** The state at the start, borrowed; default all qubits |0>. */
  readonly initialState?: StateVector;
  readonly signal?: AbortSignal;
}

/** A circuit prepared for one simulator, to be run many times with other angles. */
export interface PreparedCircuit extends Disposable {
  readonly plan: CircuitPlan;
  /** Runs with a table of angles as `resolveAngles` makes it. The caller disposes the result. */
  run(angles: Float64Array, options?: Omit<SimulationOptions, 'parameters'>): StateVector;
  dispose(): void;
}

/** Something that executes circuits exactly. Implementations differ in speed, not in results. */
export interface Simulator {
  /** For people: what executes, e.g. `state vector (JavaScript, float64)`. */
  readonly name: string;
  readonly maxQubits: number;
  /** @throws UnsupportedError for a circuit that is too large. */
  prepare(circuit: Circuit): PreparedCircuit;
  /** Runs a circuit once. The caller disposes the result. @throws InvalidArgumentError for missing parameters. */
  run(circuit: Circuit, options?: SimulationOptions): StateVector;
  /**
   * Counts the outcomes of `shots` runs: of the classical bits when the circuit measures, else of all qubits.
   * Runs once when every measurement is final and nothing is reset, else once per shot.
   */
  sample(circuit: Circuit, shots: number, options?: SimulationOptions): SampleCounts;
}
