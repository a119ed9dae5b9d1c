import type { Circuit } from '../circuit/circuit.ts';
import type { ParameterBinding } from '../circuit/parameter.ts';
import type { PauliSum } from '../operator/pauli-sum.ts';
import type { PlanStatistics } from '../state-vector/planner/plan-statistics.ts';
import type { AmplitudePrecision } from './engine/state-engine.ts';
import type { BasisState, QuantumState } from './quantum-state.ts';
import type { Sample } from './sampling/sample.ts';

/** Values of a circuit's free parameters: by name, or in the order of `parameterNames`. */
export type ParameterValues = ParameterBinding | ArrayLike<number>;

/** What the qubits of a circuit are at the start. */
export type InitialState =
  | { readonly kind: 'basis'; readonly basis: BasisState }
  /** For each qubit the amplitudes of |0> and |1>: `[re, im, re, im]`, of norm 1. */
  | { readonly kind: 'product'; readonly qubits: readonly (readonly [number, number, number, number])[] }
  /** `[2^qubits, 2]` interleaved, of norm 1; borrowed. */
  | { readonly kind: 'amplitudes'; readonly amplitudes: Float64Array }
  /** Borrowed. */
  | { readonly kind: 'state'; readonly state: QuantumState };

/** How a circuit is to be run. */
export interface RunOptions {
  /** Required where the circuit has free parameters. */
  readonly parameters?: ParameterValues;
  /** Default all qubits |0>. */
  readonly initial?: InitialState;
  /** Decides measurements and resets in the middle of a circuit; default 0. Equal seeds give equal results on every host, but for rounding. */
  readonly seed?: number;
  /** Most rounds of any one loop; default 1,000,000. */
  readonly maxLoopRounds?: number;
}

/** How a circuit is to be sampled. */
export interface SampleOptions extends RunOptions {
  /** Looked at between branches of circuits that measure in the middle. */
  readonly signal?: AbortSignal;
}

/** How a gradient is worked out. */
export type GradientMethod =
  /** One run forward and one backward, whatever the number of parameters and terms (Jones and Gacon, arXiv 2009.02823). */
  | 'adjoint'
  /** From values at shifted angles, as hardware can measure them: exact, two or more runs for every angle (Wierichs et al., Quantum 6 (2022) 677). */
  | 'parameter-shift'
  /** Central differences: wrong by about the square of the step. */
  | 'finite-difference';

/** What a gradient is asked for. */
export interface GradientOptions extends Pick<RunOptions, 'parameters' | 'initial'> {
  /** Default `adjoint`. */
  readonly method?: GradientMethod;
  /** Of finite differences; default 1e-5 in double and 1e-2 in single precision. */
  readonly step?: number;
}

/** An expectation value with its gradient. */
export interface ValueAndGradient {
  readonly value: number;
  /** `[parameters]`, in the order of `parameterNames`. */
  readonly gradient: Float64Array;
  /** Runs of the circuit that it took, backward ones not counted. */
  readonly evaluations: number;
}

/**
 * A circuit made ready for one simulator: planned and turned into code once, run with other parameters as often as one likes.
 *
 * Measurements at the end of a circuit (whose qubits and bits nothing uses afterwards) are a matter of sampling: `run` leaves them out
 * and gives the state before them. Measurements in the middle happen, with outcomes drawn by `seed`.
 */
export interface CompiledCircuit extends Disposable {
  readonly qubitCount: number;
  readonly clbitCount: number;
  readonly parameterNames: readonly string[];
  /** Qubits that need memory; those that no gate touches need none. */
  readonly activeQubitCount: number;
  /** Seconds spent so far on planning and on generating code; less where parts were known already. */
  readonly timings: { readonly planSeconds: number; readonly compileSeconds: number };
  /** What one run costs, for rooflines; null where a circuit is not gates only, or is not planned. */
  readonly statistics: PlanStatistics | null;
  /** Runs once. The caller disposes the result. @throws InvalidArgumentError for parameters that do not fit. */
  run(options?: RunOptions): QuantumState;
  /**
   * Applies the gates of a circuit without measurements to a state, in place: where several circuits follow each other, or for time that
   * passes step by step.
   *
   * @param state of the same simulator, with memory for every qubit that gates act on.
   * @throws UnsupportedError for circuits that are not gates only; InvalidArgumentError for a state of another simulator, or a qubit
   *   without memory; ShapeMismatchError for another number of qubits.
   */
  evolve(state: QuantumState, options?: Pick<RunOptions, 'parameters'>): void;
  /**
   * Runs once for each vector of parameters, in memory that is used again. The state is lent to `visit` until it returns.
   *
   * From 64 vectors on, circuits of up to 10 qubits are run several at a time, with code of their own: amplitudes then differ by rounding from those
   * of single runs. They depend neither on the place of a vector in the batch nor on threads. A batch of the same circuit inside of `visit` runs one
   * vector after the other.
   *
   * @param parameters `[vectors, parameters]`, in the order of `parameterNames`.
   */
  runBatch(parameters: Float64Array, visit: (state: QuantumState, index: number) => void): void;
  /**
   * Outcomes of `shots` runs: of the classical bits when the circuit measures (without those of local registers), else of all qubits. Circuits that measure at the end only
   * run once; others once for each sequence of outcomes that occurs.
   */
  sample(shots: number, options?: SampleOptions): Promise<Sample>;
  /** Expectation values after a circuit of gates, `[observables]` for several. */
  expectation(observable: PauliSum, options?: RunOptions): number;
  expectation(observables: readonly PauliSum[], options?: RunOptions): Float64Array;
  /** The value and its derivatives with respect to all parameters. @throws UnsupportedError for circuits that are not gates only. */
  gradient(observable: PauliSum, options?: GradientOptions): ValueAndGradient;
  /**
   * The Fubini-Study metric of the states, `[parameters, parameters]` row-major, symmetric, positive semidefinite:
   * `g_ij = Re(<d_i psi|d_j psi> - <d_i psi|psi> <psi|d_j psi>)`. The quantum Fisher information matrix is `4 g`.
   */
  fubiniStudyMetric(options?: Pick<RunOptions, 'parameters' | 'initial'>): Float64Array;
  dispose(): void;
}

/**
 * Something that executes circuits. Implementations differ in speed, in the circuits they can take and in what they know of the
 * result, never in the result; {@link CompiledCircuit} and {@link QuantumState} name what they cannot do with UnsupportedError.
 */
export interface Simulator extends Disposable {
  /** `state-vector`, `reference`. */
  readonly engine: string;
  /** What code runs: `avx512`, `avx2`, `wasm`, `javascript`, ... */
  readonly target: string;
  /** Why this target, for people. */
  readonly reason: string;
  readonly precision: AmplitudePrecision;
  readonly threads: number;
  /**
   * Prepares a circuit.
   *
   * @throws CapabilityUnavailableError when its state would not fit into memory, before anything is allocated.
   */
  compile(circuit: Circuit): CompiledCircuit;
  /** Compiles and runs once; programs are remembered by the structure of circuits. The caller disposes the result. */
  run(circuit: Circuit, options?: RunOptions): QuantumState;
  /** Compiles and samples once. */
  sample(circuit: Circuit, shots: number, options?: SampleOptions): Promise<Sample>;
  /** A state that no circuit made. The caller disposes it. */
  prepare(qubitCount: number, initial: InitialState): QuantumState;
  dispose(): void;
}
