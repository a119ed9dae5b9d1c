import { bitPermutation } from './bit-permutation.ts';
import { flipMask, type StateFrame, type StoredState } from './stored-state.ts';

/** The probability of each value of some qubits, `[2^qubits.length]`; bit `i` of an index is the value of `qubits[i]`. */
export function marginalProbabilities(
  state: StoredState,
  frame: StateFrame,
  qubits: readonly number[],
): Float64Array {
  const places = Array.from({ length: state.qubitCount }, () => -1);
  qubits.forEach((qubit, bit) => {
    const place = frame.qubits[qubit]!;
    if (place >= 0) places[place] = bit;
  });
  const move = bitPermutation(places);
  const inverted = move(flipMask(frame.flips));
  const probabilities = new Float64Array(2 ** qubits.length);
  const { lanes, regionQubits } = state;
  for (const [number, region] of state.regions.entries()) {
    const first = number * 2 ** regionQubits;
    for (let inside = 0; inside < 2 ** regionQubits; inside++) {
      const position = inside + (inside & -lanes);
      const re = region[position]!;
      const im = region[position + lanes]!;
      const outcome = move(first + inside) ^ inverted;
      probabilities[outcome] = probabilities[outcome]! + re * re + im * im;
    }
  }
  return probabilities;
}
