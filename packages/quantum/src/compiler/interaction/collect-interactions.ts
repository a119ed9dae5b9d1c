import type { Circuit } from '../../circuit/circuit.ts';
import { expandInstruction } from '../../circuit/expand-instruction.ts';
import {
  type DiagonalInstruction,
  type Instruction,
  isControlFlow,
  type UnitaryInstruction,
} from '../../circuit/instruction.ts';
import { walshHadamard } from '../translation/walsh-hadamard.ts';
import { GateCollector } from './collect-gate.ts';
import { collectPhases } from './collect-phases.ts';
import type { InteractionCircuit } from './interaction.ts';
import { InteractionBuilder } from './interaction-builder.ts';
import { orthonormalize4 } from './orthonormalize.ts';
import { SharedQubits } from './shared-qubits.ts';

/**
 * Brings a circuit into interaction form. Gates on three qubits become ccz, larger ones are expanded; bodies of control flow are
 * fences with everything inside. The global phase is not kept; free parameters stay in angles.
 *
 * The result is not optimised: {@link mergeInteractions} does that.
 */
export function collectInteractions(circuit: Circuit): InteractionCircuit {
  const collector = new InstructionCollector(circuit);
  circuit.forEach((instruction) => {
    collector.collect(instruction);
  });
  return collector.builder.finish(circuit.emptyCopy());
}

class InstructionCollector {
  readonly builder: InteractionBuilder;
  readonly #gates: GateCollector;
  /** Every qubit where angles read variables: what writes variables then keeps all gates in order. */
  readonly #qubitsOfWriters: readonly number[] | null;

  constructor(circuit: Circuit) {
    this.builder = new InteractionBuilder(circuit.qubitCount);
    const shared = new SharedQubits(circuit);
    this.#gates = new GateCollector(this.builder, (qubits) => shared.borrow(qubits));
    this.#qubitsOfWriters = readsVariables(circuit)
      ? Array.from({ length: circuit.qubitCount }, (_, qubit) => qubit)
      : null;
  }

  collect(instruction: Instruction): void {
    switch (instruction.kind) {
      case 'gate':
        this.#gates.collect(instruction.name, instruction.qubits, instruction.parameters);
        return;
      case 'unitary':
        this.#collectUnitary(instruction);
        return;
      case 'diagonal':
        this.#collectDiagonal(instruction);
        return;
      case 'permutation':
      case 'pauli-evolution':
      case 'controlled':
      case 'initialize':
        for (const simpler of expandInstruction(instruction)!) this.collect(simpler);
        return;
    }
    const writes = instruction.kind === 'assign' || isControlFlow(instruction);
    this.builder.fence(instruction, (writes && this.#qubitsOfWriters) || instruction.qubits);
  }

  #collectUnitary(instruction: UnitaryInstruction): void {
    const { qubits, matrix } = instruction;
    if (qubits.length === 1) this.builder.rotateBy(qubits[0]!, matrix);
    else if (qubits.length === 2) this.builder.block(qubits[0]!, qubits[1]!, orthonormalize4(matrix));
    else for (const simpler of expandInstruction(instruction)!) this.collect(simpler);
  }

  /** A single marked state is a phase under controls; anything else rotations of parities, by the Walsh-Hadamard transform. */
  #collectDiagonal({ qubits, phases }: DiagonalInstruction): void {
    const marked = markedState(phases);
    if (marked !== null && qubits.length > 2) {
      const flipped = qubits.filter((_, i) => ((marked >> i) & 1) === 0);
      for (const qubit of flipped) this.#gates.collect('x', [qubit], []);
      const other = phases[marked === 0 ? 1 : 0]!;
      this.#gates.multiControlledPhase(qubits, phases[marked]! - other);
      for (const qubit of flipped) this.#gates.collect('x', [qubit], []);
      return;
    }
    const weights = parityAnglesOf(phases);
    collectPhases(this.builder, qubits, (subset) => weights[subset]!);
  }
}

/** The index of the only phase that differs from all others, null where there is none. */
function markedState(phases: Float64Array): number | null {
  if (phases.length < 4) return null;
  const common = phases[0] === phases[1] || phases[0] === phases[2] ? phases[0] : phases[1];
  let found: number | null = null;
  for (let i = 0; i < phases.length; i++) {
    if (phases[i] === common) continue;
    if (found !== null) return null;
    found = i;
  }
  return found;
}

/** The angles of rotations of parities whose product is the diagonal, but for its phase. */
function parityAnglesOf(phases: Float64Array): Float64Array {
  const weights = phases.map((phase) => (-2 * phase) / phases.length);
  walshHadamard(weights);
  // Rotations by less than rounding would still count.
  const scale = phases.reduce((largest, phase) => Math.max(largest, Math.abs(phase)), 0);
  return weights.map((weight) => (Math.abs(weight) <= 1e-15 * scale * phases.length ? 0 : weight));
}

function readsVariables(circuit: Circuit): boolean {
  if (circuit.variables.length === 0) return false;
  const names = new Set(circuit.variables.map(({ name }) => name));
  let found = false;
  circuit.forEach((instruction) => {
    found ||= anglesOf(instruction).some(
      (angle) => typeof angle !== 'number' && angle.names.some((name) => names.has(name)),
    );
  });
  return found;
}

function anglesOf(instruction: Instruction) {
  switch (instruction.kind) {
    case 'gate':
      return instruction.parameters;
    case 'pauli-evolution':
      return [instruction.time];
    case 'controlled':
      return anglesOf(instruction.body);
    default:
      return [];
  }
}
