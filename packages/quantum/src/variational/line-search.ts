/** Where a line search ended. */
export interface LineSearchResult {
  readonly parameters: Float64Array;
  readonly value: number;
  /** The accepted multiple of the direction. */
  readonly step: number;
}

/** The decrease that Armijo's rule asks for, as a fraction of what the slope promises. */
const SUFFICIENT_DECREASE = 1e-4;
const MAX_TRIALS = 30;

/**
 * Walks from `parameters` against `direction` until the value falls enough (Armijo's rule). Each trial fits a parabola through
 * the value and slope at the start and the value at the trial; its minimum is the next trial, and improves on an accepted one.
 *
 * @returns null when no step lowers the value, which near a minimum means that rounding has been reached.
 */
export function searchLine(
  evaluate: (parameters: Float64Array) => number,
  start: { readonly parameters: Float64Array; readonly value: number; readonly gradient: Float64Array },
  direction: Float64Array,
  firstStep: number,
): LineSearchResult | null {
  const { parameters, value, gradient } = start;
  const slope = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
  if (!(slope > 0)) return null;
  const tryStep = (step: number): LineSearchResult => {
    const moved = parameters.map((x, i) => x - step * direction[i]!);
    return { parameters: moved, value: evaluate(moved), step };
  };
  let step = firstStep;
  for (let trial = 0; trial < MAX_TRIALS; trial++) {
    const found = tryStep(step);
    const curvature = found.value - value + slope * step;
    const parabola = curvature > 0 ? (slope * step * step) / (2 * curvature) : Number.POSITIVE_INFINITY;
    if (found.value <= value - SUFFICIENT_DECREASE * step * slope) {
      const better = tryStep(Math.min(Math.max(parabola, step / 4), 4 * step));
      return better.value < found.value ? better : found;
    }
    step = Math.min(Math.max(parabola, step / 10), step / 2);
  }
  return null;
}
