import { InvalidArgumentError } from '@qedge/core';
import { finishInTurns, withShareOfTime } from '../in-turns.ts';
import { collectInteractions } from '../interaction/collect-interactions.ts';
import { synthesizeInteractions } from '../interaction/synthesize-interactions.ts';
import type { Entangler } from '../interaction/two-qubit-class.ts';
import { placeErrorsOf } from '../layout/layout-error.ts';
import { optimizeInTurns } from '../optimizer/optimize-interactions.ts';
import type { OptimizerSettings } from '../optimizer/optimizer-settings.ts';
import { simplifyZeroInputs } from '../optimizer/simplify-zero-inputs.ts';
import type { CompilationState, Pass } from '../pass.ts';
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

/** Fewer interactions for the same circuit. Needs the interaction form. */
export function optimizeLogically(settings: OptimizerSettings): Pass {
  return {
    name: 'optimize interactions',
    run: async (state, context) => ({
      ...state,
      interactions: await finishInTurns(
        optimizeInTurns(formOf(state), settings),
        withShareOfTime(context, OPTIMIZER_SHARE),
        'The optimisation',
      ),
    }),
  };
}

/** Chooses a layout and inserts swaps, which are merged with what is next to them. Needs the interaction form. */
export function routeInteractions(
  routing: RoutingSettings,
  optimizer: OptimizerSettings,
  executor?: TrialExecutor | undefined,
): Pass {
  return {
    name: 'lay out and route interactions',
    async run(state, context) {
      const graph = new CouplingGraph(state.target);
      const bodies = { graph, optimizer, entangler: entanglerOf(state.target) };
      const routed = await layOutAndRoute(formOf(state), graph, routing, context, {
        errors: placeErrorsOf(state.target),
        executor,
        routeBody: bodyCompiler(bodies, context),
      });
      return {
        ...state,
        interactions: routed.interactions,
        initialLayout: routed.initialLayout,
        finalLayout: routed.finalLayout,
        properties: new Map(state.properties).set('swapsAdded', routed.swapsAdded),
      };
    },
  };
}

/** Leaves the interaction form: every block becomes as few of the target's entangling gates as it takes, with `u` between. */
export function synthesizeBlocks(): Pass {
  return {
    name: 'synthesize interactions',
    run: (state) => ({
      ...state,
      circuit: synthesizeInteractions(formOf(state), { entangler: entanglerOf(state.target) }),
      interactions: null,
    }),
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
