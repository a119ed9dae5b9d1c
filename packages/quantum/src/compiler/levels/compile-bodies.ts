import type { Circuit } from '../../circuit/circuit.ts';
import { bodiesOf, isControlFlow } from '../../circuit/instruction.ts';
import { replaceBodies } from '../../circuit/place-instruction.ts';
import { collectInteractions } from '../interaction/collect-interactions.ts';
import { mergeInteractions } from '../interaction/merge-interactions.ts';
import { type Entangler, synthesizeInteractions } from '../interaction/synthesize-interactions.ts';
import { optimizeInteractions } from '../optimizer/optimize-interactions.ts';
import type { OptimizerSettings } from '../optimizer/optimizer-settings.ts';
import type { PassContext } from '../pass.ts';
import { append } from '../passes/rewrite-circuit.ts';
import type { RouteBody } from '../routing/emit-interactions.ts';
import { routeFrom } from '../routing/route-from.ts';
import { splitWhereLoopsEnd } from '../routing/split-body.ts';
import type { CouplingGraph } from '../target/coupling-graph.ts';

/** What bodies of control flow are compiled with. */
export interface BodySettings {
  readonly graph: CouplingGraph;
  readonly optimizer: OptimizerSettings;
  readonly entangler: Entangler;
}

/**
 * Compiles the bodies of control flow where routing meets them: each is optimised on its own, routed from the layout of that
 * moment, and brings every qubit back to where it was, because nobody knows which body runs, or how often.
 */
export function bodyCompiler(settings: BodySettings, context: PassContext): RouteBody {
  const compile: RouteBody = (instruction, places) => {
    if (!isControlFlow(instruction)) return instruction;
    const routed = replaceBodies(instruction, (body) =>
      compileBody(body, places, compile, settings, context),
    );
    return { ...routed, qubits: usedQubits(routed.qubits, places, bodiesOf(routed)) };
  };
  return compile;
}

/** The instruction's own qubits and those over which its bodies swap, ascending. */
function usedQubits(qubits: readonly number[], places: Int32Array, bodies: readonly Circuit[]): number[] {
  const used = new Set(qubits.map((qubit) => places[qubit]!));
  for (const body of bodies) {
    body.forEach(({ qubits: inner }) => {
      for (const qubit of inner) used.add(qubit);
    });
  }
  return [...used].sort((a, b) => a - b);
}

function compileBody(
  body: Circuit,
  places: Int32Array,
  compile: RouteBody,
  { graph, optimizer, entangler }: BodySettings,
  context: PassContext,
): Circuit {
  const parts = splitWhereLoopsEnd(body).map((part) => {
    const optimized = optimizeInteractions(collectInteractions(part), optimizer, context);
    const routed = routeFrom(optimized, graph, places, { returnToStart: true, routeBody: compile });
    return synthesizeInteractions(mergeInteractions(routed.interactions, { physical: true }), { entangler });
  });
  const [first, ...rest] = parts;
  for (const part of rest) {
    part.forEach((instruction) => {
      append(first!, instruction);
    });
  }
  return first!;
}
