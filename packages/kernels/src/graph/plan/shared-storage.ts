import { type OperatorGraph, type OperatorNode, shapesEqual } from '@qedge/core';
import { readFirst } from './read-first.ts';
import { valueByteLength } from './value-bytes.ts';

/** A block of bytes that holds one value or several that share it, and when: step `i` runs node `i`. */
export interface StorageBlock {
  readonly name: string;
  readonly byteLength: number;
  readonly firstUse: number;
  readonly lastUse: number;
}

/** Which values lie in the same bytes when the nodes run in the order of the graph. */
export interface SharedStorage {
  /** The nodes in the same order; where one writes over an input, that is its first. */
  readonly nodes: readonly OperatorNode[];
  readonly blocks: readonly StorageBlock[];
  /** By value: its block's name and where it begins in there. Values that are not constants. */
  readonly places: ReadonlyMap<string, { readonly block: string; readonly byteOffset: number }>;
  /** Nodes that move nothing. */
  readonly aliases: ReadonlySet<string>;
  /** Nodes that write over their first input. */
  readonly inPlace: ReadonlySet<string>;
}

/** Values that share bytes: the members of a growing block. */
interface Group {
  readonly name: string;
  readonly byteLength: number;
  readonly members: { readonly value: string; byteOffset: number }[];
  /** Last step that reads any member that exists so far. */
  lastUse: number;
  firstUse: number;
  /** Holds an input of the graph: never written over. */
  readonly fixed: boolean;
}

/**
 * Decides for every node, in order, whether its output can share bytes with an input: reshapes and slices of whole outermost parts are the
 * input, the inputs of a concatenation of outermost parts are written where it wants them, and element-wise nodes write over an
 * input that nobody reads any more.
 */
export function shareStorage(graph: OperatorGraph): SharedStorage {
  const sharing = new StorageSharing(graph);
  const nodes = graph.nodes.map((node, step) => sharing.place(node, step));
  return { nodes, ...sharing.finish() };
}

class StorageSharing {
  readonly #graph: OperatorGraph;
  readonly #groups = new Map<string, Group>();
  readonly #offsets = new Map<string, number>();
  readonly #outputs: ReadonlySet<string>;
  readonly #lastReads = new Map<string, number>();
  readonly #aliases = new Set<string>();
  readonly #inPlace = new Set<string>();
  /** One step after the last node: the caller reads the outputs. */
  readonly #end: number;

  constructor(graph: OperatorGraph) {
    this.#graph = graph;
    this.#outputs = new Set(graph.outputs);
    this.#end = graph.nodes.length;
    for (const [step, node] of graph.nodes.entries()) {
      for (const input of node.inputs) if (input !== null) this.#lastReads.set(input, step);
    }
    for (const output of graph.outputs) this.#lastReads.set(output, this.#end);
    for (const input of graph.inputs) {
      this.#lastReads.set(input, this.#end);
      this.#open(input, 0, true);
    }
  }

  place(node: OperatorNode, step: number): OperatorNode {
    if (this.#placeAsPart(node) || this.#placeAroundInputs(node)) {
      this.#aliases.add(node.name);
      return node;
    }
    const overwriting = this.#placeOverInput(node, step);
    if (overwriting) {
      this.#inPlace.add(node.name);
      return overwriting;
    }
    for (const output of node.outputs) this.#open(output, step, false);
    return node;
  }

  finish(): Omit<SharedStorage, 'nodes'> {
    const groups = new Set(this.#groups.values());
    const places = new Map<string, { block: string; byteOffset: number }>();
    for (const group of groups) {
      for (const { value, byteOffset } of group.members) places.set(value, { block: group.name, byteOffset });
    }
    const blocks = [...groups].map(({ name, byteLength, firstUse, lastUse }) => ({
      name,
      byteLength,
      firstUse,
      lastUse: Math.max(firstUse, lastUse),
    }));
    return { blocks, places, aliases: this.#aliases, inPlace: this.#inPlace };
  }

  #bytes(value: string): number {
    return valueByteLength(this.#graph.values[value]!);
  }

  #open(value: string, step: number, fixed: boolean): void {
    const group: Group = {
      name: value,
      byteLength: this.#bytes(value),
      members: [],
      firstUse: step,
      lastUse: step,
      fixed,
    };
    this.#join(value, group, 0);
  }

  #join(value: string, group: Group, byteOffset: number): void {
    group.members.push({ value, byteOffset });
    group.lastUse = Math.max(group.lastUse, this.#lastReads.get(value) ?? 0);
    this.#groups.set(value, group);
    this.#offsets.set(value, byteOffset);
  }

  /** The output is the input, or cut out of it. An output of the graph must not be one of its inputs: the caller writes those. */
  #placeAsPart(node: OperatorNode): boolean {
    const [input] = node.inputs;
    const [output] = node.outputs;
    const group = input == null ? undefined : this.#groups.get(input);
    if (!group || output === undefined || (group.fixed && this.#outputs.has(output))) return false;
    const start = firstElementOfPart(this.#graph, node);
    if (start === null) return false;
    const elementBytes = this.#bytes(input!) / Math.max(1, count(this.#graph.values[input!]!.shape));
    this.#join(output, group, this.#offsets.get(input!)! + start * elementBytes);
    return true;
  }

  /** A concatenation whose inputs, each a block of its own, can be made in their places. */
  #placeAroundInputs(node: OperatorNode): boolean {
    const { operator, inputs, outputs } = node;
    if (operator.kind !== 'concatenate' || new Set(inputs).size !== inputs.length) return false;
    const [output] = outputs;
    const { shape } = this.#graph.values[output!]!;
    if (shape.slice(0, operator.axis).some((size) => size !== 1)) return false;
    const groups = inputs.map((input) => (input === null ? undefined : this.#groups.get(input)));
    const free = groups.every(
      (group, index) =>
        group !== undefined &&
        !group.fixed &&
        groups.indexOf(group) === index &&
        this.#offsets.get(inputs[index]!) === 0 &&
        group.byteLength === this.#bytes(inputs[index]!),
    );
    if (!free) return false;
    const firstUse = Math.min(...groups.map((group) => group!.firstUse));
    const whole: Group = {
      name: output!,
      byteLength: this.#bytes(output!),
      members: [],
      firstUse,
      lastUse: firstUse,
      fixed: false,
    };
    let byteOffset = 0;
    for (const group of groups) {
      for (const member of group!.members) this.#join(member.value, whole, byteOffset + member.byteOffset);
      whole.lastUse = Math.max(whole.lastUse, group!.lastUse);
      byteOffset += group!.byteLength;
    }
    this.#join(output!, whole, 0);
    return true;
  }

  /** An element-wise node whose output replaces an input that is whole, of the same size, and read here for the last time. */
  #placeOverInput(node: OperatorNode, step: number): OperatorNode | null {
    const [output] = node.outputs;
    for (const index of overwritableInputs(node)) {
      const input = node.inputs[index];
      const group = input == null ? undefined : this.#groups.get(input);
      if (!group || group.fixed || group.lastUse !== step) continue;
      const [before, after] = [this.#graph.values[input!]!, this.#graph.values[output!]!];
      if (before.dtype !== after.dtype || !shapesEqual(before.shape, after.shape)) continue;
      if (group.byteLength !== this.#bytes(input!)) continue;
      const sharing = node.inputs.some(
        (other) => other !== null && other !== input && this.#groups.get(other) === group,
      );
      if (sharing) continue;
      this.#join(output!, group, 0);
      return index === 0 ? node : readFirst(node, index);
    }
    return null;
  }
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Indices of inputs of the output's shape that a kernel may write over, element by element or row by row. */
function overwritableInputs({ operator, inputs }: OperatorNode): readonly number[] {
  switch (operator.kind) {
    case 'pointwise':
      return inputs.map((_, index) => index);
    case 'softmax':
    case 'layer-normalization':
    case 'channel-scale':
      return [0];
    default:
      return [];
  }
}

/** Where, in elements, the output begins in the first input when it is a contiguous part of it; else null. */
function firstElementOfPart({ values }: OperatorGraph, { operator, inputs }: OperatorNode): number | null {
  if (operator.kind === 'reshape') return 0;
  if (operator.kind !== 'slice') return null;
  const { shape } = values[inputs[0]!]!;
  let axis = 0;
  while (axis < shape.length && operator.sizes[axis] === 1) axis++;
  const inner = shape.slice(axis + 1);
  const whole = inner.every((size, at) => {
    const inside = axis + 1 + at;
    return operator.sizes[inside] === size && (operator.steps[inside] === 1 || size <= 1);
  });
  if (!whole || (axis < shape.length && operator.steps[axis] !== 1)) return null;
  if (operator.sizes.includes(0)) return null;
  let start = 0;
  for (const [at, size] of shape.entries()) start = start * size + operator.starts[at]!;
  return start;
}
