import type { Circuit } from '../circuit/circuit.ts';
import { gateDefinition } from '../circuit/gate-definition.ts';
import { EXPORT_DEFINITIONS } from './qelib1.ts';
import { TokenStream } from './token-stream.ts';

/** A gate that a program may apply. */
export interface ProgramGate {
  readonly parameterCount: number;
  readonly qubitCount: number;
  /** Definitions and gates that one application walks through, itself included. */
  readonly expandedSize: number;
  /** Appends the gate to a circuit. */
  readonly append: (circuit: Circuit, qubits: readonly number[], values: readonly number[]) => void;
}

/** The gates known at a point of a program, by name. */
export type GateTable = Map<string, ProgramGate>;

/** A gate that circuits hold themselves. */
export function nativeGate(name: string): ProgramGate {
  const { parameterCount, qubitCount } = gateDefinition(name);
  return {
    parameterCount,
    qubitCount,
    expandedSize: 1,
    append: (circuit, qubits, values) => {
      circuit.gate(name, qubits, values);
    },
  };
}

/**
 * The circuit's own gate when a definition is word for word the one that `formatOpenQasm2` writes for it, else null: so that a
 * program that was written is read back gate by gate.
 */
export function nativeGateByDefinition(name: string, definition: () => string): ProgramGate | null {
  if (!Object.hasOwn(EXPORT_DEFINITIONS, name)) return null;
  const written = new TokenStream(EXPORT_DEFINITIONS[name]!);
  const first = written.peek();
  while (written.peek().kind !== 'end') written.next();
  return written.textSince(first) === definition() ? nativeGate(name) : null;
}
