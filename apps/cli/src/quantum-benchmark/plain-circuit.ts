import type { Circuit } from '@qedge/quantum';

/** What `serve.py` understands of a circuit. */
export interface PlainCircuit {
  readonly qubitCount: number;
  readonly gates: readonly (readonly [string, readonly number[], readonly number[]])[];
}

/** Gates with numbers for angles and unitaries, as plain data. @throws Error for anything else. */
export function plainCircuit(circuit: Circuit): PlainCircuit {
  const gates = circuit.instructions.map((instruction) => {
    if (instruction.kind === 'gate')
      return [instruction.name, instruction.qubits, instruction.parameters as number[]] as const;
    if (instruction.kind === 'unitary')
      return ['unitary', instruction.qubits, Array.from(instruction.matrix)] as const;
    throw new Error(`The peers are not given "${instruction.kind}"`);
  });
  return { qubitCount: circuit.qubitCount, gates };
}
