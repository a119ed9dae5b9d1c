import { type Clock, InvalidArgumentError, Random } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import type { CompilationState } from './pass.ts';
import { PassManager, type PassRecord, type Stages, untilUnchanged } from './pass-manager.ts';
import { trivialLayout } from './passes/choose-layout.ts';
import { commutativeCancellation } from './passes/commutative-cancellation.ts';
import { optimizeOneQubitGates } from './passes/optimize-one-qubit-gates.ts';
import { removeResetInZeroState } from './passes/remove-reset-in-zero-state.ts';
import { sabreRouting } from './passes/sabre-routing.ts';
import { unrollThreeQubitGates } from './passes/unroll-three-qubit-gates.ts';
import { checkTarget, type Target } from './target/target.ts';
import { translateToBasis } from './translation/translate-to-basis.ts';

/**
 * How much the compiler does. 0: what is needed to run, with qubit `i` on physical qubit `i`. 1 (the default): few layouts and
 * routings, cancels and merges gates. 2: many layouts and routings; slower by about ten times.
 */
export type OptimizationLevel = 0 | 1 | 2;

/** How a circuit is to be compiled. */
export interface TranspileOptions {
  /** Decides random layouts and ties; default 0. Equal seeds give equal circuits. */
  readonly seed?: number;
  /** Default 1. */
  readonly level?: OptimizationLevel;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** A circuit for a target. */
export interface TranspileResult {
  /** On the target's qubits, in its basis, every two-qubit gate between coupled qubits. */
  readonly circuit: Circuit;
  /** Physical qubit of each original qubit at the start. */
  readonly initialLayout: readonly number[];
  /** The same at the end, after the swaps. */
  readonly finalLayout: readonly number[];
  /** What each pass did, in order. */
  readonly passes: readonly PassRecord[];
}

/**
 * Compiles a circuit for a target. Free parameters survive. Spare qubits start and end in |0>. The effect is the same up to a
 * global phase; {@link verifyEquivalence} checks it.
 *
 * @throws InvalidArgumentError when the circuit does not fit the target, UnsupportedError when its gates cannot be made there,
 *   CancelledError once the signal is aborted.
 */
export async function transpile(
  circuit: Circuit,
  target: Target,
  options: TranspileOptions = {},
): Promise<TranspileResult> {
  checkTarget(target);
  if (circuit.qubitCount > target.qubitCount) {
    throw new InvalidArgumentError('The circuit is too large for the target', {
      expected: `at most ${target.qubitCount} qubits`,
      actual: circuit.qubitCount,
    });
  }
  const { level = 1, seed = 0 } = options;
  const start: CompilationState = {
    circuit,
    target,
    interactions: null,
    initialLayout: null,
    finalLayout: null,
    properties: new Map(),
  };
  const { state, records } = await new PassManager(presetStages(level)).run(start, {
    ...options,
    random: new Random(seed),
  });
  return {
    circuit: state.circuit,
    initialLayout: state.initialLayout!,
    finalLayout: state.finalLayout!,
    passes: records,
  };
}

/** The stages of a level. @throws InvalidArgumentError for another level. */
export function presetStages(level: OptimizationLevel): Stages {
  const prepare = [
    removeResetInZeroState(),
    commutativeCancellation(),
    unrollThreeQubitGates(),
    commutativeCancellation(),
  ];
  const polish = [commutativeCancellation(), optimizeOneQubitGates()];
  switch (level) {
    case 0:
      return {
        init: [removeResetInZeroState(), unrollThreeQubitGates()],
        layout: [trivialLayout],
        routing: [sabreRouting({ layouts: 1, rounds: 0, trials: 1 })],
        translation: [translateToBasis()],
      };
    case 1:
      return {
        init: prepare,
        routing: [sabreRouting({ layouts: 3, rounds: 2, trials: 2 })],
        translation: [translateToBasis()],
        optimization: [untilUnchanged(polish, 2)],
      };
    case 2:
      return {
        init: prepare,
        routing: [sabreRouting({ layouts: 20, rounds: 3, trials: 4 })],
        translation: [translateToBasis()],
        optimization: [untilUnchanged(polish, 3)],
      };
    default:
      throw new InvalidArgumentError('Unknown optimisation level', { expected: '0, 1 or 2', actual: level });
  }
}
