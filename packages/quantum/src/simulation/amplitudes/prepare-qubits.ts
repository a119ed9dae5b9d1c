import { flipMask, type StateFrame, type StoredState } from './stored-state.ts';

/**
 * Puts qubits that are |0> into a state: the amplitude of every basis state of the others becomes `2^k` amplitudes.
 *
 * @param amplitudes `[2^k, 2]` interleaved; bit `i` of an index belongs to `qubits[i]`, each of which has memory.
 */
export function prepareQubits(
  state: StoredState,
  frame: StateFrame,
  qubits: readonly number[],
  amplitudes: Float64Array,
): void {
  const flips = flipMask(frame.flips);
  let chosen = 0;
  for (const qubit of qubits) chosen = (chosen | (1 << frame.qubits[qubit]!)) >>> 0;
  const offsets = Array.from({ length: 2 ** qubits.length }, (_, value) => {
    let offset = 0;
    qubits.forEach((qubit, bit) => {
      if (((value >> bit) & 1) === 1) offset = (offset | (1 << frame.qubits[qubit]!)) >>> 0;
    });
    return ((offset ^ flips) & chosen) >>> 0;
  });
  const rest = (2 ** state.qubitCount - 1 - chosen) >>> 0;
  let other = 0;
  do {
    const [source, position] = state.locate((offsets[0]! | other) >>> 0);
    const [re, im] = [source[position]!, source[position + state.lanes]!];
    offsets.forEach((offset, value) => {
      const [region, target] = state.locate((offset | other) >>> 0);
      const [factorRe, factorIm] = [amplitudes[2 * value]!, amplitudes[2 * value + 1]!];
      region[target] = factorRe * re - factorIm * im;
      region[target + state.lanes] = factorRe * im + factorIm * re;
    });
    other = ((other - rest) & rest) >>> 0;
  } while (other !== 0);
}
