import type { OperatorNode } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';

/** Constants up to this many elements are compared by their numbers. */
const COMPARED_ELEMENTS = 256;

/** Lets nodes that compute the same from the same, and constants of few equal numbers, be one. */
export const shareCommonSubexpressions: GraphPass = {
  name: 'share-common-subexpressions',
  rewrite(graph) {
    const seen = new Map<string, OperatorNode>();
    const constants = new Map<string, string>();
    let shared = 0;
    for (const original of graph.sortedNodes()) {
      // Its inputs may have been renamed since the snapshot was taken.
      const node = graph.producer(original.outputs[0]);
      if (!node || node.operator.kind === 'custom') continue;
      const inputs = node.inputs.map((input) => {
        if (!graph.isConstant(input)) return input;
        const spelling = spellConstant(graph, input);
        const first = constants.get(spelling);
        if (first === undefined) constants.set(spelling, input);
        return first ?? input;
      });
      const key = `${JSON.stringify(inputs)} ${spellOperator(node.operator)}`;
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, node);
        continue;
      }
      if (first.outputs.length !== 1 || node.outputs.length !== 1) continue;
      const kept = graph.producer(first.outputs[0]);
      if (kept && graph.replaceValue(node.outputs[0]!, first.outputs[0]!)) {
        shared++;
        // The first node may have taken over the name of an output of the graph.
        if (graph.producer(first.outputs[0]) === undefined) seen.delete(key);
      }
    }
    return shared;
  },
};

/** Operators do not change, nor do the constants of an edited graph: each is spelled once. */
const SPELLED_OPERATORS = new WeakMap<OperatorNode['operator'], string>();
const SPELLED_CONSTANTS = new WeakMap<GraphEditor, Map<string, string>>();

function spellOperator(operator: OperatorNode['operator']): string {
  let spelling = SPELLED_OPERATORS.get(operator);
  if (spelling === undefined) {
    spelling = JSON.stringify(operator, spellNumber);
    SPELLED_OPERATORS.set(operator, spelling);
  }
  return spelling;
}

/** JSON has no word for infinities, NaN and -0. */
function spellNumber(_: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  return `#${Object.is(value, -0) ? '-0' : value}`;
}

function spellConstant(graph: GraphEditor, name: string): string {
  let spelled = SPELLED_CONSTANTS.get(graph);
  if (spelled === undefined) {
    spelled = new Map();
    SPELLED_CONSTANTS.set(graph, spelled);
  }
  let spelling = spelled.get(name);
  if (spelling === undefined) {
    spelling = spellNumbers(graph, name);
    spelled.set(name, spelling);
  }
  return spelling;
}

function spellNumbers(graph: GraphEditor, name: string): string {
  const { dtype, shape } = graph.spec(name);
  const count = shape.reduce((product, size) => product * size, 1);
  if (count > COMPARED_ELEMENTS) return `name ${name}`;
  const { data } = graph.constant(name);
  return `${dtype} ${shape.join('x')} ${spellBits(data)}`;
}

/** Text that is equal for equal bits only. */
function spellBits(data: ArrayBufferView): string {
  const { buffer, byteOffset, byteLength } = data;
  return String.fromCharCode.apply(
    null,
    new Uint8Array(buffer, byteOffset, byteLength) as unknown as number[],
  );
}
