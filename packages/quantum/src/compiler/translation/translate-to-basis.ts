import type { Circuit } from '../../circuit/circuit.ts';
import type { GateName, GateStep } from '../../circuit/gate-definition.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { append, circuitPass } from '../passes/rewrite-circuit.ts';
import { BasisTranslator } from './basis-translator.ts';
import { synthesizeTwoQubitUnitary } from './two-qubit-unitary.ts';
import { unrollInstruction } from './unroll-instruction.ts';

/**
 * Rewrites a circuit in a basis, bodies of control flow included, up to a global phase: named gates by rules, matrices by
 * synthesis. Free parameters stay. Measurements, resets, barriers and delays stay; `initialize` becomes resets and gates.
 *
 * @param gates the basis, on one, two or more qubits.
 * @throws UnsupportedError naming the gate and the basis where no rule makes one from the other.
 */
export function translateCircuit(circuit: Circuit, gates: readonly GateName[]): Circuit {
  return translate(circuit, new BasisTranslator(gates));
}

/** Rewrites the circuit in the target's basis (BasisTranslator). See {@link translateCircuit}. */
export function translateToBasis(): Pass {
  return circuitPass('translate to basis', (circuit, { target }) =>
    translateCircuit(circuit, target.basisGates),
  );
}

function translate(circuit: Circuit, translator: BasisTranslator): Circuit {
  const translated = circuit.emptyCopy();
  const options = {
    qubitCount: circuit.qubitCount,
    keeps: (name: string) => translator.gates.has(name),
    unrollBody: (body: Circuit) => translate(body, translator),
  };
  circuit.forEach((instruction) => {
    if (isInBasis(instruction, translator)) {
      append(translated, instruction);
      return;
    }
    for (const simpler of unrollInstruction(instruction, options)) {
      appendTranslated(translated, simpler, translator);
    }
  });
  return translated;
}

function isInBasis(instruction: Instruction, { gates }: BasisTranslator): boolean {
  return instruction.kind === 'gate' && gates.has(instruction.name);
}

function appendTranslated(circuit: Circuit, instruction: Instruction, translator: BasisTranslator): void {
  if (instruction.kind === 'gate') {
    const { name, qubits, parameters } = instruction;
    for (const step of translator.translate(name, parameters, qubits.length)) {
      appendStep(circuit, step, qubits);
    }
  } else if (instruction.kind === 'unitary') {
    const { qubits, matrix } = instruction;
    const steps = synthesizeTwoQubitUnitary(matrix, translator);
    for (const step of steps) appendStep(circuit, step, qubits);
  } else append(circuit, instruction);
}

/** Appends a step whose positions are places in a list of qubits. */
export function appendStep(circuit: Circuit, step: GateStep, qubits: readonly number[]): void {
  circuit.gate(
    step.name,
    step.positions.map((position) => qubits[position]!),
    step.parameters,
  );
}
