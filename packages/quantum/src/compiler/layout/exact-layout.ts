import type { PassContext } from '../pass.ts';
import type { CouplingGraph } from '../target/coupling-graph.ts';
import { type EmbeddingLimits, searchEmbeddings } from './embedding-search.ts';
import { type CircuitUse, layoutError, type PlaceErrors } from './layout-error.ts';
import { fillLayout } from './starting-layouts.ts';

/**
 * A layout in which all pairs of wires that share gates are coupled, the likeliest to succeed of those found where error rates are
 * known; null when none was found.
 *
 * @returns `[qubitCount]` with spare wires.
 */
export function findExactLayout(
  use: CircuitUse,
  graph: CouplingGraph,
  limits: EmbeddingLimits,
  { random, clock, deadlineMs, signal }: PassContext,
  errors: PlaceErrors | null,
): Int32Array | null {
  const { pattern } = use;
  if (pattern.wireCount > graph.workingCount) return null;
  const stay = Int32Array.from({ length: graph.qubitCount }, (_, wire) => wire);
  // What is on the map already stays, so that compiling a result again changes nothing.
  const fits =
    pattern.edges.every(({ a, b }) => graph.distance(a, b) === 1) &&
    !graph.faulty.subarray(0, pattern.wireCount).includes(1);
  if (fits && errors === null) return stay;
  let best: Int32Array | null = fits ? stay : null;
  let bestError = fits && errors ? layoutError(use, stay, errors) : Number.POSITIVE_INFINITY;
  searchEmbeddings(pattern, graph, random.fork('embedding'), limits, (found) => {
    const layout = new Int32Array(graph.qubitCount).fill(-1);
    layout.set(found);
    fillLayout(graph, layout, pattern.wireCount);
    if (errors === null) {
      best = layout;
      return true;
    }
    const error = layoutError(use, layout, errors);
    if (error < bestError) [best, bestError] = [layout, error];
    return clock.nowMs() > deadlineMs || signal?.aborted === true;
  });
  return best;
}
