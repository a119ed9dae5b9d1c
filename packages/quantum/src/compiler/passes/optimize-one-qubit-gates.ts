import type { Circuit } from '../../circuit/circuit.ts';
import { type GateInstruction, type Instruction, isUnitaryKind } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { OneQubitBasis } from '../translation/one-qubit-basis.ts';
import { isOneQubitGate, OneQubitRun } from '../translation/one-qubit-run.ts';
import { appendStep } from '../translation/translate-to-basis.ts';
import { append, circuitPass, fencedQubits, rewriteWithBodies } from './rewrite-circuit.ts';

/**
 * Multiplies runs of one-qubit gates and matrices and writes each as few gates of the target's basis as it can: with rz, sx and x
 * at most `rz sx rz sx rz`, nothing for the identity. Free angles about one axis are added up. A run is kept as it is unless the
 * new one is shorter or it was not in the basis; where the basis cannot make it, it stays. (Optimize1qGatesDecomposition.)
 */
export function optimizeOneQubitGates(): Pass {
  return circuitPass('optimize one-qubit gates', (circuit, { target }) => {
    const basis = new OneQubitBasis(target.basisGates);
    return rewriteWithBodies(circuit, (part) => optimizeRuns(part, basis));
  });
}

/** A one-qubit instruction that can join a run. */
type RunMember = GateInstruction | Extract<Instruction, { kind: 'unitary' }>;

function optimizeRuns(circuit: Circuit, basis: OneQubitBasis): Circuit {
  const optimized = circuit.emptyCopy();
  const runs: (RunMember[] | undefined)[] = new Array(circuit.qubitCount);
  const flush = (qubit: number) => {
    const run = runs[qubit];
    if (run === undefined) return;
    runs[qubit] = undefined;
    appendRun(optimized, qubit, run, basis);
  };
  circuit.forEach((instruction) => {
    if (isRunMember(instruction)) {
      const qubit = instruction.qubits[0]!;
      const run = runs[qubit];
      if (run) run.push(instruction);
      else runs[qubit] = [instruction];
      return;
    }
    const fenced = isUnitaryKind(instruction) ? instruction.qubits : fencedQubits(instruction, circuit);
    for (const qubit of fenced) flush(qubit);
    append(optimized, instruction);
  });
  for (let qubit = 0; qubit < circuit.qubitCount; qubit++) flush(qubit);
  return optimized;
}

function isRunMember(instruction: Instruction): instruction is RunMember {
  if (instruction.qubits.length !== 1) return false;
  return instruction.kind === 'unitary' || (instruction.kind === 'gate' && isOneQubitGate(instruction.name));
}

function appendRun(circuit: Circuit, qubit: number, run: readonly RunMember[], basis: OneQubitBasis): void {
  const product = new OneQubitRun();
  let inBasis = true;
  for (const member of run) {
    if (member.kind === 'unitary') product.pushMatrix(member.matrix);
    else product.push(member.name, member.parameters);
    inBasis &&= member.kind === 'gate' && basis.gates.has(member.name);
  }
  const steps = product.synthesize(basis);
  const isBetter = steps !== null && (steps.length < run.length || !inBasis);
  if (isBetter) for (const step of steps) appendStep(circuit, step, [qubit]);
  else for (const member of run) append(circuit, member);
}
