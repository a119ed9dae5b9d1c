import {
  elementCount,
  InvalidArgumentError,
  type Operator,
  type OperatorGraph,
  type OperatorModel,
  type OperatorNode,
  type ValueSpec,
} from '@qedge/core';
import { loadConstant } from '../constant-weights.ts';
import type { ValueData } from '../operators/operator-definition.ts';
import { inferOperator } from '../operators/registry.ts';
import { overlayWeights } from './overlay-weights.ts';

/** What replaces a node: fields that are left out stay. */
export interface NodeChange {
  readonly operator?: Operator;
  readonly inputs?: readonly (string | null)[];
}

/** Constants up to this many elements are kept while a graph is edited. */
const SMALL_CONSTANT_ELEMENTS = 4096;
const NO_READERS: ReadonlySet<OperatorNode> = new Set();

/**
 * An operator model while passes change it: knows for every value who makes and who reads it. The names of the graph's inputs and outputs never
 * change, and nothing of the original model is written to. Nodes are immutable; a changed node is a new object.
 */
export class GraphEditor {
  readonly #model: OperatorModel;
  readonly #values: Map<string, ValueSpec>;
  readonly #producers = new Map<string, OperatorNode>();
  readonly #readers = new Map<string, Set<OperatorNode>>();
  readonly #outputs: ReadonlySet<string>;
  readonly #constants: Set<string>;
  readonly #added = new Map<string, ValueData>();
  readonly #nodeNames = new Set<string>();
  /** In the order of the graph; changed nodes take the place of those they replace. */
  #nodes: Set<OperatorNode>;
  #changes = 0;
  /** Nodes in topological order, and how many changes there were then. */
  #sorted: { readonly nodes: readonly OperatorNode[]; readonly changes: number } | null = null;
  /** Small constants of the model that were read: many sources decode them each time. */
  readonly #small = new Map<string, ValueData>();

  constructor(model: OperatorModel) {
    const { graph } = model;
    this.#model = model;
    this.#values = new Map(Object.entries(graph.values));
    this.#outputs = new Set(graph.outputs);
    this.#constants = new Set(graph.constants);
    this.#nodes = new Set();
    for (const node of graph.nodes) this.#insert(node);
  }

  /** How many changes were made so far. */
  get changes(): number {
    return this.#changes;
  }

  /** A snapshot of the nodes; those that a pass has removed meanwhile are told by {@link has}. */
  nodes(): OperatorNode[] {
    return [...this.#nodes];
  }

  /** The nodes such that each comes after those that make its inputs. */
  sortedNodes(): OperatorNode[] {
    if (this.#sorted?.changes !== this.#changes) {
      const nodes = sortTopologically(this.nodes(), (value) => this.#producers.get(value));
      this.#sorted = { nodes, changes: this.#changes };
    }
    return [...this.#sorted.nodes];
  }

  has(node: OperatorNode): boolean {
    return this.#nodes.has(node);
  }

  /** @throws InvalidArgumentError for an unknown value. */
  spec(value: string): ValueSpec {
    const spec = this.#values.get(value);
    if (spec) return spec;
    throw new InvalidArgumentError(`A graph has no value "${value}"`, { actual: value });
  }

  producer(value: string | null | undefined): OperatorNode | undefined {
    return value == null ? undefined : this.#producers.get(value);
  }

  readers(value: string): ReadonlySet<OperatorNode> {
    return this.#readers.get(value) ?? NO_READERS;
  }

  /** The one node that reads `value`, if there is exactly one and `value` is not an output of the graph. */
  onlyReader(value: string): OperatorNode | undefined {
    const readers = this.readers(value);
    if (readers.size !== 1 || this.#outputs.has(value)) return undefined;
    const [reader] = readers;
    return reader;
  }

  isOutput(value: string): boolean {
    return this.#outputs.has(value);
  }

  isConstant(value: string | null | undefined): value is string {
    return value != null && this.#constants.has(value);
  }

  /** The numbers of a constant; lent, not to be written to. @throws InvalidArgumentError where the weight source holds others. */
  constant(value: string): ValueData {
    const known = this.#added.get(value) ?? this.#small.get(value);
    if (known) return known;
    const constant = loadConstant(this.#model.weights, value, this.spec(value));
    if (constant.data.length <= SMALL_CONSTANT_ELEMENTS) this.#small.set(value, constant);
    return constant;
  }

  /** The number that a constant with one element holds, or null. */
  constantNumber(value: string | null | undefined): number | null {
    if (!this.isConstant(value) || elementCount(this.spec(value).shape) !== 1) return null;
    return this.constant(value).data[0] as number;
  }

  /** Adds a constant under a name made from `hint` and returns the name. The data is borrowed. */
  addConstant(hint: string, data: ValueData): string {
    const name = this.#freeValueName(hint);
    this.#values.set(name, { dtype: data.dtype, shape: data.shape });
    this.#constants.add(name);
    this.#added.set(name, data);
    return name;
  }

  /**
   * Adds a node with one output, named like `hint`, and returns the name of its output.
   *
   * @throws as `inferOperator` when the inputs do not fit the operator.
   */
  addNode(hint: string, operator: Operator, inputs: readonly (string | null)[]): string {
    const specs = inputs.map((input) => (input === null ? null : this.spec(input)));
    const value = this.#freeValueName(hint);
    this.#values.set(value, inferOperator(operator, specs)[0]!);
    let name = hint;
    for (let suffix = 2; this.#nodeNames.has(name); suffix++) name = `${hint}_${suffix}`;
    this.#insert({ name, operator, inputs, outputs: [value] } as OperatorNode);
    this.#changes++;
    return value;
  }

  /** Gives a node another operator or other inputs; its name and outputs stay. `spec`, if given, becomes that of its only output. */
  change(node: OperatorNode, change: NodeChange, spec?: ValueSpec): OperatorNode {
    const changed = { ...node, ...change } as OperatorNode;
    this.#unlink(node);
    this.#link(changed);
    // A set keeps the order of insertion; the order is made whole when the graph is finished.
    this.#nodes.delete(node);
    this.#nodes.add(changed);
    if (spec) this.#values.set(node.outputs[0]!, spec);
    this.#changes++;
    return changed;
  }

  /**
   * Splits a node with one output in two: a new one with its name, which computes `operator`, and behind it, in its place, `outer` of
   * the result.
   */
  wrap(node: OperatorNode, operator: Operator, inputs: readonly (string | null)[], outer: Operator): void {
    const output = node.outputs[0]!;
    this.#nodeNames.delete(node.name);
    const inner = this.addNode(node.name, operator, inputs);
    let name = `${node.name}_${outer.kind}`;
    for (let suffix = 2; this.#nodeNames.has(name); suffix++) name = `${node.name}_${outer.kind}_${suffix}`;
    this.#unlink(node);
    this.#nodes.delete(node);
    this.#insert({ name, operator: outer, inputs: [inner], outputs: [output] } as OperatorNode);
  }

  /** Removes a node that nobody reads. */
  remove(node: OperatorNode): void {
    this.#unlink(node);
    this.#nodes.delete(node);
    this.#nodeNames.delete(node.name);
    for (const output of node.outputs) this.#values.delete(output);
    this.#changes++;
  }

  /**
   * Lets everybody who reads `value`, the only output of `node`, read `replacement` instead and removes the node. An output of the graph keeps its name: the
   * maker of `replacement` then writes it under that name. False, and nothing done, where that cannot be: `replacement` is an input, a
   * constant or an output of the graph itself.
   */
  replaceValue(value: string, replacement: string): boolean {
    const node = this.#producers.get(value);
    if (node?.outputs.length !== 1 || value === replacement) return false;
    if (!this.#outputs.has(value)) {
      this.redirect(value, replacement);
      if (this.#nodes.has(node)) this.remove(node);
      return true;
    }
    const maker = this.#producers.get(replacement);
    if (!maker || this.#outputs.has(replacement) || maker === node) return false;
    this.redirect(value, replacement);
    const spec = this.spec(replacement);
    this.#unlink(node);
    this.#nodes.delete(node);
    this.#nodeNames.delete(node.name);
    const renamed = {
      ...maker,
      outputs: maker.outputs.map((output) => (output === replacement ? value : output)),
    };
    this.#unlink(maker);
    this.#nodes.delete(maker);
    this.#nodes.add(renamed);
    this.#link(renamed);
    this.#values.set(value, spec);
    this.redirect(replacement, value);
    this.#values.delete(replacement);
    this.#changes++;
    return true;
  }

  /** The model as it is now; the original one if nothing was changed. Constants that nobody reads are left out. */
  finish(): OperatorModel {
    if (this.#changes === 0) return this.#model;
    const { graph, weights } = this.#model;
    const nodes = this.sortedNodes();
    const used = new Set<string>(graph.outputs);
    for (const node of nodes) for (const input of node.inputs) if (input !== null) used.add(input);
    const constants = [...this.#constants].filter((name) => used.has(name));
    const kept = [...graph.inputs, ...constants, ...nodes.flatMap((node) => node.outputs)];
    const finished: OperatorGraph = {
      ...graph,
      constants,
      nodes,
      values: Object.fromEntries(kept.map((name) => [name, this.spec(name)])),
    };
    const added = new Map([...this.#added].filter(([name]) => used.has(name)));
    return { graph: finished, weights: overlayWeights(weights, constants, added) };
  }

  #insert(node: OperatorNode): void {
    this.#nodes.add(node);
    this.#nodeNames.add(node.name);
    this.#link(node);
  }

  #link(node: OperatorNode): void {
    for (const output of node.outputs) this.#producers.set(output, node);
    for (const input of node.inputs) {
      if (input === null) continue;
      const readers = this.#readers.get(input);
      if (readers) readers.add(node);
      else this.#readers.set(input, new Set([node]));
    }
  }

  #unlink(node: OperatorNode): void {
    for (const output of node.outputs) this.#producers.delete(output);
    for (const input of node.inputs) if (input !== null) this.#readers.get(input)?.delete(node);
  }

  /** Lets everybody who reads `value` read `replacement` instead; outputs of the graph excepted. */
  redirect(value: string, replacement: string): void {
    for (const reader of [...this.readers(value)]) {
      this.change(reader, { inputs: reader.inputs.map((input) => (input === value ? replacement : input)) });
    }
  }

  #freeValueName(hint: string): string {
    let name = hint;
    for (let suffix = 2; this.#values.has(name); suffix++) name = `${hint}_${suffix}`;
    return name;
  }
}

/** Depth first from the first node on, without recursion, so that nodes stay in their order where they can. */
function sortTopologically(
  nodes: readonly OperatorNode[],
  producer: (value: string) => OperatorNode | undefined,
): OperatorNode[] {
  const sorted = new Set<OperatorNode>();
  for (const root of nodes) {
    const stack: { node: OperatorNode; next: number }[] = [{ node: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      if (sorted.has(top.node) || top.next === top.node.inputs.length) {
        sorted.add(top.node);
        stack.pop();
        continue;
      }
      const input = top.node.inputs[top.next++];
      const maker = input == null ? undefined : producer(input);
      if (maker && !sorted.has(maker)) stack.push({ node: maker, next: 0 });
    }
  }
  return [...sorted];
}
