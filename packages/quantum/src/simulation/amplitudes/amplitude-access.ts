import { bitPermutation } from './bit-permutation.ts';
import { flipMask, type StateFrame, type StoredState } from './stored-state.ts';

/**
 * The physical index of a basis state, -1 where a qubit without memory would have to be 1.
 *
 * @param isSet the value of a qubit in the basis state.
 */
export function physicalIndex(frame: StateFrame, isSet: (qubit: number) => boolean): number {
  let index = flipMask(frame.flips);
  for (let qubit = 0; qubit < frame.qubits.length; qubit++) {
    if (!isSet(qubit)) continue;
    const place = frame.qubits[qubit]!;
    if (place < 0) return -1;
    index += frame.flips[place] === 1 ? -(2 ** place) : 2 ** place;
  }
  return index;
}

/** The amplitude at a physical index (-1: 0), with the phase of the frame, as `[re, im]`. */
export function amplitudeAt(state: StoredState, frame: StateFrame, index: number): [number, number] {
  if (index < 0) return [0, 0];
  const [region, position] = state.locate(index);
  const [re, im] = [region[position]!, region[position + state.lanes]!];
  const [cos, sin] = [Math.cos(frame.phase), Math.sin(frame.phase)];
  return [cos * re - sin * im, cos * im + sin * re];
}

/**
 * Copies amplitudes of consecutive basis states of at most 31 qubits out, phase included, interleaved `[count, 2]`.
 *
 * @param first a multiple of `count`, which is a power of two.
 */
export function readAmplitudes(
  state: StoredState,
  frame: StateFrame,
  first: number,
  out: Float64Array | Float32Array,
): void {
  const count = out.length / 2;
  const [cos, sin] = [Math.cos(frame.phase), Math.sin(frame.phase)];
  const flips = flipMask(frame.flips);
  const placeOf = bitPermutation(frame.qubits);
  const idle = idleMask(frame);
  const { lanes, regions, regionQubits } = state;
  const insideMask = 2 ** regionQubits - 1;
  const laneMask = -lanes;
  for (let i = 0; i < count; i++) {
    const basis = first + i;
    if ((basis & idle) !== 0) {
      out[2 * i] = 0;
      out[2 * i + 1] = 0;
      continue;
    }
    const index = (placeOf(basis) ^ flips) >>> 0;
    const region = regions[regionQubits >= 32 ? 0 : index >>> regionQubits]!;
    const inside = index & insideMask;
    const position = inside + (inside & laneMask);
    const re = region[position]!;
    const im = region[position + lanes]!;
    out[2 * i] = cos * re - sin * im;
    out[2 * i + 1] = cos * im + sin * re;
  }
}

/**
 * Fills a state with amplitudes of consecutive basis states, interleaved `[count, 2]`. Every qubit of the frame must have memory.
 *
 * @param first a multiple of `count`, which is a power of two.
 */
export function writeAmplitudes(
  state: StoredState,
  frame: StateFrame,
  first: number,
  amplitudes: ArrayLike<number>,
): void {
  const count = amplitudes.length / 2;
  const [cos, sin] = [Math.cos(frame.phase), -Math.sin(frame.phase)];
  const flips = flipMask(frame.flips);
  const placeOf = bitPermutation(frame.qubits);
  for (let i = 0; i < count; i++) {
    const index = (placeOf(first + i) ^ flips) >>> 0;
    const [region, position] = state.locate(index);
    const re = amplitudes[2 * i]!;
    const im = amplitudes[2 * i + 1]!;
    region[position] = cos * re - sin * im;
    region[position + state.lanes] = cos * im + sin * re;
  }
}

function idleMask({ qubits }: StateFrame): number {
  let mask = 0;
  qubits.forEach((place, qubit) => {
    if (place < 0) mask |= 1 << qubit;
  });
  return mask;
}
