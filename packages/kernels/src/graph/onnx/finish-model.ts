import type { OperatorGraph, OperatorModel, OperatorNode, WeightSource } from '@qedge/core';

/**
 * A model without what its outputs do not need, and with ONNX's names: `outputs` and, where they are free, `others` name values by
 * their present names. Inputs stay, also those that nothing reads.
 */
export function finishModel(
  { graph, weights }: OperatorModel,
  outputs: ReadonlyMap<string, string>,
  others: ReadonlyMap<string, string>,
): OperatorModel {
  const needed = new Set(graph.outputs);
  const kept: OperatorNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) if (input !== null) needed.add(input);
    for (const output of node.outputs) needed.add(output);
    kept.push(node);
  }
  kept.reverse();
  for (const input of graph.inputs) needed.add(input);
  const names = chooseNames([...needed], graph, outputs, others);
  const rename = (name: string) => names.get(name)!;
  const constants = graph.constants.filter((name) => needed.has(name));
  const renamed: OperatorGraph = {
    ...graph,
    outputs: graph.outputs.map(rename),
    constants: constants.map(rename),
    values: Object.fromEntries([...needed].map((name) => [rename(name), graph.values[name]!])),
    nodes: kept.map((node) => ({
      ...node,
      inputs: node.inputs.map((input) => input && rename(input)),
      outputs: node.outputs.map(rename),
    })),
  };
  return {
    graph: renamed,
    weights: renameWeights(weights, new Map(constants.map((name) => [rename(name), name]))),
  };
}

/** A name for each value, all different: inputs and outputs first. */
function chooseNames(
  values: readonly string[],
  graph: OperatorGraph,
  outputs: ReadonlyMap<string, string>,
  others: ReadonlyMap<string, string>,
): Map<string, string> {
  const names = new Map(graph.inputs.map((name) => [name, name]));
  const taken = new Set(names.values());
  /** For each name that was taken, the next number to try. */
  const suffixes = new Map<string, number>();
  const choose = (value: string, wanted: string) => {
    if (names.has(value)) return;
    let name = wanted;
    for (let i = suffixes.get(wanted) ?? 1; taken.has(name); i++) {
      name = `${wanted}_${i}`;
      suffixes.set(wanted, i + 1);
    }
    names.set(value, name);
    taken.add(name);
  };
  for (const [value, name] of outputs) choose(value, name);
  for (const value of values) choose(value, others.get(value) ?? value);
  return names;
}

/** The same weights under other names. */
function renameWeights(weights: WeightSource, names: ReadonlyMap<string, string>): WeightSource {
  // A name that is not there is refused by the source itself, which knows none like it.
  const original = (name: string) => names.get(name) ?? '';
  return {
    names: () => [...names.keys()],
    has: (name) => names.has(name),
    spec: (name) => ({ ...weights.spec(original(name)), name }),
    load: (name) => ({ ...weights.load(original(name)), name }),
  };
}
