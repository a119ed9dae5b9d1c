import type { OperatorModel } from '@qedge/core';
import { foldConstants } from './fold-constants.ts';
import { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';
import { removeIdentities } from './remove-identities.ts';
import { shareCommonSubexpressions } from './share-common-subexpressions.ts';

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

const PASSES: readonly GraphPass[] = [
  removeDeadNodes,
  foldConstants,
  removeIdentities,
  shareCommonSubexpressions,
];

/**
 * A model that computes the same with fewer and larger steps. The model that is given stays as it is; its weights are
 * borrowed by the new one.
 */
export function optimizeGraph(model: OperatorModel): OptimizedModel {
  const editor = new GraphEditor(model);
  const changes: Record<string, number> = {};
  let rounds = 0;
  for (let changed = true; changed && rounds < MOST_ROUNDS; rounds++) {
    changed = false;
    for (const { name, rewrite } of PASSES) {
      const count = rewrite(editor);
      changes[name] = (changes[name] ?? 0) + count;
      changed ||= count > 0;
    }
  }
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
