import type { CouplingGraph } from '../target/coupling-graph.ts';
import type { InteractionGraph } from './interaction-graph.ts';

/** Conditions that every embedding needs and that are quick to check; false proves that there is none. */
export function mayEmbed(pattern: InteractionGraph, graph: CouplingGraph): boolean {
  if (pattern.wireCount > graph.qubitCount) return false;
  return degreesFit(pattern, graph) && coloursFit(pattern, graph);
}

/** The k-th largest number of partners is at most the k-th largest number of neighbours. */
function degreesFit({ partners }: InteractionGraph, graph: CouplingGraph): boolean {
  const needed = partners.map(({ length }) => length).sort((a, b) => b - a);
  const offered = Array.from({ length: graph.qubitCount }, (_, place) => graph.degree(place)).sort(
    (a, b) => b - a,
  );
  return needed.every((count, rank) => count <= offered[rank]!);
}

/**
 * On a connected map without odd cycles, places have two colours and coupled places different ones: a circuit with an odd cycle
 * does not fit, nor one that needs more places of a colour than there are, whichever way each of its parts is coloured.
 */
function coloursFit(pattern: InteractionGraph, graph: CouplingGraph): boolean {
  if (graph.componentSizes.length !== 1) return true;
  const offered = colourCounts(graph.qubitCount, (place) => graph.neighboursOf(place));
  if (offered === null) return true;
  const [placeColours] = offered;
  const needed = colourCounts(pattern.wireCount, (wire) => pattern.partners[wire]!);
  if (needed === null) return false;
  const room = placeColours!;
  // Which numbers of places of the first colour the parts can take together.
  let sums = new Set([0]);
  let total = 0;
  for (const [black, white] of needed) {
    if (black + white < 2) continue;
    total += black + white;
    sums = new Set([...sums].flatMap((sum) => [sum + black, sum + white]));
  }
  return [...sums].some((black) => black <= room[0] && total - black <= room[1]);
}

/** How many nodes of each colour every connected part has; null when there is an odd cycle. */
function colourCounts(
  count: number,
  neighboursOf: (node: number) => Iterable<number>,
): (readonly [number, number])[] | null {
  const colours = new Int8Array(count).fill(-1);
  const counts: (readonly [number, number])[] = [];
  for (let start = 0; start < count; start++) {
    if (colours[start]! >= 0) continue;
    colours[start] = 0;
    const nodes = [start];
    for (const node of nodes) {
      for (const neighbour of neighboursOf(node)) {
        if (colours[neighbour] === colours[node]) return null;
        if (colours[neighbour]! >= 0) continue;
        colours[neighbour] = 1 - colours[node]!;
        nodes.push(neighbour);
      }
    }
    const whites = nodes.reduce((sum, node) => sum + colours[node]!, 0);
    counts.push([nodes.length - whites, whites]);
  }
  return counts;
}
