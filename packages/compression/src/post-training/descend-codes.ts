import type { RoundingProblem } from './rounding-problem.ts';
import type { WorkTurns } from './work-turns.ts';

const MOST_SWEEPS = 50;
/** Pairs of more rows than this take longer than they are worth. */
const MOST_PAIRED_ROWS = 64;
/** A gain has to exceed this part of what a step of a weight costs: rounding must not make a move look like a gain for ever. */
const LEAST_GAIN = 1e-6;

/**
 * Moves single codes to where the error of their output is least while all others stay, sweep by sweep, until no move lowers it (coordinate
 * descent); for small kernels also pairs of codes by one step each. Weights of exactly 0 keep the code of 0.
 *
 * @param codes start and result, changed in place.
 * @throws CancelledError, by the turns.
 */
export async function descendCodes(
  problem: RoundingProblem,
  codes: Int16Array,
  turns: WorkTurns,
): Promise<void> {
  const { groups, rows, outputs } = problem.error;
  for (let group = 0; group < groups; group++) {
    for (let output = 0; output < outputs; output++) {
      const descent = new OutputDescent(problem, codes, group, output);
      for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        const hasMoved = descent.sweepSingles() || (rows <= MOST_PAIRED_ROWS && descent.sweepPairs());
        if (turns.isOver) await turns.next();
        if (!hasMoved) break;
      }
    }
  }
}

/** The codes of one output, with half the gradient of its error by its weights. */
class OutputDescent {
  readonly #problem: RoundingProblem;
  readonly #codes: Int16Array;
  readonly #first: number;
  readonly #firstRow: number;
  readonly #gradient: Float64Array;

  constructor(problem: RoundingProblem, codes: Int16Array, group: number, output: number) {
    const { rows, outputs, drift } = problem.error;
    this.#problem = problem;
    this.#codes = codes;
    this.#first = group * rows * outputs + output;
    this.#firstRow = group * rows * rows;
    this.#gradient = Float64Array.from({ length: rows }, (_, row) => drift[this.#first + row * outputs]);
    for (let row = 0; row < rows; row++) {
      const at = this.#at(row);
      this.#shift(row, codes[at] * problem.steps[at] - problem.values[at]);
    }
  }

  /** Lets each weight take its best code. @returns whether any moved. */
  sweepSingles(): boolean {
    const { steps, lowest, highest } = this.#problem;
    let hasMoved = false;
    for (let row = 0; row < this.#gradient.length; row++) {
      const curvature = this.#second(row, row);
      if (!this.#isFree(row, curvature)) continue;
      const at = this.#at(row);
      const wanted = this.#codes[at] - Math.round(this.#gradient[row] / (curvature * steps[at]));
      const move = Math.min(highest[at], Math.max(lowest[at], wanted)) - this.#codes[at];
      if (this.#change(row, move) >= -LEAST_GAIN * steps[at] ** 2 * curvature) continue;
      this.#move(row, move);
      hasMoved = true;
    }
    return hasMoved;
  }

  /** Lets each pair of weights move by a step each. @returns whether any moved. */
  sweepPairs(): boolean {
    let hasMoved = false;
    for (let row = 1; row < this.#gradient.length; row++) {
      if (!this.#isFree(row, this.#second(row, row))) continue;
      for (let other = 0; other < row; other++) {
        if (this.#isFree(other, this.#second(other, other)) && this.#movePair(row, other)) hasMoved = true;
      }
    }
    return hasMoved;
  }

  #movePair(row: number, other: number): boolean {
    const { steps, lowest, highest } = this.#problem;
    const [a, b] = [this.#at(row), this.#at(other)];
    const least = LEAST_GAIN * steps[a] ** 2 * this.#second(row, row);
    for (const up of [-1, 1]) {
      for (const otherUp of [-1, 1]) {
        const [code, otherCode] = [this.#codes[a] + up, this.#codes[b] + otherUp];
        if (code < lowest[a] || code > highest[a] || otherCode < lowest[b] || otherCode > highest[b])
          continue;
        const joint = 2 * up * steps[a] * otherUp * steps[b] * this.#second(row, other);
        if (this.#change(row, up) + this.#change(other, otherUp) + joint >= -least) continue;
        this.#move(row, up);
        this.#move(other, otherUp);
        return true;
      }
    }
    return false;
  }

  /** By how much the error grows when a code moves. */
  #change(row: number, move: number): number {
    const by = move * this.#problem.steps[this.#at(row)];
    return by * (2 * this.#gradient[row] + by * this.#second(row, row));
  }

  #move(row: number, move: number): void {
    const at = this.#at(row);
    this.#codes[at] += move;
    this.#shift(row, move * this.#problem.steps[at]);
  }

  /** The gradient takes on that a weight changed. */
  #shift(row: number, by: number): void {
    const { second } = this.#problem.error;
    const from = this.#firstRow + row * this.#gradient.length;
    for (let other = 0; other < this.#gradient.length; other++)
      this.#gradient[other] += second[from + other] * by;
  }

  #isFree(row: number, curvature: number): boolean {
    return curvature > 0 && this.#problem.values[this.#at(row)] !== 0;
  }

  #second(row: number, other: number): number {
    return this.#problem.error.second[this.#firstRow + row * this.#gradient.length + other];
  }

  #at(row: number): number {
    return this.#first + row * this.#problem.error.outputs;
  }
}
