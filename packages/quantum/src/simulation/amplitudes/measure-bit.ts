import type { StoredState } from './stored-state.ts';

/** The weights of the two values of a physical qubit: `[sum of |a|^2 with bit 0, with bit 1]`. */
export function bitWeights(state: StoredState, qubit: number): [number, number] {
  if (state.arithmetic !== null) return state.arithmetic.bitWeights(state.memory, qubit);
  const weights: [number, number] = [0, 0];
  for (const [number, region] of state.regions.entries()) {
    if (qubit >= state.regionQubits) {
      const bit = Math.floor(number / 2 ** (qubit - state.regionQubits)) % 2;
      weights[bit as 0 | 1] += sumOfSquares(region);
    } else if (2 ** qubit >= state.lanes) addBlockWeights(region, 2 ** (qubit + 1), weights);
    else addLaneWeights(region, state.lanes, qubit, weights);
  }
  return weights;
}

/** The sum of all `|a|^2`. */
export function squaredNorm(state: StoredState): number {
  let sum = 0;
  for (const region of state.regions) sum += sumOfSquares(region);
  return sum;
}

function sumOfSquares(numbers: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i]! * numbers[i]!;
  return sum;
}

/** For a qubit above the lanes: `run` numbers (both parts) with bit 0, as many with bit 1, and so on. */
function addBlockWeights(region: Float32Array | Float64Array, run: number, weights: [number, number]): void {
  for (let start = 0; start < region.length; start += 2 * run) {
    let [zero, one] = [0, 0];
    for (let i = start; i < start + run; i++) {
      zero += region[i]! * region[i]!;
      one += region[i + run]! * region[i + run]!;
    }
    weights[0] += zero;
    weights[1] += one;
  }
}

function addLaneWeights(
  region: Float32Array | Float64Array,
  lanes: number,
  qubit: number,
  weights: [number, number],
): void {
  let [zero, one] = [0, 0];
  for (let i = 0; i < region.length; i++) {
    const square = region[i]! * region[i]!;
    if (((i & (lanes - 1)) >>> qubit) & 1) one += square;
    else zero += square;
  }
  weights[0] += zero;
  weights[1] += one;
}

/** Sets `out` to the amplitudes of a state whose physical qubit has this value, times a factor, and to 0 elsewhere; may be in place. */
export function projectBit(
  out: StoredState,
  state: StoredState,
  qubit: number,
  bit: 0 | 1,
  factor: number,
): void {
  if (state.arithmetic !== null) {
    state.arithmetic.projectBit(out.memory, state.memory, qubit, bit, factor);
    return;
  }
  const targets = out.regions;
  for (const [number, region] of state.regions.entries()) {
    const target = targets[number]!;
    if (qubit >= state.regionQubits) {
      const own = Math.floor(number / 2 ** (qubit - state.regionQubits)) % 2;
      if (own !== bit) target.fill(0);
      else for (let i = 0; i < region.length; i++) target[i] = factor * region[i]!;
    } else {
      // A bit above the lanes stands one place higher in a position, because imaginary parts lie between.
      const place = 2 ** qubit >= state.lanes ? qubit + 1 : qubit;
      for (let i = 0; i < region.length; i++) {
        target[i] = ((i >>> place) & 1) === bit ? factor * region[i]! : 0;
      }
    }
  }
}
