import { gateDefinition, isGateName } from '../../circuit/gate-definition.ts';
import type { Target } from './target.ts';

interface Figures {
  durationSeconds?: number;
  errorRate?: number;
}

/** The durations and error rates of a target's instructions, by name and qubits, found in constant time. */
export class InstructionFigures {
  readonly #figures = new Map<string, Figures>();

  /** @param target one that {@link checkTarget} accepts. Where entries repeat, the first one holds. */
  constructor(target: Target) {
    for (const { instruction, qubits, durationSeconds, errorRate } of target.instructionProperties ?? []) {
      const key = qubits ? keyOf(instruction, qubits) : instruction;
      let figures = this.#figures.get(key);
      if (figures === undefined) {
        figures = {};
        this.#figures.set(key, figures);
      }
      if (durationSeconds !== undefined) figures.durationSeconds ??= durationSeconds;
      if (errorRate !== undefined) figures.errorRate ??= errorRate;
    }
  }

  /** Seconds: an entry for exactly these qubits, else the general one, else undefined. */
  durationSeconds(instruction: string, qubits: readonly number[]): number | undefined {
    return this.#find(instruction, qubits, 'durationSeconds');
  }

  /** The probability that the instruction goes wrong, found in the same way. */
  errorRate(instruction: string, qubits: readonly number[]): number | undefined {
    return this.#find(instruction, qubits, 'errorRate');
  }

  #find(instruction: string, qubits: readonly number[], figure: keyof Figures): number | undefined {
    return (
      this.#figures.get(keyOf(instruction, qubits))?.[figure] ?? this.#figures.get(instruction)?.[figure]
    );
  }
}

/** The order of qubits does not count for gates whose qubits can be exchanged. */
function keyOf(instruction: string, qubits: readonly number[]): string {
  const anyOrder = qubits.length > 1 && isGateName(instruction) && gateDefinition(instruction).symmetric;
  return `${instruction} ${(anyOrder ? qubits.toSorted((a, b) => a - b) : qubits).join()}`;
}
