import type { StateFrame, StoredState } from './stored-state.ts';

/** Smaller states are not worth a program of their own for the qubits that are left. */
const LEAST_QUBITS = 12;

/** True where {@link extractQubit} can take a qubit out of a state, and should. */
export function canExtract({ arithmetic, qubitCount }: StoredState): boolean {
  return arithmetic !== null && qubitCount > Math.max(LEAST_QUBITS, arithmetic.laneQubits);
}

/**
 * Writes the amplitudes where a qubit has a value, times a factor, to a state of half the size, which knows that qubit no more.
 *
 * @param qubit of the frame; it has memory.
 * @param bit the value, as it is stored.
 * @returns the frame of the smaller state.
 */
export function extractQubit(
  out: StoredState,
  state: StoredState,
  { qubits, flips, phase }: StateFrame,
  qubit: number,
  bit: 0 | 1,
  factor: number,
): StateFrame {
  const arithmetic = state.arithmetic!;
  const { laneQubits } = arithmetic;
  const place = qubits[qubit]!;
  arithmetic.extractBit(out.memory, state.memory, place, bit, factor);
  // Where a lane is taken out, the lowest qubit above the lanes becomes one.
  const gap = Math.max(place, laneQubits);
  const move = (physical: number) => {
    if (physical === gap) return place;
    return physical > gap ? physical - 1 : physical;
  };
  const moved = new Uint8Array(flips.length - 1);
  flips.forEach((flip, physical) => {
    if (physical !== place) moved[move(physical)] = flip;
  });
  return {
    qubits: qubits.map((physical, index) => (index === qubit || physical < 0 ? -1 : move(physical))),
    flips: moved,
    phase,
  };
}
