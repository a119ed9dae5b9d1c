/** One step of a circuit as routers see it. */
export interface RoutingNode {
  /** The wires it acts on. */
  readonly wires: readonly number[];
  /** True when its two wires must be neighbours; nodes that need none may have any number of wires. */
  readonly needsNeighbours: boolean;
  /**
   * `[wires, 3]` unit vectors: on a wire, nodes with parallel vectors may change places. Null for a node that passes nothing.
   */
  readonly axes: Float64Array | null;
  /** Further things, numbered from 0, of which nodes that share one keep their order: classical bits, for instance. */
  readonly order: readonly number[];
  /** Two-qubit gates that the node takes on its own. */
  readonly cost: number;
  /** Two-qubit gates that the node and a swap of its wires take together. */
  readonly costWithSwap: number;
}

/**
 * Which nodes must wait for which others, in arrays that can be sent to another thread. On each wire, nodes that may change
 * places form a group; a group opens when every node of the one before it is done, and a node is ready when all of its groups
 * are open. So that the size stays linear however large groups are.
 */
export interface RoutingDag {
  readonly nodeCount: number;
  readonly wireCount: number;
  /** `[nodes]` the wires of nodes that need neighbours; -1 for both in the others. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly costs: Uint8Array;
  readonly costsWithSwap: Uint8Array;
  /** `[nodes + 1]` where each node's groups begin in `nodeGroups`. */
  readonly nodeGroupOffsets: Int32Array;
  readonly nodeGroups: Int32Array;
  /** `[groups]` the wire of each group; -1 for groups of what only keeps an order. */
  readonly groupWires: Int32Array;
  /** `[groups]` the group after it on its wire, and before it; -1 at the ends. */
  readonly nextGroups: Int32Array;
  readonly previousGroups: Int32Array;
  /** `[groups + 1]` where each group's nodes begin in `groupMembers`. */
  readonly groupMemberOffsets: Int32Array;
  readonly groupMembers: Int32Array;
}

/** Sine of the angle below which two axes count as parallel. */
const PARALLEL_SINE = 1e-8;

/**
 * The graph of a circuit.
 *
 * @param commuting false lets no two nodes on a wire change places.
 * @param orderCount how many things `order` speaks of.
 */
export function buildRoutingDag(
  nodes: readonly RoutingNode[],
  wireCount: number,
  { commuting, orderCount = 0 }: { readonly commuting: boolean; readonly orderCount?: number },
): RoutingDag {
  const first = new Int32Array(nodes.length).fill(-1);
  const second = new Int32Array(nodes.length).fill(-1);
  const nodeGroupOffsets = new Int32Array(nodes.length + 1);
  nodes.forEach(({ wires, order, needsNeighbours }, node) => {
    nodeGroupOffsets[node + 1] = nodeGroupOffsets[node]! + wires.length + order.length;
    if (needsNeighbours) [first[node], second[node]] = [wires[0]!, wires[1]!];
  });
  const lineCount = wireCount + orderCount;
  const { nodeGroups, groupLines } = groupNodes(nodes, wireCount, lineCount, commuting);
  return {
    nodeCount: nodes.length,
    wireCount,
    first,
    second,
    costs: Uint8Array.from(nodes, ({ cost }) => cost),
    costsWithSwap: Uint8Array.from(nodes, ({ costWithSwap }) => costWithSwap),
    nodeGroupOffsets,
    nodeGroups,
    groupWires: Int32Array.from(groupLines, (line) => (line < wireCount ? line : -1)),
    ...linkGroups(groupLines, lineCount),
    ...listMembers(groupLines.length, nodeGroupOffsets, nodeGroups),
  };
}

/** The same circuit read backwards; shares the arrays. */
export function reverseRoutingDag(dag: RoutingDag): RoutingDag {
  return { ...dag, nextGroups: dag.previousGroups, previousGroups: dag.nextGroups };
}

/** Numbers the groups in the order in which they begin. A line is a wire, or a thing of which the order is kept. */
function groupNodes(
  nodes: readonly RoutingNode[],
  wireCount: number,
  lineCount: number,
  commuting: boolean,
): { nodeGroups: Int32Array; groupLines: number[] } {
  const groupLines: number[] = [];
  const nodeGroups: number[] = [];
  const open = new Int32Array(lineCount).fill(-1);
  const openAxes: (Float64Array | null)[] = new Array(lineCount).fill(null);
  const openSlots = new Int32Array(lineCount);
  for (const { wires, order, axes } of nodes) {
    for (let slot = 0; slot < wires.length; slot++) {
      const wire = wires[slot]!;
      const joins =
        commuting &&
        axes !== null &&
        openAxes[wire] !== null &&
        areParallel(axes, slot, openAxes[wire]!, openSlots[wire]!);
      if (!joins) {
        open[wire] = groupLines.push(wire) - 1;
        openAxes[wire] = axes;
        openSlots[wire] = slot;
      }
      nodeGroups.push(open[wire]!);
    }
    for (const thing of order) nodeGroups.push(groupLines.push(wireCount + thing) - 1);
  }
  return { nodeGroups: Int32Array.from(nodeGroups), groupLines };
}

function areParallel(a: Float64Array, slotA: number, b: Float64Array, slotB: number): boolean {
  const [i, j] = [3 * slotA, 3 * slotB];
  const x = a[i + 1]! * b[j + 2]! - a[i + 2]! * b[j + 1]!;
  const y = a[i + 2]! * b[j]! - a[i]! * b[j + 2]!;
  const z = a[i]! * b[j + 1]! - a[i + 1]! * b[j]!;
  return x * x + y * y + z * z < PARALLEL_SINE * PARALLEL_SINE;
}

function linkGroups(
  groupLines: readonly number[],
  lineCount: number,
): { nextGroups: Int32Array; previousGroups: Int32Array } {
  const nextGroups = new Int32Array(groupLines.length).fill(-1);
  const previousGroups = new Int32Array(groupLines.length).fill(-1);
  const last = new Int32Array(lineCount).fill(-1);
  groupLines.forEach((line, group) => {
    previousGroups[group] = last[line]!;
    if (last[line]! >= 0) nextGroups[last[line]!] = group;
    last[line] = group;
  });
  return { nextGroups, previousGroups };
}

function listMembers(
  groupCount: number,
  nodeGroupOffsets: Int32Array,
  nodeGroups: Int32Array,
): { groupMemberOffsets: Int32Array; groupMembers: Int32Array } {
  const groupMemberOffsets = new Int32Array(groupCount + 1);
  for (const group of nodeGroups) groupMemberOffsets[group + 1]!++;
  for (let group = 0; group < groupCount; group++)
    groupMemberOffsets[group + 1]! += groupMemberOffsets[group]!;
  const cursor = groupMemberOffsets.slice();
  const groupMembers = new Int32Array(nodeGroups.length);
  for (let node = 0; node + 1 < nodeGroupOffsets.length; node++) {
    for (let i = nodeGroupOffsets[node]!; i < nodeGroupOffsets[node + 1]!; i++) {
      groupMembers[cursor[nodeGroups[i]!]!++] = node;
    }
  }
  return { groupMemberOffsets, groupMembers };
}
