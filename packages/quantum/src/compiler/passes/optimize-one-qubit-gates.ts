import type { Circuit } from '../../circuit/circuit.ts';
import { gateDefinition } from '../../circuit/gate-definition.ts';
import type { GateInstruction } from '../../circuit/instruction.ts';
import { synthesizeOneQubit } from '../one-qubit-synthesis.ts';
import type { Pass } from '../pass.ts';

/**
 * Multiplies runs of one-qubit gates and writes each as at most five gates of {rz, sx, x}. A run is kept as it is unless the new
 * one is shorter. Gates with free parameters end a run. Needs rz and sx in the target's basis; does nothing without them.
 */
export const optimizeOneQubitGates: Pass = {
  name: 'optimize one-qubit gates',
  run(state) {
    const { circuit, target } = state;
    if (!target.basisGates.includes('rz') || !target.basisGates.includes('sx')) return state;
    const hasX = target.basisGates.includes('x');
    const optimized = circuit.emptyCopy();
    const runs: GateInstruction[][] = Array.from({ length: circuit.qubitCount }, () => []);
    const flush = (qubit: number) => {
      const run = runs[qubit]!;
      runs[qubit] = [];
      appendRun(optimized, qubit, run, hasX, target.basisGates);
    };
    for (const instruction of circuit.instructions) {
      if (instruction.kind === 'gate' && instruction.qubits.length === 1 && isBound(instruction)) {
        runs[instruction.qubits[0]!]!.push(instruction);
        continue;
      }
      for (const qubit of instruction.qubits) flush(qubit);
      optimized.append(instruction);
    }
    for (let qubit = 0; qubit < circuit.qubitCount; qubit++) flush(qubit);
    return { ...state, circuit: optimized };
  },
};

function isBound({ parameters }: GateInstruction): boolean {
  return parameters.every((angle) => typeof angle === 'number');
}

function appendRun(
  circuit: Circuit,
  qubit: number,
  run: readonly GateInstruction[],
  hasX: boolean,
  basisGates: readonly string[],
): void {
  if (run.length === 0) return;
  let product = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0);
  for (const { name, parameters } of run) {
    product = multiply(gateDefinition(name).matrix(parameters as readonly number[]), product);
  }
  const steps = synthesizeOneQubit(product, hasX);
  const inBasis = run.every(({ name }) => basisGates.includes(name));
  if (inBasis && steps.length >= run.length) for (const gate of run) circuit.append(gate);
  else for (const { name, parameters } of steps) circuit.gate(name, [qubit], parameters);
}

/** The product of two complex 2 x 2 matrices, interleaved and row-major. */
function multiply(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const product = new Float64Array(8);
  for (let row = 0; row < 2; row++) {
    for (let column = 0; column < 2; column++) {
      for (let k = 0; k < 2; k++) {
        const [x, y] = [2 * (2 * row + k), 2 * (2 * k + column)];
        const to = 2 * (2 * row + column);
        product[to] = product[to]! + a[x]! * b[y]! - a[x + 1]! * b[y + 1]!;
        product[to + 1] = product[to + 1]! + a[x]! * b[y + 1]! + a[x + 1]! * b[y]!;
      }
    }
  }
  return product;
}
