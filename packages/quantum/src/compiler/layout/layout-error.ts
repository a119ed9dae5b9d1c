import { gateDefinition, isGateName } from '../../circuit/gate-definition.ts';
import { InstructionFigures } from '../target/instruction-figures.ts';
import type { Target } from '../target/target.ts';
import type { InteractionGraph } from './interaction-graph.ts';

/** What goes wrong where on a machine, as `-log(1 - error rate)`: sums of these tell which layout is likelier to succeed. */
export interface PlaceErrors {
  readonly qubitCount: number;
  /** `[qubitCount, qubitCount]` row-major: of the best two-qubit gate on a pair; 0 where nothing is known. */
  readonly pairs: Float64Array;
  /** `[qubitCount]`: of measurement. */
  readonly places: Float64Array;
}

/** Reads the error rates of a target; null when it has none. */
export function placeErrorsOf(target: Target): PlaceErrors | null {
  const properties = target.instructionProperties ?? [];
  if (!properties.some(({ errorRate }) => errorRate !== undefined)) return null;
  const n = target.qubitCount;
  const figures = new InstructionFigures(target);
  const pairs = new Float64Array(n * n);
  const gates = target.basisGates.filter((name) => isGateName(name) && gateDefinition(name).qubitCount === 2);
  for (const [a, b] of target.couplingEdges ?? []) {
    const rates = gates.flatMap((gate) => [
      figures.errorRate(gate, [a, b]) ?? [],
      figures.errorRate(gate, [b, a]) ?? [],
    ]);
    const known = rates.flat();
    if (known.length === 0) continue;
    pairs[a * n + b] = pairs[b * n + a] = lossOf(Math.min(...known));
  }
  const places = Float64Array.from({ length: n }, (_, place) =>
    lossOf(figures.errorRate('measure', [place]) ?? 0),
  );
  return { qubitCount: n, pairs, places };
}

function lossOf(errorRate: number): number {
  return -Math.log1p(-Math.min(errorRate, 1 - 1e-12));
}

/** What a circuit does where. */
export interface CircuitUse {
  readonly pattern: InteractionGraph;
  /** `[wires]`: how often each wire is measured. */
  readonly measurements: Float64Array;
}

/** What a layout without swaps loses, in gates between pairs and measurements. */
export function layoutError(
  { pattern, measurements }: CircuitUse,
  layout: Int32Array,
  errors: PlaceErrors,
): number {
  let sum = 0;
  for (const { a, b, weight } of pattern.edges) {
    sum += weight * errors.pairs[layout[a]! * errors.qubitCount + layout[b]!]!;
  }
  measurements.forEach((count, wire) => {
    sum += count * errors.places[layout[wire]!]!;
  });
  return sum;
}
