import { UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import { expandInstruction } from '../../circuit/expand-instruction.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import {
  type GateInstruction,
  type Instruction,
  instructionName,
  isControlFlow,
} from '../../circuit/instruction.ts';
import { replaceBodies } from '../../circuit/place-instruction.ts';
import { gateOn, oneQubitSteps } from '../../circuit/synthesize-unitary.ts';
import {
  diagonalSteps,
  expandPhases,
  MOST_DIAGONAL_QUBITS,
  multiControlledPhase,
  multiControlledX,
} from './multi-controlled.ts';
import { decomposeGate } from './two-qubit-rules.ts';

/** Gates that are X under controls, however many. */
const CONTROLLED_X = new Set(['c3x', 'c4x', 'mcx']);

/** What may stay as it is. */
export interface UnrollOptions {
  /** The circuit's qubits: those that an instruction leaves alone can help it. */
  readonly qubitCount: number;
  /** True for gates that need no rewriting though they act on more than two qubits. */
  readonly keeps?: (name: string) => boolean;
  /** What becomes of the bodies of control flow. */
  readonly unrollBody: (body: Circuit) => Circuit;
}

/**
 * An instruction as gates and matrices on one and two qubits, up to a global phase; instructions that are not unitary stay, with
 * their bodies unrolled. Free parameters stay. `initialize` becomes resets and gates.
 *
 * @throws UnsupportedError for a diagonal on more than 12 qubits.
 */
export function unrollInstruction(instruction: Instruction, options: UnrollOptions): Instruction[] {
  if (isControlFlow(instruction)) return [replaceBodies(instruction, options.unrollBody)];
  switch (instruction.kind) {
    case 'gate':
      return unrollGate(instruction, options);
    case 'diagonal':
      if (instruction.qubits.length > MOST_DIAGONAL_QUBITS) {
        throw new UnsupportedError('A diagonal has too many qubits to be compiled', {
          expected: `at most ${MOST_DIAGONAL_QUBITS}`,
          actual: instruction.qubits.length,
        });
      }
      return diagonalSteps(instruction.qubits, instruction.phases).map(placed);
    case 'unitary':
      if (instruction.qubits.length === 1) {
        const [rotation] = oneQubitSteps(instruction.matrix);
        return [gateOn('u', instruction.qubits, ...rotation!.parameters)];
      }
      if (instruction.qubits.length === 2) return [instruction];
  }
  const expanded = expandInstruction(instruction);
  return expanded === null
    ? [instruction]
    : expanded.flatMap((simpler) => unrollInstruction(simpler, options));
}

/** A step on qubits of a circuit, as an instruction. */
function placed({ name, positions, parameters }: GateStep): Instruction {
  return gateOn(name, positions, ...parameters);
}

function unrollGate(instruction: GateInstruction, options: UnrollOptions): Instruction[] {
  const { name, qubits, parameters } = instruction;
  if (qubits.length === 0) return [];
  if (options.keeps?.(name)) return [instruction];
  if (name === 'mcp' || CONTROLLED_X.has(name)) {
    const spare: number[] = [];
    for (let qubit = 0; qubit < options.qubitCount && spare.length < qubits.length; qubit++) {
      if (!qubits.includes(qubit)) spare.push(qubit);
    }
    const steps =
      name === 'mcp'
        ? multiControlledPhase(qubits, parameters[0]!, spare)
        : multiControlledX(qubits.slice(0, -1), qubits.at(-1)!, spare);
    const simpler = options.keeps?.('mcp') ? steps : expandPhases(steps);
    return simpler.flatMap((one) => unrollGate(placed(one) as GateInstruction, options));
  }
  if (qubits.length <= 2) return [instruction];
  const steps = decomposeGate(name, parameters, qubits.length, { hasIswap: false });
  if (steps === null) {
    throw new UnsupportedError(`No rule is known for ${instructionName(instruction)}`, { actual: name });
  }
  return steps.flatMap((one) => {
    const on = one.positions.map((position) => qubits[position]!);
    return unrollGate(gateOn(one.name, on, ...one.parameters) as GateInstruction, options);
  });
}
