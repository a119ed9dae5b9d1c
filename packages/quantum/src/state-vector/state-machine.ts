import type { Isa } from '@qedge/codegen';
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
   * Memory for a state, all amplitudes 0 but the one of index 0, which is 1. Memory of disposed states is used again.
   *
   * @throws CapabilityUnavailableError, with the bytes needed, when there is not enough memory.
   */
  createState(qubitCount: number): MachineState;
  /** Generates code for a program whose layout is `layoutOf(...)`. */
  load(program: VectorProgram): LoadedProgram;
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
