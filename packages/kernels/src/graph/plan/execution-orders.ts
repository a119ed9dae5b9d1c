import { InvalidArgumentError, type OperatorGraph, type OperatorNode } from '@qedge/core';
import { valueByteLength } from './value-bytes.ts';

/** Who waits for whom. */
interface Dependencies {
  readonly bytes: ReadonlyMap<string, number>;
  readonly producers: ReadonlyMap<string, number>;
  /** By value that nodes make or the graph takes: the nodes that read it, ascending, each once. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
  readonly outputs: ReadonlySet<string>;
}

/**
 * Orders in which the nodes of a graph can run: the graph's own, one that at every step frees the most memory, and one that finishes
 * branches one after the other, those with the largest values first.
 *
 * @throws InvalidArgumentError when the graph's own order is impossible.
 */
export function executionOrders(graph: OperatorGraph): (readonly OperatorNode[])[] {
  const dependencies = findDependencies(graph);
  const orders = [orderByFreedBytes(graph, dependencies), orderByBranches(graph, dependencies)];
  return [graph.nodes, ...orders.map((order) => order.map((index) => graph.nodes[index]!))];
}

function findDependencies(graph: OperatorGraph): Dependencies {
  const known = new Set([...graph.inputs, ...graph.constants]);
  const constants = new Set(graph.constants);
  const bytes = new Map<string, number>();
  const producers = new Map<string, number>();
  const readers = new Map<string, number[]>();
  for (const [index, { name, operator, inputs, outputs }] of graph.nodes.entries()) {
    for (const input of new Set(inputs)) {
      if (input === null) continue;
      if (!known.has(input)) {
        throw new InvalidArgumentError(`Node "${name}" reads "${input}" before it is made`, {
          expected: 'nodes after those that make their inputs',
        });
      }
      if (constants.has(input)) continue;
      const list = readers.get(input);
      if (list) list.push(index);
      else readers.set(input, [index]);
    }
    for (const output of outputs) {
      known.add(output);
      producers.set(output, index);
      // What only renames an input takes no memory.
      bytes.set(output, operator.kind === 'reshape' ? 0 : valueByteLength(graph.values[output]!));
    }
  }
  return { bytes, producers, readers, outputs: new Set(graph.outputs) };
}

/** List scheduling: of the nodes that can run, the one after which the least memory is in use; the first of several. */
function orderByFreedBytes(graph: OperatorGraph, dependencies: Dependencies): number[] {
  const { bytes, producers, readers, outputs } = dependencies;
  const readsLeft = new Map([...readers].map(([value, nodes]) => [value, nodes.length]));
  const waiting = graph.nodes.map(
    (node) => new Set(node.inputs.filter((v) => v !== null && producers.has(v))).size,
  );
  const growth = (index: number) => {
    const { inputs, outputs: made } = graph.nodes[index]!;
    let total = 0;
    for (const output of made) total += bytes.get(output)!;
    for (const input of new Set(inputs)) {
      const freed = input !== null && readsLeft.get(input) === 1 && !outputs.has(input);
      if (freed) total -= bytes.get(input) ?? 0;
    }
    return total;
  };
  const ready: number[] = [];
  for (const [index, count] of waiting.entries()) if (count === 0) ready.push(index);
  const order: number[] = [];
  while (ready.length > 0) {
    let at = 0;
    let least = growth(ready[0]!);
    for (let other = 1; other < ready.length; other++) {
      const bytesAfter = growth(ready[other]!);
      if (bytesAfter < least || (bytesAfter === least && ready[other]! < ready[at]!)) {
        [at, least] = [other, bytesAfter];
      }
    }
    const [index] = ready.splice(at, 1);
    order.push(index!);
    const { inputs, outputs: made } = graph.nodes[index!]!;
    for (const input of new Set(inputs)) {
      if (input !== null && readsLeft.has(input)) readsLeft.set(input, readsLeft.get(input)! - 1);
    }
    for (const output of made) {
      for (const reader of readers.get(output) ?? []) {
        // A node that reads several outputs of this one waits for each.
        if (--waiting[reader]! === 0) ready.push(reader);
      }
    }
  }
  return order;
}

/** Depth first from the last nodes; of the inputs of a node, the branch whose values are larger is finished first. */
function orderByBranches(graph: OperatorGraph, { bytes, producers, readers }: Dependencies): number[] {
  const heaviest = new Float64Array(graph.nodes.length);
  const branches = graph.nodes.map(({ inputs, outputs }, index) => {
    const makers = new Set<number>();
    for (const input of inputs) if (input !== null && producers.has(input)) makers.add(producers.get(input)!);
    const own = outputs.reduce((sum, output) => sum + bytes.get(output)!, 0);
    heaviest[index] = [...makers].reduce((most, maker) => Math.max(most, heaviest[maker]!), own);
    return [...makers].sort((a, b) => heaviest[b]! - heaviest[a]! || a - b);
  });
  const order = new Set<number>();
  for (const [root, { outputs }] of graph.nodes.entries()) {
    if (outputs.some((output) => readers.has(output))) continue;
    const stack = [{ index: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const branch = branches[top.index]![top.next++];
      if (branch === undefined || order.has(top.index)) {
        order.add(top.index);
        stack.pop();
      } else if (!order.has(branch)) {
        stack.push({ index: branch, next: 0 });
      }
    }
  }
  return [...order];
}
