import type { Circuit } from '../../circuit/circuit.ts';
import { type GateInstruction, type Instruction, isUnitaryKind } from '../../circuit/instruction.ts';
import { InstructionStore } from '../../circuit/instruction-store.ts';
import { append, fencedQubits } from './rewrite-circuit.ts';

/** How many instructions on its own qubits a gate looks back over at most: the time stays linear in the circuit's length. */
const LOOK_BACK = 64;

/** What {@link absorbGates} is given. */
export interface AbsorbRules {
  /** One gate for two in a row; null when they cancel; undefined when they stay two. */
  merge(first: GateInstruction, second: GateInstruction): GateInstruction | null | undefined;
  /** Whether a gate may move to the other side of a unitary instruction. */
  commute(earlier: Instruction, gate: GateInstruction): boolean;
  /** Whether what has been merged so far is enough. Default never. */
  isTimeUp?(): boolean;
}

/**
 * Merges gates into earlier ones, also across instructions in between that commute with them, until nothing changes. Nothing moves
 * across what fences its qubits.
 */
export function absorbGates(circuit: Circuit, rules: AbsorbRules): Circuit {
  let current = circuit;
  for (;;) {
    const next = new Absorption(current, rules).circuit;
    if (next === null) return current;
    current = next;
    if (rules.isTimeUp?.()) return current;
  }
}

class Absorption {
  readonly #rules: AbsorbRules;
  /** Objects for all of a long circuit would take ten times the memory, and the time to move it. */
  readonly #kept = new InstructionStore();
  /** What became of instructions in `#kept` since; null for those that are gone. */
  readonly #merged = new Map<number, GateInstruction | null>();
  /** For each qubit, the places in `#kept` of the instructions that are still on it. */
  readonly #wires: number[][];
  /** The shorter circuit; null where nothing changed. */
  readonly circuit: Circuit | null;

  constructor(circuit: Circuit, rules: AbsorbRules) {
    this.#rules = rules;
    this.#wires = Array.from({ length: circuit.qubitCount }, () => []);
    circuit.forEach((instruction) => {
      if (instruction.kind === 'gate' && this.#absorb(instruction)) return;
      const qubits = instruction.kind === 'gate' ? instruction.qubits : fencedQubits(instruction, circuit);
      for (const qubit of qubits) this.#wires[qubit]!.push(this.#kept.count);
      this.#kept.push(instruction);
    });
    this.circuit = this.#merged.size === 0 ? null : this.#rebuild(circuit);
  }

  #rebuild(circuit: Circuit): Circuit {
    const shorter = circuit.emptyCopy();
    for (let i = 0; i < this.#kept.count; i++) {
      const merged = this.#merged.get(i);
      if (merged !== null) append(shorter, merged ?? this.#kept.read(i));
    }
    return shorter;
  }

  /** Tries to merge a gate into an earlier one. @returns whether it did. */
  #absorb(gate: GateInstruction): boolean {
    const wires = gate.qubits.map((qubit) => this.#wires[qubit]!);
    const pointers = wires.map((wire) => wire.length - 1);
    for (let seen = 0; seen < LOOK_BACK; seen++) {
      let latest = -1;
      for (let i = 0; i < wires.length; i++) latest = Math.max(latest, wires[i]![pointers[i]!] ?? -1);
      if (latest < 0) return false;
      for (let i = 0; i < wires.length; i++) if (wires[i]![pointers[i]!] === latest) pointers[i]!--;
      const earlier = this.#merged.get(latest) ?? this.#kept.read(latest);
      const merged = earlier.kind === 'gate' ? this.#rules.merge(earlier, gate) : undefined;
      if (merged !== undefined) {
        this.#merged.set(latest, merged);
        // What is gone must not hide what comes before it from later gates: a circuit and its inverse vanish at once.
        if (merged === null) for (const wire of wires) wire.splice(wire.lastIndexOf(latest), 1);
        return true;
      }
      if (!isUnitaryKind(earlier) || !this.#rules.commute(earlier, gate)) return false;
    }
    return false;
  }
}
