import type { PauliSum } from '../operator/pauli-sum.ts';
import type { Sample } from './sampling/sample.ts';

/** A basis state: its index (bit `q` is qubit `q`), or its bits with the highest qubit first. */
export type BasisState = number | bigint | string;

/** The state of some qubits alone. */
export interface DensityMatrix {
  readonly qubitCount: number;
  /** `[2^qubitCount, 2^qubitCount, 2]` row-major, real and imaginary parts interleaved. Owned by the caller. */
  readonly entries: Float64Array;
}

/**
 * What a simulator made of a circuit. The holder gives the memory back with `dispose()`; using the state afterwards throws
 * UseAfterReleaseError. Sums are in double precision; those of up to 4,096 vectors of amplitudes may be in the state's own.
 *
 * Lists of qubits choose and order: bit `i` of an index of the result belongs to `qubits[i]`.
 *
 * Methods that an engine cannot answer throw UnsupportedError by name: there are no amplitudes of a mixed state.
 */
export interface QuantumState extends Disposable {
  readonly qubitCount: number;
  /** The classical bits that measurements in the middle of the circuit wrote, one byte each. */
  readonly clbits: Uint8Array;
  /** One amplitude as `[re, im]`. @throws InvalidArgumentError for a basis state that there is not. */
  amplitude(basis: BasisState): [number, number];
  /** All amplitudes, `[2^qubitCount, 2]` interleaved; owned by the caller. @throws CapabilityUnavailableError when they are too many. */
  amplitudes(): Float64Array;
  /** Probabilities of the values of some qubits (default: all), `[2^qubits.length]`. */
  probabilities(qubits?: readonly number[]): Float64Array;
  /** Measures all qubits on copies of the state. Default seed 0. */
  sample(shots: number, options?: { readonly seed?: number }): Sample;
  /** `<state| observable |state>`; of several at once, `[observables]`. @throws ShapeMismatchError when the numbers of qubits differ. */
  expectation(observable: PauliSum): number;
  expectation(observables: readonly PauliSum[]): Float64Array;
  /** `<O^2> - <O>^2`, without cancellation. */
  variance(observable: PauliSum): number;
  /** The sum of all probabilities: 1 up to rounding. */
  normSquared(): number;
  /** `<this|other>` as `[re, im]`. @throws ShapeMismatchError when the numbers of qubits differ. */
  innerProduct(other: QuantumState): [number, number];
  /** `|<this|other>|^2`. */
  fidelity(other: QuantumState): number;
  /** The density matrix of some qubits, all others traced out. */
  partialTrace(qubits: readonly number[]): DensityMatrix;
  /** `Tr rho^2` of some qubits: 1 where they are not entangled with the others, at least `2^-qubits`. */
  purity(qubits: readonly number[]): number;
  /** The von Neumann entropy `-Tr rho log2 rho` of some qubits, in bits. */
  entropy(qubits: readonly number[]): number;
  dispose(): void;
}
