/** @file A brute-force simulator on dense matrices, written independently of the package, for tests only. */
import type { Circuit } from '@qedge/quantum';
import { gateMatrix } from '@qedge/quantum';

type Complex = readonly [number, number];
type DenseMatrix = Complex[][];

/** The `2^n x 2^n` matrix of a gate on given qubits, entry by entry. */
function embedGate(matrix: Float64Array, qubits: readonly number[], qubitCount: number): DenseMatrix {
  const size = 2 ** qubitCount;
  const small = 2 ** qubits.length;
  const local = (index: number) => qubits.reduce((sum, q, i) => sum + ((index >> q) & 1) * 2 ** i, 0);
  const rest = (index: number) => qubits.reduce((left, q) => left & ~(1 << q), index);
  return Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column): Complex => {
      if (rest(row) !== rest(column)) return [0, 0];
      const at = 2 * (local(row) * small + local(column));
      return [matrix[at]!, matrix[at + 1]!];
    }),
  );
}

function multiplyVector(matrix: DenseMatrix, vector: readonly Complex[]): Complex[] {
  return matrix.map((row) =>
    row.reduce<Complex>(
      ([re, im], [a, b], i) => [
        re + a * vector[i]![0] - b * vector[i]![1],
        im + a * vector[i]![1] + b * vector[i]![0],
      ],
      [0, 0],
    ),
  );
}

/** The final state of a bound circuit without measurements, by dense matrices. */
export function denseState(circuit: Circuit): Complex[] {
  let state: Complex[] = Array.from({ length: 2 ** circuit.qubitCount }, (_, i) => [i === 0 ? 1 : 0, 0]);
  for (const instruction of circuit.instructions) {
    if (instruction.kind !== 'gate') continue;
    const { name, parameters, qubits } = instruction;
    const matrix = gateMatrix(name, parameters as number[], qubits.length);
    state = multiplyVector(embedGate(matrix, instruction.qubits, circuit.qubitCount), state);
  }
  return state;
}
