import { type Clock, InvalidArgumentError, Random } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { omitIdleQubits, restoreLayout } from './levels/omit-idle-qubits.ts';
import { type OptimizationLevel, type PresetOptions, presetStages } from './levels/preset-stages.ts';
import type { Preserved } from './pass.ts';
import { PassManager, type PassRecord, type Stages } from './pass-manager.ts';
import { keepCheaperInput, runsUnchanged } from './passes/keep-cheaper-input.ts';
import { checkTarget, type Target } from './target/target.ts';

/** How a circuit is to be compiled. */
export interface TranspileOptions extends PresetOptions {
  /** Decides layouts and ties; default 0. Equal seeds give equal circuits, whatever runs the attempts. */
  readonly seed?: number;
  /** Default 2. */
  readonly level?: OptimizationLevel;
  /** Changes the stages of the level, for passes of one's own. */
  readonly customize?: (stages: Stages) => Stages;
  /** Called after every pass. */
  readonly onPass?: (record: PassRecord) => void;
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
  /** Swaps that routing inserted, before any was merged away. */
  readonly swapsAdded: number;
  /** What all passes together keep of the original: the weakest of what each of them keeps. */
  readonly preserves: Preserved;
  /** What each pass did, in order. */
  readonly passes: readonly PassRecord[];
}

/**
 * Compiles a circuit for a target. Free parameters stay free, barriers, measurements, resets and control flow stay in order. Spare
 * qubits start and end in |0>. Nothing acts on faulty qubits; where the circuit has more qubits than work, idle ones are left on
 * them. A circuit that runs on the target already never gets more two-qubit gates. The effect is the same up to
 * a global phase and the layouts; {@link verifyEquivalence} checks it.
 *
 * @throws InvalidArgumentError when the circuit does not fit the target, UnsupportedError when its gates cannot be made there,
 *   CancelledError once the signal is aborted.
 * @example
 * const { circuit, finalLayout } = await transpile(new Circuit(3).h(0).cx(0, 2), heavyHexTarget(27), { level: 3, seed: 7 });
 */
export async function transpile(
  circuit: Circuit,
  target: Target,
  options: TranspileOptions = {},
): Promise<TranspileResult> {
  checkTarget(target);
  if (typeof circuit?.forEach !== 'function') {
    throw new InvalidArgumentError('There is nothing to compile', {
      expected: 'a Circuit',
      actual: String(circuit),
      remedy: 'parseOpenQasm makes one of a program',
    });
  }
  if (circuit.qubitCount > target.qubitCount) {
    throw new InvalidArgumentError('The circuit is too large for the target', {
      expected: `at most ${target.qubitCount} qubits`,
      actual: circuit.qubitCount,
    });
  }
  const { level = 2, seed = 0, customize = (stages) => stages } = options;
  checkBudget(options);
  const stages = presetStages(level, target, options);
  const narrowed = omitIdleQubits(circuit, target);
  const last = runsUnchanged(circuit, target) ? [keepCheaperInput(circuit, narrowed?.kept)] : [];
  const optimization = [...(stages.optimization ?? []), ...last];
  const manager = new PassManager(checkStages(customize({ ...stages, optimization })));
  const start = {
    circuit: narrowed?.circuit ?? circuit,
    target,
    interactions: null,
    initialLayout: null,
    finalLayout: null,
    properties: new Map(),
  };
  const { state, records } = await manager.run(start, { ...options, random: new Random(seed) });
  const { initialLayout, finalLayout } = state;
  if (initialLayout === null || finalLayout === null) {
    throw new InvalidArgumentError('The stages leave the circuit without a layout', {
      expected: 'a pass that lays the circuit out and one that routes it',
      actual: 'no layout',
      remedy: 'Keep the routing stage of the level, or run a PassManager, which asks for no layout',
    });
  }
  const restore = (layout: readonly number[]) => (narrowed ? restoreLayout(layout, narrowed) : layout);
  return {
    circuit: state.circuit,
    initialLayout: restore(initialLayout),
    finalLayout: restore(finalLayout),
    swapsAdded: Number(state.properties.get('swapsAdded') ?? 0),
    preserves: records.find(({ preserves }) => preserves !== 'unitary')?.preserves ?? 'unitary',
    passes: records,
  };
}

function checkStages(stages: Stages): Stages {
  if (typeof stages === 'object' && stages !== null) return stages;
  throw new InvalidArgumentError('"customize" gave no stages', {
    expected: 'a record of stages with their passes, such as the one that it was given',
    actual: String(stages),
    remedy: 'Return the changed stages',
  });
}

function checkBudget({ timeBudgetMs, trials }: TranspileOptions): void {
  if (timeBudgetMs !== undefined && !(timeBudgetMs >= 0)) {
    throw new InvalidArgumentError('A time budget is not usable', {
      expected: 'milliseconds >= 0',
      actual: timeBudgetMs,
    });
  }
  if (trials !== undefined && !(Number.isInteger(trials) && trials >= 1)) {
    throw new InvalidArgumentError('A number of trials is not usable', {
      expected: 'an integer >= 1',
      actual: trials,
    });
  }
}
