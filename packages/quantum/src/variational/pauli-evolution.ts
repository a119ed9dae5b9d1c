import type { Circuit } from '../circuit/circuit.ts';
import type { ParameterValue } from '../circuit/parameter.ts';

/**
 * Appends `exp(-i angle P / 2)` for a Pauli string (character `i` acts on qubit `i`): a change of basis, a ladder of CX that
 * collects the parity on the last qubit, one RZ there, and back. The empty string's phase is left out.
 */
export function appendPauliEvolution(circuit: Circuit, pauliString: string, angle: ParameterValue): void {
  const support = [...pauliString].flatMap((letter, qubit) => (letter === 'I' ? [] : [qubit]));
  if (support.length === 0) return;
  for (const qubit of support) {
    if (pauliString[qubit] === 'X') circuit.h(qubit);
    // sx maps Y to Z: sx . Y . sxdg = Z.
    if (pauliString[qubit] === 'Y') circuit.sx(qubit);
  }
  for (let i = 1; i < support.length; i++) circuit.cx(support[i - 1]!, support[i]!);
  circuit.rz(angle, support[support.length - 1]!);
  for (let i = support.length - 1; i > 0; i--) circuit.cx(support[i - 1]!, support[i]!);
  for (const qubit of support) {
    if (pauliString[qubit] === 'X') circuit.h(qubit);
    if (pauliString[qubit] === 'Y') circuit.sxdg(qubit);
  }
}
