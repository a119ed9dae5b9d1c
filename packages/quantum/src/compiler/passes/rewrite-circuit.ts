/** @file What passes on circuits share: how they reach bodies of control flow, and what no gate may be moved across. */
import type { Circuit } from '../../circuit/circuit.ts';
import { bodiesOf, type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import { replaceBodies } from '../../circuit/place-instruction.ts';
import type { CompilationState, Pass, PassContext, Preserved } from '../pass.ts';

/** A new circuit for an old one; the same object where nothing is to be done. */
export type CircuitRewrite = (circuit: Circuit, state: CompilationState, context: PassContext) => Circuit;

/** A pass that rewrites the circuit and nothing else. */
export function circuitPass(name: string, rewrite: CircuitRewrite, preserves: Preserved = 'unitary'): Pass {
  return {
    name,
    preserves,
    run(state, context) {
      const circuit = rewrite(state.circuit, state, context);
      return circuit === state.circuit ? state : { ...state, circuit };
    },
  };
}

/** A pass that finds something out and writes it down as a property of the state; the circuit stays. */
export function analysisPass(
  name: string,
  property: string,
  analyse: (circuit: Circuit, state: CompilationState) => unknown,
): Pass {
  return {
    name,
    run: (state) => ({
      ...state,
      properties: new Map(state.properties).set(property, analyse(state.circuit, state)),
    }),
  };
}

/** Rewrites all bodies of control flow in a circuit, innermost first, then the circuit itself. */
export function rewriteWithBodies(circuit: Circuit, rewrite: (circuit: Circuit) => Circuit): Circuit {
  return rewrite(rewriteBodies(circuit, (body) => rewriteWithBodies(body, rewrite)));
}

/** The circuit with other bodies in its control flow; the same object where there is none. */
export function rewriteBodies(circuit: Circuit, rewriteBody: (body: Circuit) => Circuit): Circuit {
  // A circuit keeps the objects of `instructions`: for most circuits that is memory for nothing.
  let hasBodies = false;
  circuit.forEach((instruction) => {
    hasBodies ||= isControlFlow(instruction);
  });
  if (!hasBodies) return circuit;
  const rewritten = circuit.emptyCopy();
  circuit.forEach((instruction) => {
    if (isControlFlow(instruction)) rewritten.append(replaceBodies(instruction, rewriteBody));
    else append(rewritten, instruction);
  });
  return rewritten;
}

/** A circuit of the same qubits, bits and variables with other instructions. */
export function circuitOf(frame: Circuit, instructions: Iterable<Instruction>): Circuit {
  const circuit = frame.emptyCopy();
  for (const instruction of instructions) append(circuit, instruction);
  return circuit;
}

/** `circuit.append`, quicker for gates. */
export function append(circuit: Circuit, instruction: Instruction): void {
  if (instruction.kind === 'gate') {
    circuit.gate(instruction.name, instruction.qubits, instruction.parameters);
  } else circuit.append(instruction);
}

/**
 * The qubits on which gates may not be moved from one side of an instruction to the other without knowing what it does: its own,
 * or all where it leaves a loop or writes a classical variable, which angles may name.
 */
export function fencedQubits(instruction: Instruction, circuit: Circuit): readonly number[] {
  if (!fencesAllQubits(instruction, false)) return instruction.qubits;
  return Array.from({ length: circuit.qubitCount }, (_, qubit) => qubit);
}

function fencesAllQubits(instruction: Instruction, insideLoop: boolean): boolean {
  switch (instruction.kind) {
    case 'break':
    case 'continue':
      return !insideLoop;
    case 'assign':
      return instruction.target.kind !== 'bit' && instruction.target.kind !== 'bits';
    case 'if':
    case 'switch':
    case 'while':
    case 'for': {
      const isLoop = instruction.kind === 'while' || instruction.kind === 'for';
      return bodiesOf(instruction).some((body) =>
        body.instructions.some((inner) => fencesAllQubits(inner, insideLoop || isLoop)),
      );
    }
    default:
      return false;
  }
}
