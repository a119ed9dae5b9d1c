import { Circuit } from '../../circuit/circuit.ts';
import { adoptVariables, appendPlaced } from '../../circuit/circuit-transform.ts';
import type { Target } from '../target/target.ts';

/** A circuit without some qubits on which nothing acts. */
export interface NarrowedCircuit {
  readonly circuit: Circuit;
  /** The original number of each qubit that is left, ascending. */
  readonly kept: readonly number[];
  /** The faulty physical qubit for each original qubit that was left out. */
  readonly parked: ReadonlyMap<number, number>;
}

/**
 * Leaves out as many idle qubits as the target has too few working ones: what was compiled for it has a qubit for each of its qubits,
 * faulty ones too. Barriers do not count as use.
 *
 * @returns null where there is nothing to leave out, or too few qubits are idle.
 */
export function omitIdleQubits(circuit: Circuit, target: Target): NarrowedCircuit | null {
  const faulty = new Set(target.faultyQubits);
  const excess = circuit.qubitCount - (target.qubitCount - faulty.size);
  if (excess <= 0) return null;
  const isUsed = new Uint8Array(circuit.qubitCount);
  circuit.forEach(({ kind, qubits }) => {
    if (kind !== 'barrier') for (const qubit of qubits) isUsed[qubit] = 1;
  });
  const idle = [...isUsed.keys()].filter((qubit) => isUsed[qubit] === 0);
  if (idle.length < excess) return null;
  // Those whose own places are faulty first: they stay where they are.
  const chosen = [
    ...idle.filter((qubit) => faulty.has(qubit)),
    ...idle.filter((qubit) => !faulty.has(qubit)),
  ];
  const omitted = new Set(chosen.slice(0, excess));
  const kept = [...isUsed.keys()].filter((qubit) => !omitted.has(qubit));
  const free = [...faulty].filter((place) => !omitted.has(place)).sort((a, b) => a - b);
  const parked = new Map([...omitted].map((qubit) => [qubit, faulty.has(qubit) ? qubit : free.shift()!]));
  return { circuit: narrow(circuit, kept, omitted), kept, parked };
}

function narrow(source: Circuit, kept: readonly number[], omitted: ReadonlySet<number>): Circuit {
  const circuit = new Circuit(kept.length, source.clbitCount);
  for (const { name, start, size, isLocal } of source.classicalRegisters) {
    circuit.nameClbits(name, start, size, isLocal);
  }
  adoptVariables(circuit, source);
  const rest = source.emptyCopy();
  source.forEach((instruction) => {
    if (instruction.kind !== 'barrier') {
      rest.append(instruction);
      return;
    }
    const left = instruction.qubits.filter((qubit) => !omitted.has(qubit));
    // A barrier without qubits would be one of all.
    if (left.length > 0) rest.barrier(...left);
  });
  const numbers = new Map(kept.map((qubit, number) => [qubit, number]));
  appendPlaced(
    circuit,
    rest,
    (qubit) => numbers.get(qubit)!,
    (clbit) => clbit,
  );
  return circuit;
}

/** The layout of the original qubits, from that of those that were kept. */
export function restoreLayout(layout: readonly number[], { kept, parked }: NarrowedCircuit): number[] {
  const complete: number[] = [];
  kept.forEach((qubit, number) => {
    complete[qubit] = layout[number]!;
  });
  for (const [qubit, place] of parked) complete[qubit] = place;
  return complete;
}
