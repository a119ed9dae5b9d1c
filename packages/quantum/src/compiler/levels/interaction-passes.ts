import { InvalidArgumentError } from '@qedge/core';
import { countStateGates } from '../count-gates.ts';
import { finishInTurns, isTimeUp, withShareOfTime } from '../in-turns.ts';
import { collectInteractions } from '../interaction/collect-interactions.ts';
import { areEqual } from '../interaction/compare-interactions.ts';
import type { InteractionCircuit } from '../interaction/interaction.ts';
import { synthesizeInTurns } from '../interaction/synthesize-interactions.ts';
import type { Entangler } from '../interaction/two-qubit-class.ts';
import { placeErrorsOf } from '../layout/layout-error.ts';
import { optimizeInTurns } from '../optimizer/optimize-interactions.ts';
import type { OptimizerSettings } from '../optimizer/optimizer-settings.ts';
import { simplifyZeroInputs } from '../optimizer/simplify-zero-inputs.ts';
import type { CompilationState, Pass } from '../pass.ts';
import type { RoutedInteractions } from '../routing/emit-interactions.ts';
import { layOutAndRoute } from '../routing/lay-out-and-route.ts';
import type { RoutingSettings } from '../routing/routing-settings.ts';
import type { TrialExecutor } from '../routing/trial-executor.ts';
import { CouplingGraph } from '../target/coupling-graph.ts';
import type { Target } from '../target/target.ts';
import { bodyCompiler } from './compile-bodies.ts';

/** Brings the circuit into interaction form, where the passes below work until {@link synthesizeBlocks}. */
export function collectIntoInteractions(): Pass {
  return {
    name: 'collect interactions',
    run: (state) => ({ ...state, interactions: collectInteractions(state.circuit) }),
  };
}

/**
 * Uses that every wire starts in |0>: what does not change a wire in a known state goes. Needs the interaction form, changes the
 * unitary.
 */
export function simplifyFromZero(): Pass {
  return {
    name: 'simplify interactions from zero',
    preserves: 'measured distribution from |0>',
    run: (state) => ({ ...state, interactions: simplifyZeroInputs(formOf(state)) }),
  };
}

/** How much of the time that is left may be spent before routing, which needs the most. */
const OPTIMIZER_SHARE = 0.4;

/**
 * Fewer interactions for the same circuit. Needs the interaction form.
 *
 * @param lesser other settings to try too. Fewer interactions can be harder to route: where the result is another one, the property
 *   `lesser interactions` keeps it for {@link routeInteractions}.
 */
export function optimizeLogically(settings: OptimizerSettings, lesser?: OptimizerSettings): Pass {
  return {
    name: 'optimize interactions',
    async run(state, context) {
      const limited = withShareOfTime(context, OPTIMIZER_SHARE);
      const optimize = (effort: OptimizerSettings) =>
        finishInTurns(optimizeInTurns(formOf(state), effort), limited, 'The optimisation');
      const other = lesser ? await optimize(lesser) : null;
      const interactions = other && isTimeUp(limited) ? other : await optimize(settings);
      const isOther = other !== null && other !== interactions && !areEqual(other, interactions);
      const properties = new Map(state.properties).set(LESSER_INTERACTIONS, isOther ? other : null);
      return { ...state, interactions, properties };
    },
  };
}

const LESSER_INTERACTIONS = 'lesser interactions';

/** How hard a circuit is routed, and with what the bodies of its control flow are optimised. */
export interface RoutingEffort {
  readonly routing: RoutingSettings;
  readonly optimizer: OptimizerSettings;
}

/**
 * Chooses a layout and inserts swaps, which are merged with what is next to them. Needs the interaction form.
 *
 * @param lesser for what {@link optimizeLogically} kept beside its result; the cheaper routing of both is taken.
 */
export function routeInteractions(
  effort: RoutingEffort,
  executor?: TrialExecutor | undefined,
  lesser?: RoutingEffort,
): Pass {
  return {
    name: 'lay out and route interactions',
    async run(state, context) {
      const graph = new CouplingGraph(state.target);
      const route = async (form: InteractionCircuit, { routing, optimizer }: RoutingEffort) => {
        const bodies = { graph, optimizer, entangler: entanglerOf(state.target) };
        const errors = placeErrorsOf(state.target);
        const routeBody = bodyCompiler(bodies, context);
        const options = { errors, executor, routeBody };
        return placedState(state, await layOutAndRoute(form, graph, routing, context, options));
      };
      const other = state.properties.get(LESSER_INTERACTIONS) as InteractionCircuit | null | undefined;
      if (!lesser) return route(formOf(state), effort);
      if (!other) {
        return route(formOf(state), { ...effort, routing: { ...effort.routing, lesser: lesser.routing } });
      }
      const first = await route(other, lesser);
      if (isTimeUp(context)) return first;
      const second = await route(formOf(state), effort);
      return countStateGates(second).twoQubit < countStateGates(first).twoQubit ? second : first;
    },
  };
}

function placedState(
  state: CompilationState,
  { interactions, initialLayout, finalLayout, swapsAdded }: RoutedInteractions,
): CompilationState {
  const properties = new Map(state.properties).set('swapsAdded', swapsAdded);
  properties.delete(LESSER_INTERACTIONS);
  return { ...state, interactions, initialLayout, finalLayout, properties };
}

/** Leaves the interaction form: every block becomes as few of the target's entangling gates as it takes, with `u` between. */
export function synthesizeBlocks(): Pass {
  return {
    name: 'synthesize interactions',
    async run(state, context) {
      const work = synthesizeInTurns(formOf(state), { entangler: entanglerOf(state.target) });
      return { ...state, circuit: await finishInTurns(work, context, 'Synthesis'), interactions: null };
    },
  };
}

function formOf({ interactions }: CompilationState) {
  if (interactions !== null) return interactions;
  throw new InvalidArgumentError('A pass needs the circuit as interactions', {
    expected: 'collectIntoInteractions() before it, and no synthesizeBlocks() between',
    actual: 'a circuit of gates',
  });
}

const ENTANGLERS: readonly Entangler[] = ['cx', 'cz', 'ecr', 'rzz', 'iswap'];

/** The gate in which blocks are synthesised; cx where the basis has another one, which translation then replaces. */
export function entanglerOf({ basisGates }: Target): Entangler {
  return ENTANGLERS.find((gate) => basisGates.includes(gate)) ?? 'cx';
}
