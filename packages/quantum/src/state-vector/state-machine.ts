import type { Isa } from '@qedge/codegen';
import type { Fallback } from '@qedge/core';
import type { BatchKernel } from './batch/plan-batch.ts';
import type { AmplitudeElement, StateLayout, SweepShape, VectorProgram } from './vector-program.ts';

/**
 * Executes vector programs on states: machine code, WebAssembly or interpreted steps, on one thread or several. Knows nothing of circuits,
 * qubit names or angles.
 */
export interface StateMachine extends Disposable {
  readonly isa: Isa;
  readonly element: AmplitudeElement;
  readonly threads: number;
  readonly shape: SweepShape;
  /** The layout of states of so many qubits (at least as many as a block needs). */
  layoutOf(qubitCount: number): StateLayout;
  /**
   * Memory for a state; what it holds is not defined. Memory of disposed states is used again.
   *
   * @throws CapabilityUnavailableError, with the bytes needed, when there is not enough memory.
   */
  createState(qubitCount: number): MachineState;
  /** Bytes that one more state could have now. */
  availableBytes(): number;
  /** Bytes of the states and batches that are not disposed. */
  readonly stateBytesInUse: number;
  /** Faster ways of execution that were wanted but are not there. */
  readonly fallbacks: readonly Fallback[];
  /** Sums over states of this machine. */
  readonly arithmetic: StateArithmetic;
  /** Generates code for a program whose layout is `layoutOf(...)`. */
  load(program: VectorProgram): LoadedProgram;
  /** Generates code for kernels of at most `shape.blockQubits` wires. */
  loadBatch(kernels: readonly BatchKernel[], unitCount: number, qubitCount: number): LoadedBatch;
  dispose(): void;
}

/** A state in a machine's memory. */
export interface MachineState extends Disposable {
  readonly layout: StateLayout;
  /**
   * The memory in the order of the layout, padding included, as one or more typed arrays of equal length (but the last) that follow each other.
   * Borrowed until `dispose()`.
   */
  readonly chunks: readonly (Float32Array | Float64Array)[];
  dispose(): void;
}

/** One circuit of few qubits, run for many sets of parameters at the same time: a set per lane. */
export interface LoadedBatch extends Disposable {
  /** Sets that are run at the same time. */
  readonly width: number;
  /** Seconds that generating code took. */
  readonly compileSeconds: number;
  /**
   * `[units, 3, width]`, to be filled before a run: an angle within an eighth of a turn, and the real and the imaginary part of the power of
   * `i` that its unit is multiplied with. Borrowed until `dispose()`.
   */
  readonly angles: Float32Array | Float64Array;
  /** What a run leaves, for each set: qubit `w` is wire `w`. Borrowed until `dispose()`. */
  readonly states: readonly MachineState[];
  /** Runs the circuit on |0...0>. */
  run(): void;
  dispose(): void;
}

/** Code with its tables. */
export interface LoadedProgram extends Disposable {
  /** To be filled before every run whose parameters differ; `VectorProgram.tableLength` numbers. */
  readonly tables: Float32Array | Float64Array;
  readonly codeBytes: number;
  /** Seconds that generating code took. */
  readonly compileSeconds: number;
  /** @throws InvalidArgumentError for a state of another layout or machine, UseAfterReleaseError. */
  run(state: MachineState): void;
  dispose(): void;
}

/** A Pauli string with a factor: `coefficient` (times `i` where `isImaginary`) `(-1)^(|s & z|)` from index `s` to `s ^ x`. */
export interface PauliTermOfState {
  /** Masks of physical qubits, below 2^31. */
  readonly x: number;
  readonly z: number;
  readonly coefficient: number;
  readonly isImaginary: boolean;
}

/** Arithmetic on whole states. States are of one machine and layout; the caller's duty. */
export interface StateArithmetic extends Disposable {
  readonly laneQubits: number;
  /** `out += term |state>`. */
  addPauli(out: MachineState, state: MachineState, term: PauliTermOfState): void;
  /**
   * For every mask `z` of physical qubits `sum over s of (-1)^(|s & z|) part(conj(left[s]) right[s])`. Products of 4,096 vectors are summed in the
   * precision of the states, lanes and what is beyond in double precision.
   *
   * @param masks never changed afterwards: what is worked out for a list is remembered.
   * @param out `[masks]`; overwritten.
   */
  sumProducts(
    part: 'real' | 'imaginary',
    masks: readonly number[],
    left: MachineState,
    right: MachineState,
    out: Float64Array,
  ): void;
  /** The weights of the two values of a physical qubit: `[sum of |a|^2 with bit 0, with bit 1]`. */
  bitWeights(state: MachineState, qubit: number): [number, number];
  /** Sets `out` to the amplitudes of `state` whose physical qubit has this value, times a factor, and to 0 elsewhere; may be in place. */
  projectBit(out: MachineState, state: MachineState, qubit: number, bit: 0 | 1, factor: number): void;
  /**
   * Sets `out`, which has one qubit less, to the amplitudes of `state` whose physical qubit has this value, times a factor. Qubits above it move
   * down by one; where it is a lane, the lowest qubit above the lanes takes its place, and those above that one move down.
   *
   * @param state at least one qubit above the lanes.
   */
  extractBit(out: MachineState, state: MachineState, qubit: number, bit: 0 | 1, factor: number): void;
  dispose(): void;
}
