/** Which wires share two-wire gates, and how many. */
export interface InteractionGraph {
  readonly wireCount: number;
  /** Every pair that shares gates, once, in order of first meeting. */
  readonly edges: readonly InteractionEdge[];
  /** The partners of each wire, in order of first meeting. */
  readonly partners: readonly (readonly number[])[];
  /** `[wires]` which connected part each wire belongs to; wires without partners are parts of their own. */
  readonly componentOf: Int32Array;
  /** The wires of each connected part, ascending. */
  readonly components: readonly (readonly number[])[];
}

/** A pair of wires with gates. */
export interface InteractionEdge {
  readonly a: number;
  readonly b: number;
  /** Two-qubit gates between them, as far as known. */
  weight: number;
}

/** @param pairs calls back for every two-wire gate with its wires and weight. */
export function collectInteractionGraph(
  wireCount: number,
  pairs: (visit: (a: number, b: number, weight: number) => void) => void,
): InteractionGraph {
  const edges = new Map<number, InteractionEdge>();
  const partners = Array.from({ length: wireCount }, (): number[] => []);
  pairs((a, b, weight) => {
    const key = Math.min(a, b) * wireCount + Math.max(a, b);
    const known = edges.get(key);
    if (known) known.weight += weight;
    else {
      edges.set(key, { a, b, weight });
      partners[a]!.push(b);
      partners[b]!.push(a);
    }
  });
  return { wireCount, edges: [...edges.values()], partners, ...collectComponents(partners) };
}

function collectComponents(partners: readonly (readonly number[])[]): {
  componentOf: Int32Array;
  components: number[][];
} {
  const componentOf = new Int32Array(partners.length).fill(-1);
  const components: number[][] = [];
  for (let start = 0; start < partners.length; start++) {
    if (componentOf[start]! >= 0) continue;
    const wires = [start];
    componentOf[start] = components.length;
    for (const wire of wires) {
      for (const partner of partners[wire]!) {
        if (componentOf[partner]! >= 0) continue;
        componentOf[partner] = components.length;
        wires.push(partner);
      }
    }
    components.push(wires.sort((a, b) => a - b));
  }
  return { componentOf, components };
}

/** Wires with partners in order of their first two-wire gate. */
export function wiresByFirstUse({ edges }: InteractionGraph): number[] {
  return [...new Set(edges.flatMap(({ a, b }) => [a, b]))];
}

/** Wires with partners, each component from a wire with fewest partners on, deep before broad. */
export function pathOrder(pattern: InteractionGraph): number[] {
  const order: number[] = [];
  const placed = new Uint8Array(pattern.wireCount);
  for (const component of byDescendingSize(pattern)) {
    const start = component.reduce((best, wire) =>
      degree(pattern, wire) < degree(pattern, best) ? wire : best,
    );
    const stack = [start];
    while (stack.length > 0) {
      const wire = stack.pop()!;
      if (placed[wire] === 1) continue;
      placed[wire] = 1;
      order.push(wire);
      const next = pattern.partners[wire]!.filter((partner) => placed[partner] === 0);
      // The one with the most placed partners last, so that it is taken first.
      next.sort((a, b) => countPlaced(pattern, a, placed) - countPlaced(pattern, b, placed));
      stack.push(...next);
    }
  }
  return order;
}

/** Wires with partners, always the one with most placed partners next, among those the one with most partners. */
export function crowdOrder(pattern: InteractionGraph): number[] {
  const order: number[] = [];
  const placedPartners = new Int32Array(pattern.wireCount);
  const placed = new Uint8Array(pattern.wireCount);
  for (const component of byDescendingSize(pattern)) {
    for (let i = 0; i < component.length; i++) {
      let best = -1;
      for (const wire of component) {
        if (placed[wire] === 1) continue;
        const isBetter =
          best < 0 ||
          placedPartners[wire]! > placedPartners[best]! ||
          (placedPartners[wire]! === placedPartners[best]! && degree(pattern, wire) > degree(pattern, best));
        if (isBetter) best = wire;
      }
      placed[best] = 1;
      order.push(best);
      for (const partner of pattern.partners[best]!) placedPartners[partner]!++;
    }
  }
  return order;
}

function byDescendingSize({ components }: InteractionGraph): (readonly number[])[] {
  return components.filter(({ length }) => length > 1).sort((a, b) => b.length - a.length);
}

function degree({ partners }: InteractionGraph, wire: number): number {
  return partners[wire]!.length;
}

function countPlaced({ partners }: InteractionGraph, wire: number, placed: Uint8Array): number {
  let count = 0;
  for (const partner of partners[wire]!) count += placed[partner]!;
  return count;
}
