import { InvalidArgumentError } from '@qedge/core';
import { trivialLayout } from '../layout/trivial-layout.ts';
import { vf2Layout, vf2PostLayout } from '../layout/vf2-layout.ts';
import { liftToffolisPass } from '../optimizer/lift-toffolis.ts';
import { forAllToAll, quickOptimizer, thoroughOptimizer } from '../optimizer/optimizer-settings.ts';
import type { Pass } from '../pass.ts';
import { cheapestOf, type PassStep, type Stages } from '../pass-manager.ts';
import { commutativeCancellation } from '../passes/commutative-cancellation.ts';
import { gateDirection } from '../passes/gate-direction.ts';
import { inverseCancellation } from '../passes/inverse-cancellation.ts';
import { optimizeOneQubitGates } from '../passes/optimize-one-qubit-gates.ts';
import { removeDiagonalGatesBeforeMeasure } from '../passes/remove-diagonal-gates-before-measure.ts';
import { removeFinalReset } from '../passes/remove-final-reset.ts';
import { removeResetInZeroState } from '../passes/remove-reset-in-zero-state.ts';
import { simplifyKnownStates } from '../passes/simplify-known-states.ts';
import { unrollThreeQubitGates } from '../passes/unroll-three-qubit-gates.ts';
import { basicSwap } from '../routing/basic-swap.ts';
import { type RoutingSettings, routingOfLevel } from '../routing/routing-settings.ts';
import { type SabreOptions, sabreRouting } from '../routing/sabre-routing.ts';
import type { TrialExecutor } from '../routing/trial-executor.ts';
import type { Target } from '../target/target.ts';
import { eulerBasesOf } from '../translation/one-qubit-basis.ts';
import { translateToBasis } from '../translation/translate-to-basis.ts';
import {
  collectIntoInteractions,
  optimizeLogically,
  type RoutingEffort,
  routeInteractions,
  simplifyFromZero,
  synthesizeBlocks,
} from './interaction-passes.ts';

/**
 * How much the compiler does.
 *
 * - 0: what is needed to run, qubit `i` on physical qubit `i`, swaps where they are needed.
 * - 1: few layouts and routings; cancels inverse gates, merges one-qubit gates.
 * - 2: optimises and routes as interactions, with few attempts.
 * - 3: the same with a wider search and many attempts.
 *
 * What interactions become needs one-qubit rotations of any angle. For bases without them, such as Clifford gates and T, levels 2 and 3
 * do what level 1 does, with more layouts and routings, and keep the cheapest.
 */
export type OptimizationLevel = 0 | 1 | 2 | 3;

/** What {@link presetStages} may be told. */
export interface PresetOptions {
  /** Starting layouts to try at levels 1 to 3; default what the level says. */
  readonly trials?: number | undefined;
  /**
   * After this time the compiler settles for the best it has, and level 3 goes on trying until then or until nothing better has
   * been found for long. The result then depends on the machine. Default none.
   */
  readonly timeBudgetMs?: number | undefined;
  /**
   * Uses at levels 1 to 3 that every qubit starts in |0>: controls that are known, phases of known qubits. Changes the unitary, and the
   * result says so. Default false.
   */
  readonly assumeZeroInputs?: boolean | undefined;
  /**
   * Drops at levels 1 to 3 what no measurement sees: diagonal gates before measurements, resets at the end. Changes the unitary, and
   * the result says so. Default false.
   */
  readonly onlyMeasuredResults?: boolean | undefined;
  /** Runs the attempts of levels 2 and 3; default: in this thread. */
  readonly executor?: TrialExecutor | undefined;
}

/** The stages of a level for a target. @throws InvalidArgumentError for another level. */
export function presetStages(level: OptimizationLevel, target: Target, options: PresetOptions = {}): Stages {
  switch (level) {
    case 0:
      return {
        init: [unrollThreeQubitGates()],
        layout: [trivialLayout()],
        routing: [basicSwap()],
        translation: [translateToBasis(), ...directionsOf(target)],
      };
    case 1:
      return stagesOfCircuits(1, target, options);
    case 2:
    case 3:
      return eulerBasesOf(target.basisGates).length > 0
        ? stagesOfInteractions(level, target, options)
        : stagesOfCircuits(level, target, options);
    default:
      throw new InvalidArgumentError('Unknown optimisation level', {
        expected: '0, 1, 2 or 3',
        actual: level,
      });
  }
}

function simplifications({ assumeZeroInputs, onlyMeasuredResults }: PresetOptions): Pass[] {
  return [
    removeResetInZeroState(),
    ...(assumeZeroInputs ? [simplifyKnownStates()] : []),
    ...(onlyMeasuredResults ? [removeFinalReset(), removeDiagonalGatesBeforeMeasure()] : []),
  ];
}

function stagesOfCircuits(level: 1 | 2 | 3, target: Target, options: PresetOptions): Stages {
  const attempt = (effort: 1 | 2 | 3) => [
    sabreRouting(circuitEffort(effort, options)),
    translateToBasis(),
    commutativeCancellation(),
  ];
  const efforts = ([1, 2, 3] as const).slice(0, level);
  return {
    init: [...simplifications(options), unrollThreeQubitGates(), inverseCancellation()],
    layout: [vf2Layout({ stepsPerAttempt: 1000, attempts: 6 })],
    // Fewer swaps can be more gates, when fewer of them cancel: a level tries what the lower ones do too.
    routing: level === 1 ? [sabreRouting(circuitEffort(1, options))] : [cheapestOf(efforts.map(attempt))],
    translation: [translateToBasis()],
    optimization: [
      commutativeCancellation(),
      optimizeOneQubitGates(),
      vf2PostLayout(),
      ...directionsOf(target),
    ],
  };
}

function circuitEffort(level: 1 | 2 | 3, options: PresetOptions): SabreOptions {
  const { layouts, iterations, patience } = routingOfLevel(level);
  return { layouts, iterations, patience, ...attemptsOf(level, options) };
}

function stagesOfInteractions(level: 2 | 3, target: Target, options: PresetOptions): Stages {
  return {
    init: [
      ...simplifications(options),
      inverseCancellation(),
      liftToffolisPass,
      collectIntoInteractions(),
      ...(options.assumeZeroInputs ? [simplifyFromZero()] : []),
    ],
    routing: optimizeAndRoute(level, target, options),
    translation: [synthesizeBlocks(), translateToBasis()],
    optimization: [
      commutativeCancellation(),
      optimizeOneQubitGates(),
      vf2PostLayout(),
      ...directionsOf(target),
    ],
  };
}

/** Turns gates round where edges have a direction, once everything is in its place. */
function directionsOf({ directed }: Target): Pass[] {
  return directed ? [gateDirection(), optimizeOneQubitGates()] : [];
}

/** Level 3 does what level 2 does too, and is never worse. */
function optimizeAndRoute(level: 2 | 3, target: Target, options: PresetOptions): readonly PassStep[] {
  const effortOf = (own: 2 | 3): RoutingEffort => {
    const preset = own === 2 ? quickOptimizer : thoroughOptimizer;
    const optimizer = target.couplingEdges === null ? forAllToAll(preset) : preset;
    return { routing: { ...routingOfLevel(own), ...attemptsOf(own, options) }, optimizer };
  };
  const [effort, lesser] = [effortOf(level), level === 3 ? effortOf(2) : undefined];
  return [
    optimizeLogically(effort.optimizer, lesser?.optimizer),
    routeInteractions(effort, options.executor, lesser),
  ];
}

/** Where the caller says how many layouts to try, or for how long. */
function attemptsOf(
  level: 1 | 2 | 3,
  { trials, timeBudgetMs }: PresetOptions,
): Partial<Pick<RoutingSettings, 'layouts' | 'patience'>> {
  if (trials !== undefined) return { layouts: trials, patience: trials };
  return level === 3 && timeBudgetMs !== undefined ? { layouts: 100_000, patience: 400 } : {};
}
