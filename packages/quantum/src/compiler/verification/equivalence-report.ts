import type { Simulator } from '../../simulation/simulator.ts';
import type { Target } from '../target/target.ts';

/** How a compiled circuit is to be checked. */
export interface EquivalenceOptions {
  /** The compiled circuit must respect its coupling map, directions and basis; without it only the effect is compared. */
  readonly target?: Target;
  /** Whether qubits may start in any state or all start in |0>; default `any`. */
  readonly inputs?: 'any' | 'zero';
  /** Whether the final state counts or only what the classical bits hold at the end; default `state`. */
  readonly compare?: 'state' | 'measurements';
  /** Random product states to try where circuits are simulated, an integer >= 1; default 3, beyond 12 qubits and where inputs are `zero` 1. */
  readonly trials?: number;
  /** Decides input states and the values of free parameters, a safe integer; default 0. */
  readonly seed?: number;
  /** The infidelity that counts as rounding; default 1e-9. */
  readonly tolerance?: number;
  /** Most qubits to simulate by state vectors, 1..24; default 20. Each one doubles time and memory: 20 take seconds. */
  readonly maxSimulatedQubits?: number;
  /** Most Pauli terms of one factor of the operator product, 1..2^22; default 16,384. */
  readonly maxTerms?: number;
  /** Runs the state vectors (float64), borrowed; by default plain loops for few qubits, WebAssembly for more. */
  readonly simulator?: Simulator;
  readonly signal?: AbortSignal;
}

/**
 * What decided.
 *
 * - `target`: the compiled circuit breaks the coupling map, a direction or the basis.
 * - `classical`: parameters, classical bits or variables differ, or a bit is measured another number of times.
 * - `state-vector`: both circuits were run on random product states, every outcome of measurements in the middle followed.
 * - `stabilizers`: both are Clifford; their channels' stabilizer groups were compared. Exact.
 * - `pauli-rotations`: both are rotations about Pauli strings and Clifford gates; each rotation met its inverse in the other one. Exact.
 * - `operator-product`: gates of the one and inverse gates of the other were multiplied from one end, as a sum of Paulis. Exact.
 * - `none`: nothing feasible; `reason` says why.
 */
export type EquivalenceMethod =
  | 'target'
  | 'classical'
  | 'state-vector'
  | 'stabilizers'
  | 'pauli-rotations'
  | 'operator-product'
  | 'none';

/** What the check saw. Plain data. */
export interface EquivalenceReport {
  /** Null where it could not be decided. */
  readonly equivalent: boolean | null;
  readonly method: EquivalenceMethod;
  /**
   * Whether all inputs were compared. Else states were, on random product inputs: one such input shows a difference almost surely, but one that
   * touches a share `p` of all basis states only with an infidelity of about `p`, which must be above the tolerance.
   */
  readonly isExact: boolean;
  /**
   * Over the trials the largest `1 - 2 Tr(rho sigma) / (Tr rho^2 + Tr sigma^2)` of the expected and the found state, classical bits
   * included: `1 - |<a|b>|^2` for pure states; the total variation distance where only measured results count. For operators `1 - |Tr(U^dag V)|^2 / 4^n`. Null where nothing of the kind was measured.
   */
  readonly worstInfidelity: number | null;
  readonly trials: number;
  /** Qubits of the largest state that was simulated: those in use, spare ones included. */
  readonly simulatedQubits: number;
  /** In words: what was found, or why nothing was. */
  readonly reason: string;
  /** What shows the difference. */
  readonly counterexample?: Readonly<Record<string, unknown>>;
}

/** The limits after defaults. */
export interface ComparisonSettings {
  readonly inputs: 'any' | 'zero';
  readonly compare: 'state' | 'measurements';
  readonly trials: number | undefined;
  readonly seed: number;
  readonly tolerance: number;
  readonly maxSimulatedQubits: number;
  readonly maxTerms: number;
  readonly simulator: Simulator | undefined;
  readonly signal: AbortSignal | undefined;
}
