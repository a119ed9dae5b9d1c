import type { Circuit } from '../../circuit/circuit.ts';

/** Which qubits of a circuit act together, for choosing qubits to borrow: near ones cost fewer swaps. */
export class SharedQubits {
  readonly #circuit: Circuit;
  /** For each qubit, how often it meets each other one; made when first needed. */
  #meetings: readonly Map<number, number>[] | null = null;

  constructor(circuit: Circuit) {
    this.#circuit = circuit;
  }

  /** All other qubits, those that meet the given ones most often first. */
  borrow(qubits: readonly number[]): readonly number[] {
    this.#meetings ??= countMeetings(this.#circuit);
    const own = new Set(qubits);
    const scores = new Float64Array(this.#circuit.qubitCount);
    for (const qubit of qubits) {
      for (const [other, count] of this.#meetings[qubit]!) scores[other] = scores[other]! + count;
    }
    const others = Array.from(scores.keys()).filter((qubit) => !own.has(qubit));
    return others.sort((a, b) => scores[b]! - scores[a]! || a - b);
  }
}

/** Larger gates say little about who should be near. */
const MOST_OPERANDS = 8;

function countMeetings(circuit: Circuit): readonly Map<number, number>[] {
  const meetings = Array.from({ length: circuit.qubitCount }, () => new Map<number, number>());
  circuit.forEach(({ kind, qubits }) => {
    if (kind === 'barrier' || qubits.length > MOST_OPERANDS) return;
    for (const a of qubits) {
      for (const b of qubits) if (a !== b) meetings[a]!.set(b, (meetings[a]!.get(b) ?? 0) + 1);
    }
  });
  return meetings;
}
