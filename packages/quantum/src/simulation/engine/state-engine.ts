import type { UnitaryKind } from '../../circuit/instruction.ts';
import type { PlanStatistics } from '../../state-vector/planner/plan-statistics.ts';
import type { MachineState, StateArithmetic } from '../../state-vector/state-machine.ts';
import type { StateFrame, StoredState } from '../amplitudes/stored-state.ts';

/** The precision of amplitudes: 8 or 16 bytes each. */
export type AmplitudePrecision = 'f32' | 'f64';

/**
 * What executes the unitary parts of circuits on state vectors. Measurements, sampling, observables and gradients are the
 * simulator's, the same for every engine.
 */
export interface StateEngine extends Disposable {
  /** `reference` or `state-vector`. */
  readonly name: string;
  /** What code runs: `javascript`, `avx512`, `wasm`, ... */
  readonly target: string;
  /** Why this target, for people. */
  readonly reason: string;
  readonly precision: AmplitudePrecision;
  readonly threads: number;
  /** More qubits than these are refused whatever the memory. */
  readonly maxQubits: number;
  /** Bytes that one more state could have now. */
  availableBytes(): number;
  /** Bytes of a state, padding included. */
  stateBytes(qubitCount: number): number;
  /** Sums over states as code; null where loops do. */
  readonly arithmetic: StateArithmetic | null;
  /** Memory for a state; what it holds is not defined. */
  allocate(qubitCount: number): MachineState;
  /**
   * Prepares a sequence of gates.
   *
   * @param instructions on qubits `0..qubitCount - 1`; every angle is a parameter `a<number>`, numbered from 0.
   * @throws CapabilityUnavailableError for more qubits than the engine can address.
   */
  compile(request: ProgramRequest, start: ProgramStart): EngineProgram;
  /**
   * Prepares a sequence of gates on |0...0> for many sets of angles at the same time; null where they are better run one after the
   * other.
   */
  compileBatch(request: ProgramRequest): EngineBatch | null;
  dispose(): void;
}

/** Gates whose every angle is a parameter `a<number>`, numbered from 0. */
export interface ProgramRequest {
  /** On qubits `0..qubitCount - 1`. */
  readonly instructions: readonly UnitaryKind[];
  readonly qubitCount: number;
  readonly angleCount: number;
}

/**
 * What is known of the states that a program runs on: they begin as |0...0>, whatever the memory holds, which is the program's to see
 * to; no bits are stored inverted, whatever the angles of earlier programs; or nothing.
 */
export type StartKnowledge = 'zero' | 'plain' | 'nothing';

/** What a program finds. */
export interface ProgramStart {
  /** The physical qubit of each qubit; all have one. */
  readonly places: Int32Array;
  readonly known: StartKnowledge;
}

/** A sequence of gates, ready to run on |0...0> for several sets of angles at the same time. */
export interface EngineBatch extends Disposable {
  readonly planSeconds: number;
  readonly compileSeconds: number;
  /** The states that runs leave, one for each set that is run at the same time; borrowed until `dispose()`. */
  readonly states: readonly StoredState[];
  /** That of all states. */
  readonly frame: StateFrame;
  /** Works out the numbers of one set. @param angles `[angleCount]`; borrowed during the call. */
  bind(set: number, angles: Float64Array): void;
  /** Runs all sets. */
  run(): void;
  dispose(): void;
}

/** A sequence of gates, ready to run on states of one size. */
export interface EngineProgram extends Disposable {
  /** What a run costs; null where nothing was planned. */
  readonly statistics: PlanStatistics | null;
  readonly planSeconds: number;
  readonly compileSeconds: number;
  readonly codeBytes: number;
  /**
   * Works out the numbers that depend on angles and on inverted bits, for all runs up to the next call.
   *
   * @param angles `[angleCount]`; borrowed during the call.
   * @param frame that of the states to come, with the places that the program was compiled for.
   * @returns the frame that runs lead to; owned by the caller.
   */
  bind(angles: Float64Array, frame: StateFrame): StateFrame;
  /** Applies the gates to a state's amplitudes; where it begins with |0...0>, to those. */
  run(state: StoredState): void;
  dispose(): void;
}
