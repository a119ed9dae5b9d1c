import { flipMask, type StateFrame, type StoredState } from './stored-state.ts';

/**
 * The density matrix of some qubits with all others traced out: `[2^k, 2^k, 2]` row-major, interleaved, Hermitian, of trace 1;
 * bit `i` of an index belongs to `qubits[i]`. At most 31 physical qubits.
 */
export function reducedDensityMatrix(
  state: StoredState,
  frame: StateFrame,
  qubits: readonly number[],
): Float64Array {
  const size = 2 ** qubits.length;
  const matrix = new Float64Array(2 * size * size);
  const places = qubits.map((qubit) => frame.qubits[qubit]!);
  const flips = flipMask(frame.flips);
  // Values of the kept qubits that occur, and where their amplitudes lie relative to the others' index.
  const values: number[] = [];
  const offsets: number[] = [];
  let kept = 0;
  for (const place of places) if (place >= 0) kept = (kept | (1 << place)) >>> 0;
  for (let value = 0; value < size; value++) {
    let offset = 0;
    let exists = true;
    places.forEach((place, bit) => {
      if (((value >> bit) & 1) === 0) return;
      if (place < 0) exists = false;
      else offset = (offset | (1 << place)) >>> 0;
    });
    if (!exists) continue;
    values.push(value);
    offsets.push(((offset ^ flips) & kept) >>> 0);
  }
  const [re, im] = [new Float64Array(values.length), new Float64Array(values.length)];
  const rest = (2 ** state.qubitCount - 1 - kept) >>> 0;
  let other = 0;
  do {
    offsets.forEach((offset, index) => {
      const [region, position] = state.locate((offset | other) >>> 0);
      re[index] = region[position]!;
      im[index] = region[position + state.lanes]!;
    });
    addOuterProduct(matrix, size, values, re, im);
    other = ((other - rest) & rest) >>> 0;
  } while (other !== 0);
  return matrix;
}

/** Adds `|v><v|`. */
function addOuterProduct(
  matrix: Float64Array,
  size: number,
  values: readonly number[],
  re: Float64Array,
  im: Float64Array,
): void {
  for (let a = 0; a < values.length; a++) {
    for (let b = 0; b < values.length; b++) {
      const at = 2 * (values[a]! * size + values[b]!);
      matrix[at] = matrix[at]! + re[a]! * re[b]! + im[a]! * im[b]!;
      matrix[at + 1] = matrix[at + 1]! + im[a]! * re[b]! - re[a]! * im[b]!;
    }
  }
}
