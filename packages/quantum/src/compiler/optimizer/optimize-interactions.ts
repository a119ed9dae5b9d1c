import { throwIfCancelled } from '@qedge/core';
import { finishAtOnce, isTimeUp, type Work } from '../in-turns.ts';
import { type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import { InteractionBuilder } from '../interaction/interaction-builder.ts';
import { interactionCost } from '../interaction/interaction-cost.ts';
import { mergeInteractions } from '../interaction/merge-interactions.ts';
import type { PassContext } from '../pass.ts';
import { cancelInteractions } from './cancel-interactions.ts';
import { chooseToffoliPlans } from './choose-toffoli-plans.ts';
import { simplifyCliffordRegions } from './clifford-regions.ts';
import type { OptimizerSettings } from './optimizer-settings.ts';
import { pairToffolis } from './pair-toffolis.ts';
import { resynthesizePhaseRegions } from './phase-regions.ts';
import { appendToffoli, formToffoli, PLAIN_PLAN } from './toffoli-plan.ts';

/**
 * Makes a circuit cheaper without regard to a coupling map: cancels through commutation, turns pairs of ccz into relative-phase
 * ones, chooses the form of the others, searches Clifford and phase regions, and merges.
 *
 * Fences stay where they are, free angles stay free. The unitary is kept up to its global phase.
 *
 * @returns an equal circuit without ccz, that needs at most as many two-qubit gates.
 * @throws CancelledError when the context's signal is aborted.
 */
export function optimizeInteractions(
  circuit: InteractionCircuit,
  settings: OptimizerSettings,
  context: PassContext,
): InteractionCircuit {
  return finishAtOnce(optimizeInTurns(circuit, settings), () => {
    throwIfCancelled(context.signal, 'The optimisation');
    return isTimeUp(context);
  });
}

/** {@link optimizeInteractions} with pauses. */
export function* optimizeInTurns(
  circuit: InteractionCircuit,
  settings: OptimizerSettings,
): Work<InteractionCircuit> {
  if (yield) return yield* expandToffolis(circuit, PLAINLY, false);
  const cancelled = cancelInteractions(circuit);
  let current = yield* expandToffolis(cancelled, settings);
  if (yield) return current;
  let best = mergeInteractions(current, { physical: false });
  if (current !== cancelled && !(yield)) {
    // What is best near each ccz need not be best in the whole.
    const plain = yield* expandToffolis(cancelled, PLAINLY, false);
    const merged = mergeInteractions(plain, { physical: false });
    if (interactionCost(merged) < interactionCost(best)) [current, best] = [plain, merged];
  }
  for (let round = 0; round < settings.regionRounds; round++) {
    if (yield) break;
    const next = yield* searchRegions(current, settings);
    if (next === current || (yield)) break;
    const merged = mergeInteractions(next, { physical: false });
    if (interactionCost(merged) >= interactionCost(best)) break;
    best = merged;
    current = merged;
  }
  return (yield) ? best : yield* cheaperWithout(circuit, best);
}

/** Any form for every ccz. */
const PLAINLY = { toffoliReach: 0, toffoliRounds: 0 };

/** Above this share of the cost before, merging alone is worth a try. */
const LITTLE_GAINED = 0.9;

/** Where little was gained: cancelling and choosing are greedy, and merging alone can do better. */
function* cheaperWithout(circuit: InteractionCircuit, best: InteractionCircuit): Work<InteractionCircuit> {
  if (interactionCost(best) < LITTLE_GAINED * interactionCost(circuit)) return best;
  const merged = mergeInteractions(circuit, { physical: false });
  if (interactionCost(merged) >= interactionCost(best)) return best;
  return yield* expandToffolis(merged, PLAINLY, false);
}

function hasToffoli({ interactions }: InteractionCircuit): boolean {
  return interactions.some((step) => step.kind === InteractionKind.ccz);
}

function* searchRegions(circuit: InteractionCircuit, settings: OptimizerSettings): Work<InteractionCircuit> {
  const { cliffordBeamWidth, parityWeightings, parityWires } = settings;
  let current = circuit;
  if (parityWires > 0) {
    current = yield* resynthesizePhaseRegions(current, {
      weightings: parityWeightings,
      mostWires: parityWires,
    });
  }
  if (cliffordBeamWidth > 0)
    current = yield* simplifyCliffordRegions(current, { beamWidth: cliffordBeamWidth });
  return current;
}

/** Writes every ccz as cores, in the forms that fit together best. */
function* expandToffolis(
  circuit: InteractionCircuit,
  settings: Pick<OptimizerSettings, 'toffoliReach' | 'toffoliRounds'>,
  inPairs = true,
): Work<InteractionCircuit> {
  if (!hasToffoli(circuit)) return circuit;
  const { wireCount, interactions } = circuit;
  const pairs = inPairs ? pairToffolis(wireCount, interactions) : interactions.map(() => null);
  const { toffoliReach: reach, toffoliRounds: rounds } = settings;
  const plans =
    reach > 0 ? yield* chooseToffoliPlans(wireCount, interactions, pairs, { reach, rounds }) : pairs;
  const builder = new InteractionBuilder(wireCount);
  interactions.forEach((step, i) => {
    if (step.kind !== InteractionKind.ccz) builder.append(step);
    else appendToffoli(builder, step.wires, formToffoli(step, plans[i] ?? PLAIN_PLAN));
  });
  return builder.finishReplacing(circuit);
}
