import type { Clock, Random } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { Target } from './target.ts';

/** What passes hand to one another. */
export interface CompilationState {
  readonly circuit: Circuit;
  readonly target: Target;
  /** Physical qubit of each original qubit at the start; null before a layout is chosen. */
  readonly initialLayout: readonly number[] | null;
  /** The same at the end; null until the circuit is on physical qubits. */
  readonly finalLayout: readonly number[] | null;
}

/** What a pass may use besides the state. */
export interface PassContext {
  readonly random: Random;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** One step of compilation: a function of the state, without memory of its own. */
export interface Pass {
  readonly name: string;
  run(state: CompilationState, context: PassContext): CompilationState | Promise<CompilationState>;
}
