import { InvalidArgumentError } from '@qedge/core';
import { gateDefinition } from './gate-definition.ts';

/** `[2^12, 2^12]` complex doubles are 256 MiB. */
const MAX_MATRIX_QUBITS = 12;

/** @throws InvalidArgumentError for more qubits than a dense matrix is made for. */
export function checkMatrixSize(qubitCount: number): void {
  if (qubitCount <= MAX_MATRIX_QUBITS) return;
  throw new InvalidArgumentError('A matrix would be too large', {
    expected: `at most ${MAX_MATRIX_QUBITS} qubits`,
    actual: qubitCount,
  });
}

/**
 * The whole unitary of a gate, its controls included: complex, row-major, interleaved `[2^k, 2^k, (re, im)]`. Bit `i` of an
 * index belongs to the gate's qubit number `i`, so the first qubit is the least significant, as in Qiskit.
 *
 * @param qubitCount for variadic gates, how many qubits; default the least.
 * @throws InvalidArgumentError for an unknown gate, a wrong number of parameters or qubits, or more than 12 qubits.
 */
export function gateMatrix(
  name: string,
  parameters: readonly number[] = [],
  qubitCount = gateDefinition(name).qubitCount,
): Float64Array {
  const gate = gateDefinition(name);
  const isLonger = gate.variadic && Number.isInteger(qubitCount) && qubitCount > gate.qubitCount;
  if (qubitCount !== gate.qubitCount && !isLonger) {
    throw new InvalidArgumentError(`Gate ${name} takes other qubits`, {
      expected: gate.variadic ? `at least ${gate.qubitCount}` : gate.qubitCount,
      actual: qubitCount,
    });
  }
  if (parameters.length !== gate.parameterCount) {
    throw new InvalidArgumentError(`Gate ${name} has a fixed number of parameters`, {
      expected: gate.parameterCount,
      actual: parameters.length,
    });
  }
  checkMatrixSize(qubitCount);
  const base = gate.matrix(parameters);
  const controlCount = gate.controlCount + qubitCount - gate.qubitCount;
  const size = 1 << qubitCount;
  const controls = (1 << controlCount) - 1;
  const baseSize = size >> controlCount;
  const matrix = new Float64Array(2 * size * size);
  for (let row = 0; row < size; row++) {
    if ((row & controls) !== controls) {
      matrix[2 * (row * size + row)] = 1;
      continue;
    }
    for (let baseColumn = 0; baseColumn < baseSize; baseColumn++) {
      const column = (baseColumn << controlCount) | controls;
      const from = 2 * ((row >> controlCount) * baseSize + baseColumn);
      matrix[2 * (row * size + column)] = base[from]!;
      matrix[2 * (row * size + column) + 1] = base[from + 1]!;
    }
  }
  return matrix;
}
