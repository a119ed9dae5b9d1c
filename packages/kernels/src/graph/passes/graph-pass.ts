import type { OperatorModel } from '@qedge/core';
import { requireObject, requireOperatorModel } from '../require-arguments.ts';
import { GraphEditor } from './graph-editor.ts';

/** A rewriting of a graph that keeps its meaning. */
export interface GraphPass {
  /** For people and reports, in kebab-case. */
  readonly name: string;
  /** Changes the graph in place; returns at how many places. 0 means that nothing was touched. */
  readonly rewrite: (graph: GraphEditor) => number;
}

/** Runs one pass over a model; the model itself stays as it is, and is returned when there is nothing to change. */
export function applyPass(model: OperatorModel, pass: GraphPass): OperatorModel {
  requireOperatorModel(model);
  requireObject('The pass', pass, '{ name, rewrite }');
  const editor = new GraphEditor(model);
  pass.rewrite(editor);
  return editor.finish();
}
