/** @file What `compiler-logical.mjs` counts and times, with the package's sources. */
import { Random, systemClock } from '@qedge/core';
import { Circuit } from '../src/circuit/circuit.ts';
import { collectInteractions } from '../src/compiler/interaction/collect-interactions.ts';
import { InteractionBuilder } from '../src/compiler/interaction/interaction-builder.ts';
import { interactionCost } from '../src/compiler/interaction/interaction-cost.ts';
import { mergeInteractions } from '../src/compiler/interaction/merge-interactions.ts';
import { liftToffolis } from '../src/compiler/optimizer/lift-toffolis.ts';
import { optimizeInteractions } from '../src/compiler/optimizer/optimize-interactions.ts';
import {
  forAllToAll,
  quickOptimizer,
  thoroughOptimizer,
} from '../src/compiler/optimizer/optimizer-settings.ts';
import { appendToffoli, formToffoli, PLAIN_PLAN } from '../src/compiler/optimizer/toffoli-plan.ts';
import { parseOpenQasm } from '../src/openqasm/parse-openqasm.ts';

/** The named settings that can be measured. */
const SETTINGS = {
  quick: quickOptimizer,
  thorough: thoroughOptimizer,
  'quick-all-to-all': forAllToAll(quickOptimizer),
  'thorough-all-to-all': forAllToAll(thoroughOptimizer),
};

export { Circuit, parseOpenQasm };

/** @returns the two-qubit gates of a circuit after optimisation, without regard to a map, and the CPU time of the best round. */
export function optimizeLogical(circuit, settingsName, rounds = 1) {
  const settings = SETTINGS[settingsName];
  const context = {
    random: new Random(0),
    clock: systemClock,
    deadlineMs: Number.POSITIVE_INFINITY,
  };
  let [cost, cpuMs] = [0, Number.POSITIVE_INFINITY];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    const optimized = optimizeInteractions(collectInteractions(liftToffolis(circuit)), settings, context);
    const { user, system } = process.cpuUsage(before);
    cpuMs = Math.min(cpuMs, (user + system) / 1000);
    cost = interactionCost(optimized);
  }
  return { cost, cpuMs };
}

/** The two-qubit gates after merging alone: what block consolidation with commutation reaches. */
export function mergeLogical(circuit) {
  const collected = collectInteractions(circuit);
  const builder = new InteractionBuilder(collected.wireCount);
  for (const step of collected.interactions) {
    if (step.kind === 3) appendToffoli(builder, step.wires, formToffoli(step, PLAIN_PLAN));
    else builder.append(step);
  }
  return interactionCost(mergeInteractions(builder.finishReplacing(collected), { physical: false }));
}
