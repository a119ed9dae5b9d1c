import type { Clock, Random } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { InteractionCircuit } from './interaction/interaction.ts';
import type { Target } from './target/target.ts';

/** What passes hand to one another. */
export interface CompilationState {
  readonly circuit: Circuit;
  readonly target: Target;
  /** The same circuit in interaction form, between the passes that collect and synthesise interactions; null elsewhere. */
  readonly interactions: InteractionCircuit | null;
  /** Physical qubit of each original qubit at the start; null before a layout is chosen. */
  readonly initialLayout: readonly number[] | null;
  /** The same at the end; null until the circuit is on physical qubits. */
  readonly finalLayout: readonly number[] | null;
  /** What analysis passes found, by the names they document. */
  readonly properties: ReadonlyMap<string, unknown>;
}

/** What a pass may use besides the state. */
export interface PassContext {
  readonly random: Random;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** `clock.nowMs()` after which a pass should settle for the best it has; Infinity without a time budget. */
  readonly deadlineMs: number;
}

/**
 * What a pass keeps of a circuit's meaning, up to a global phase and the layouts: its whole unitary, or only what measurements see
 * when every qubit starts in |0>.
 */
export type Preserved = 'unitary' | 'measured distribution from |0>';

/** One step of compilation: a function of the state, without memory of its own. */
export interface Pass {
  readonly name: string;
  /** Default `unitary`. */
  readonly preserves?: Preserved;
  run(state: CompilationState, context: PassContext): CompilationState | Promise<CompilationState>;
}
