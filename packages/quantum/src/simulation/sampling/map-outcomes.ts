import { bitPermutation } from '../amplitudes/bit-permutation.ts';
import { flipMask, type StateFrame } from '../amplitudes/stored-state.ts';
import type { DrawnIndices } from './draw-indices.ts';
import { wordCount } from './sample.ts';

/**
 * Outcomes for drawn physical indices, `[count, words]`.
 *
 * @param bitOfQubit for each qubit the bits of the outcome that it is written to.
 * @param fixed the outcome where no qubit is 1, `[words]`.
 */
export function mapOutcomes(
  { indices }: DrawnIndices,
  frame: StateFrame,
  bitsOfQubit: readonly (readonly number[])[],
  bitCount: number,
  fixed: Uint32Array,
): Uint32Array {
  const words = wordCount(bitCount);
  const outcomes = new Uint32Array(words * indices.length);
  const flips = flipMask(frame.flips);
  const physicalCount = frame.flips.length;
  for (let word = 0; word < words; word++) {
    let remaining = placesInWord(frame, bitsOfQubit, word, physicalCount);
    // A qubit that is written to several bits of a word needs a permutation for each.
    const moves: ((index: number) => number)[] = [];
    while (remaining.some((bits) => bits.length > 0)) {
      moves.push(bitPermutation(remaining.map((bits) => bits[0] ?? -1)));
      remaining = remaining.map((bits) => bits.slice(1));
    }
    for (let i = 0; i < indices.length; i++) {
      const index = (indices[i]! ^ flips) >>> 0;
      let value = fixed[word]!;
      for (const move of moves) value |= move(index);
      outcomes[words * i + word] = value;
    }
  }
  return outcomes;
}

/** For each physical qubit the bits of one word that it is written to. */
function placesInWord(
  frame: StateFrame,
  bitsOfQubit: readonly (readonly number[])[],
  word: number,
  physicalCount: number,
): number[][] {
  const places: number[][] = Array.from({ length: physicalCount }, () => []);
  bitsOfQubit.forEach((bits, qubit) => {
    const place = frame.qubits[qubit]!;
    if (place < 0) return;
    for (const bit of bits) if (bit >>> 5 === word) places[place]!.push(bit & 31);
  });
  return places;
}
