import type { OperatorModel } from '@qedge/core';
import { requireOperatorModel } from '../require-arguments.ts';
import { decodeConstants } from './decode-constants.ts';
import { flattenTransposes } from './flatten-transposes.ts';
import { foldConstants } from './fold-constants.ts';
import { foldScalesIntoProducers } from './fold-scales-into-producers.ts';
import { foldScalesIntoReaders } from './fold-scales-into-readers.ts';
import { fuseEpilogues } from './fuse-epilogues.ts';
import { fusePointwise } from './fuse-pointwise.ts';
import { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { hoistCodeTransposes } from './hoist-code-transposes.ts';
import { moveSlicesBeforeReshapes } from './move-slices-before-reshapes.ts';
import { multiplyWithoutDynamicCodes } from './multiply-without-dynamic-codes.ts';
import { recognizeAttention } from './recognize-attention.ts';
import { recognizeChannelScales } from './recognize-channel-scales.ts';
import { recognizeLayerNormalizations } from './recognize-layer-normalizations.ts';
import { recognizeSoftmax } from './recognize-softmax.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';
import { removeIdentities } from './remove-identities.ts';
import { shareCommonSubexpressions } from './share-common-subexpressions.ts';
import { simplifyPointwise } from './simplify-pointwise.ts';
import { sinkReshapes } from './sink-reshapes.ts';
import { sinkTransposes } from './sink-transposes.ts';
import { splitProducts } from './split-products.ts';

/** What optimising a graph has changed. */
export interface OptimizationReport {
  /** Places that each pass has changed, in the order in which the passes first ran. */
  readonly changes: Readonly<Record<string, number>>;
  /** How often the passes ran until nothing changed any more. */
  readonly rounds: number;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  /** Transposes of the source that are real: numbers change their places. */
  readonly transposesLeft: number;
}

/** A model and what was changed to make it. */
export interface OptimizedModel {
  readonly model: OperatorModel;
  readonly report: OptimizationReport;
}

/** Passes undo nothing that others do, so few rounds are enough; this many end a mistake. */
const MOST_ROUNDS = 12;

/** First what makes the graph smaller and finds what was meant: everything is still one operation per node. */
const CLEANING: readonly GraphPass[] = [
  removeDeadNodes,
  foldConstants,
  removeIdentities,
  shareCommonSubexpressions,
  simplifyPointwise,
  multiplyWithoutDynamicCodes,
  sinkTransposes,
  moveSlicesBeforeReshapes,
  foldScalesIntoProducers,
  splitProducts,
  recognizeLayerNormalizations,
  recognizeSoftmax,
  recognizeAttention,
];

/** Then what joins steps. */
const JOINING: readonly GraphPass[] = [
  hoistCodeTransposes,
  foldConstants,
  decodeConstants,
  flattenTransposes,
  sinkReshapes,
  removeIdentities,
  fusePointwise,
  foldScalesIntoReaders,
  foldConstants,
  fuseEpilogues,
  recognizeChannelScales,
  foldScalesIntoProducers,
  shareCommonSubexpressions,
  removeDeadNodes,
];

/**
 * A model that computes the same with fewer and larger steps. The model that is given stays as it is; its weights are
 * borrowed by the new one.
 */
export function optimizeGraph(model: OperatorModel): OptimizedModel {
  requireOperatorModel(model);
  const editor = new GraphEditor(model);
  const changes: Record<string, number> = {};
  const rounds = runUntilStable(editor, CLEANING, changes) + runUntilStable(editor, JOINING, changes);
  const optimized = editor.finish();
  const { nodes } = optimized.graph;
  return {
    model: optimized,
    report: {
      changes,
      rounds,
      nodesBefore: model.graph.nodes.length,
      nodesAfter: nodes.length,
      transposesLeft: nodes.filter(({ operator }) => operator.kind === 'transpose').length,
    },
  };
}

/** Adds to `changes` by pass; returns how often all passes ran. */
function runUntilStable(
  editor: GraphEditor,
  passes: readonly GraphPass[],
  changes: Record<string, number>,
): number {
  /** How many changes there were when a pass had nothing left to do: until there are more, it has nothing to do. */
  const idleAt = new Map<GraphPass, number>();
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    let total = 0;
    for (const pass of passes) {
      const count = idleAt.get(pass) === editor.changes ? 0 : pass.rewrite(editor);
      if (count === 0) idleAt.set(pass, editor.changes);
      changes[pass.name] = (changes[pass.name] ?? 0) + count;
      total += count;
    }
    if (total === 0) return round;
  }
  return MOST_ROUNDS;
}
