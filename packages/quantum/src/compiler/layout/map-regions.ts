import { UnsupportedError } from '@qedge/core';
import type { CouplingGraph } from '../target/coupling-graph.ts';
import { type InteractionGraph, pathOrder, wiresByFirstUse } from './interaction-graph.ts';

/** Wires that have to be placed within one connected part of a map. Plain data. */
export interface MapRegion {
  /** The places of the part, ascending. */
  readonly places: Int32Array;
  /** The wires with partners that belong there, in order of first use. */
  readonly wires: Int32Array;
  /** The same, each one after a partner where it has one, deep before broad. */
  readonly pathOrder: Int32Array;
}

/** How many assignments of circuit parts to map parts are tried before giving up. */
const MAX_ASSIGNMENT_STEPS = 100_000;

/**
 * Decides which connected part of the map takes which wires. Wires that need no neighbours are not assigned: they go to any place
 * that is left.
 *
 * @throws UnsupportedError when the circuit has too many wires, or its connected parts do not fit those of the map.
 */
export function assignRegions(pattern: InteractionGraph, graph: CouplingGraph): MapRegion[] {
  checkWidth(pattern.wireCount, graph);
  const parts = pattern.components.filter(({ length }) => length > 1).sort((a, b) => b.length - a.length);
  const sizes = parts.map(({ length }) => length);
  const owners = packParts(sizes, graph.componentSizes);
  if (owners === null) {
    throw new UnsupportedError('The circuit does not fit the parts of the coupling map', {
      expected: `connected parts of at most ${[...graph.componentSizes].sort((a, b) => b - a).join(', ')} qubits`,
      actual: `connected parts of ${sizes.join(', ')} qubits`,
      remedy: 'Choose a target whose qubits are connected',
    });
  }
  const used = wiresByFirstUse(pattern);
  const path = pathOrder(pattern);
  const ownerOf = new Int32Array(pattern.wireCount).fill(-1);
  parts.forEach((wires, part) => {
    for (const wire of wires) ownerOf[wire] = owners[part]!;
  });
  return graph.componentSizes.map((_, component) => ({
    places: Int32Array.from(graph.componentOf.keys()).filter(
      (place) => graph.componentOf[place] === component,
    ),
    wires: Int32Array.from(used.filter((wire) => ownerOf[wire] === component)),
    pathOrder: Int32Array.from(path.filter((wire) => ownerOf[wire] === component)),
  }));
}

/** @throws UnsupportedError for more wires than there are working places. */
export function checkWidth(wireCount: number, graph: CouplingGraph): void {
  if (wireCount > graph.workingCount) {
    throw new UnsupportedError('The circuit has more qubits than the target has working ones', {
      expected: `at most ${graph.workingCount} qubits`,
      actual: wireCount,
      remedy: 'Choose a larger target, or remove qubits that are not used',
    });
  }
}

/** Puts parts, largest first, into the fullest room where each fits, and tries others where that fails; null when nothing was found. */
function packParts(sizes: readonly number[], rooms: readonly number[]): number[] | null {
  const left = [...rooms];
  const owners: number[] = [];
  let steps = 0;
  const place = (part: number): boolean => {
    if (part === sizes.length) return true;
    if (++steps > MAX_ASSIGNMENT_STEPS) return false;
    const order = [...left.keys()].filter((room) => left[room]! >= sizes[part]!);
    order.sort((a, b) => left[a]! - left[b]!);
    const tried = new Set<number>();
    for (const room of order) {
      // Rooms with equal space left are alike.
      if (tried.has(left[room]!)) continue;
      tried.add(left[room]!);
      left[room]! -= sizes[part]!;
      owners[part] = room;
      if (place(part + 1)) return true;
      left[room]! += sizes[part]!;
    }
    return false;
  };
  return place(0) ? owners : null;
}
