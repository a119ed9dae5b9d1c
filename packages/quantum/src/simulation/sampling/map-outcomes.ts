import { bitPermutation } from '../amplitudes/bit-permutation.ts';
import { qubitsWithMemory, type StateFrame } from '../amplitudes/stored-state.ts';
import type { DrawnIndices } from './draw-indices.ts';
import { wordCount } from './sample.ts';

/**
 * Outcomes for drawn indices, `[count, words]`.
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
  const used = qubitsWithMemory(frame);
  for (let word = 0; word < words; word++) {
    let remaining = used.map((qubit) => bitsInWord(bitsOfQubit[qubit]!, word));
    // A qubit that is written to several bits of a word needs a permutation for each.
    const moves: ((index: number) => number)[] = [];
    while (remaining.some((bits) => bits.length > 0)) {
      moves.push(bitPermutation(remaining.map((bits) => bits[0] ?? -1)));
      remaining = remaining.map((bits) => bits.slice(1));
    }
    for (let i = 0; i < indices.length; i++) {
      let value = fixed[word]!;
      for (const move of moves) value |= move(indices[i]!);
      outcomes[words * i + word] = value;
    }
  }
  return outcomes;
}

/** The places of bits inside of a word, of those that are in it. */
function bitsInWord(bits: readonly number[], word: number): number[] {
  return bits.filter((bit) => bit >>> 5 === word).map((bit) => bit & 31);
}
