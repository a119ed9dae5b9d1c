import type { RoundingProblem } from './rounding-problem.ts';

const MOST_SWEEPS = 50;

/**
 * Moves single codes to where the error of their output is least while all others stay, sweep by sweep, until no move lowers it (coordinate
 * descent). Weights of exactly 0 keep the code of 0.
 *
 * @param codes start and result, changed in place.
 */
export function descendCodes(problem: RoundingProblem, codes: Int16Array): void {
  const { groups, outputs } = problem.error;
  const gradient = new Float64Array(problem.error.rows);
  for (let group = 0; group < groups; group++) {
    for (let output = 0; output < outputs; output++) descendOutput(problem, codes, group, output, gradient);
  }
}

function descendOutput(
  problem: RoundingProblem,
  codes: Int16Array,
  group: number,
  output: number,
  gradient: Float64Array,
): void {
  const { rows, outputs, second, drift } = problem.error;
  const { values, steps, lowest, highest } = problem;
  const first = group * rows * outputs + output;
  const row0 = group * rows * rows;
  /** The gradient takes on that a weight of a row moved. */
  const shift = (row: number, by: number) => {
    const from = row0 + row * rows;
    for (let other = 0; other < rows; other++) gradient[other] += second[from + other] * by;
  };
  for (let row = 0; row < rows; row++) gradient[row] = drift[first + row * outputs];
  for (let row = 0; row < rows; row++) {
    const at = first + row * outputs;
    shift(row, codes[at] * steps[at] - values[at]);
  }
  let hasMoved = true;
  for (let sweep = 0; sweep < MOST_SWEEPS && hasMoved; sweep++) {
    hasMoved = false;
    for (let row = 0; row < rows; row++) {
      const at = first + row * outputs;
      const curvature = second[row0 + row * rows + row];
      if (!(curvature > 0) || values[at] === 0) continue;
      const wanted = codes[at] - Math.round(gradient[row] / (curvature * steps[at]));
      const code = Math.min(highest[at], Math.max(lowest[at], wanted));
      const by = (code - codes[at]) * steps[at];
      // Rounding of the gradient must not make a move look like a gain for ever.
      if (by * (2 * gradient[row] + by * curvature) >= -1e-6 * steps[at] ** 2 * curvature) continue;
      codes[at] = code;
      shift(row, by);
      hasMoved = true;
    }
  }
}
