import type { GateStep } from '../../circuit/gate-definition.ts';
import { splitUnitary } from '../../circuit/synthesize-unitary.ts';
import type { BasisTranslator } from './basis-translator.ts';
import { unrollInstruction } from './unroll-instruction.ts';

/** Any two-qubit unitary `[4, 4, 2]` in a basis, on positions 0 and 1. */
export function synthesizeTwoQubitUnitary(matrix: Float64Array, translator: BasisTranslator): GateStep[] {
  const options = {
    qubitCount: 2,
    unrollBody: () => {
      throw new Error();
    },
  };
  const gates = splitUnitary({ kind: 'unitary', qubits: [0, 1], matrix }).flatMap((i) =>
    unrollInstruction(i, options),
  );
  return translator.settle(
    gates.flatMap((gate) =>
      gate.kind === 'gate'
        ? translator
            .translate(gate.name, gate.parameters, gate.qubits.length)
            .map((s) => ({ ...s, positions: s.positions.map((p) => gate.qubits[p]!) }))
        : [],
    ),
    'unitary',
  );
}
