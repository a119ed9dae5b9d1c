import { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { Analysis } from './analysis.ts';
import type { Draft } from './draft.ts';

/** The circuit that the analysis came to. */
export function buildCircuit(analysis: Analysis): Circuit {
  const { storages, quantumRegisters, hardwareQubits, output } = analysis;
  const circuit = new Circuit(hardwareQubits?.count ?? analysis.qubitCount, storages.clbitCount);
  for (const { name, start, size } of quantumRegisters) circuit.nameQubits(name, start, size);
  for (const { name, start, size, isLocal } of storages.classicalRegisters)
    circuit.nameClbits(name, start, size, isLocal);
  for (const variable of storages.variables) circuit.declare(variable);
  append(circuit, output);
  return circuit;
}

function append(circuit: Circuit, drafts: readonly Draft[]): Circuit {
  for (const draft of drafts) circuit.append(finish(circuit, draft));
  return circuit;
}

const NO_WIRES = { qubits: [], clbits: [] } as const;

function finish(circuit: Circuit, draft: Draft): Instruction {
  const body = (drafts: readonly Draft[]) => append(circuit.emptyCopy(), drafts);
  switch (draft.kind) {
    case 'if': {
      const { kind, condition, whenTrue, whenFalse } = draft;
      const branches = whenFalse.length > 0 ? { otherwise: body(whenFalse) } : {};
      // biome-ignore lint/suspicious/noThenProperty: the instruction is data, and "then" is what its branch is called.
      return { kind, condition, then: body(whenTrue), ...branches, ...NO_WIRES };
    }
    case 'while':
      return { ...draft, body: body(draft.body), ...NO_WIRES };
    case 'for': {
      const inner = circuit.emptyCopy();
      inner.declare(draft.variable);
      return { ...draft, body: append(inner, draft.body), ...NO_WIRES };
    }
    case 'switch':
      return { ...draft, cases: draft.cases.map(([labels, drafts]) => [labels, body(drafts)]), ...NO_WIRES };
    case 'assign':
    case 'break':
    case 'continue':
      return { ...draft, qubits: [] };
    default:
      return draft;
  }
}
