import { InvalidArgumentError } from '@qedge/core';
import { Circuit } from '../../circuit/circuit.ts';
import { adoptVariables } from '../../circuit/circuit-transform.ts';
import { bodiesOf, type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import { placeInstruction } from '../../circuit/place-instruction.ts';

/** A compiled circuit with the places of the original qubits. */
export interface LaidOutCircuit {
  readonly circuit: Circuit;
  /** Physical qubit of each original qubit at the start. */
  readonly initialLayout: readonly number[];
  /** The same at the end. */
  readonly finalLayout: readonly number[];
}

/**
 * Two circuits on the same wires: wire `q` is original qubit `q` at the start; further ones are spare qubits that the compiled
 * circuit uses, |0> at the start and at the end. Barriers, delays and qubits without use are left out; parameters have values.
 */
export interface AlignedCircuits {
  readonly qubitCount: number;
  readonly wireCount: number;
  readonly original: Circuit;
  readonly compiled: Circuit;
  /** `[wireCount]`: the wire of the compiled circuit on which each wire of the original one ends. */
  readonly endWires: readonly number[];
}

/** @throws InvalidArgumentError unless both layouts name a different physical qubit for every original one. */
export function checkLayouts(
  original: Circuit,
  { circuit, initialLayout, finalLayout }: LaidOutCircuit,
): void {
  for (const layout of [initialLayout, finalLayout]) {
    const isPlace = (place: number) => Number.isInteger(place) && place >= 0 && place < circuit.qubitCount;
    const fits =
      layout.length === original.qubitCount &&
      new Set(layout).size === layout.length &&
      layout.every(isPlace);
    if (fits) continue;
    throw new InvalidArgumentError('A layout does not fit the circuits', {
      expected: `${original.qubitCount} different qubits below ${circuit.qubitCount}`,
      actual: layout,
    });
  }
}

/** @param values of every free parameter of either circuit. */
export function alignCircuits(
  original: Circuit,
  { circuit, initialLayout, finalLayout }: LaidOutCircuit,
  values: Readonly<Record<string, number>>,
): AlignedCircuits {
  const used = new Set([...initialLayout, ...finalLayout]);
  markUsedQubits(circuit, used);
  const starts = new Set(initialLayout);
  const spare = [...used].filter((physical) => !starts.has(physical)).sort((a, b) => a - b);
  const wires = new Map([...initialLayout, ...spare].map((physical, wire) => [physical, wire]));
  const wireCount = wires.size;
  const ends = finalLayout.map((physical) => wires.get(physical)!);
  const taken = new Set(ends);
  for (let wire = 0; wire < wireCount; wire++) if (!taken.has(wire)) ends.push(wire);
  return {
    qubitCount: original.qubitCount,
    wireCount,
    original: placeCircuit(bindKnown(original, values), wireCount, (qubit) => qubit),
    compiled: placeCircuit(bindKnown(circuit, values), wireCount, (physical) => wires.get(physical)!),
    endWires: ends,
  };
}

function bindKnown(circuit: Circuit, values: Readonly<Record<string, number>>): Circuit {
  return circuit.bind(Object.fromEntries(circuit.parameterNames.map((name) => [name, values[name]!])));
}

function takesPart({ kind }: Instruction): boolean {
  return kind !== 'barrier' && kind !== 'delay';
}

function markUsedQubits(circuit: Circuit, used: Set<number>): void {
  circuit.forEach((instruction) => {
    if (isControlFlow(instruction)) for (const body of bodiesOf(instruction)) markUsedQubits(body, used);
    else if (takesPart(instruction)) for (const qubit of instruction.qubits) used.add(qubit);
  });
}

/** A circuit on other wires, without barriers, delays and registers. */
function placeCircuit(source: Circuit, wireCount: number, place: (qubit: number) => number): Circuit {
  const placed = new Circuit(wireCount, source.clbitCount);
  adoptVariables(placed, source);
  const placeBody = (body: Circuit) => placeCircuit(body, wireCount, place);
  source.forEach((instruction) => {
    if (takesPart(instruction)) placed.append(placeInstruction(instruction, place, undefined, placeBody));
  });
  return placed;
}

/**
 * Parts of two circuits that share nothing: no gate of either joins them, nor does a qubit change from one to another. Circuits with
 * classical control are one part.
 */
export function splitParts(pair: AlignedCircuits): readonly AlignedCircuits[] {
  const { original, compiled, wireCount, qubitCount, endWires } = pair;
  const everything = [...original.instructions, ...compiled.instructions];
  const isClassical = (instruction: Instruction) =>
    isControlFlow(instruction) || ['assign', 'break', 'continue'].includes(instruction.kind);
  if (everything.some(isClassical)) return [pair];
  const groups = new DisjointSets(wireCount);
  const writers = new Map<number, number>();
  for (const instruction of everything) {
    const { qubits } = instruction;
    for (const qubit of qubits) groups.join(qubits[0]!, qubit);
    if (instruction.kind !== 'measure') continue;
    groups.join(qubits[0]!, writers.get(instruction.clbit) ?? qubits[0]!);
    writers.set(instruction.clbit, qubits[0]!);
  }
  endWires.forEach((end, wire) => {
    groups.join(wire, end);
  });
  return groups.list().map((wires) => {
    const numbers = new Map(wires.map((wire, index) => [wire, index]));
    const cut = (circuit: Circuit) => {
      const part = new Circuit(wires.length, circuit.clbitCount);
      circuit.forEach((instruction) => {
        if (instruction.qubits.length > 0 && !numbers.has(instruction.qubits[0]!)) return;
        part.append(placeInstruction(instruction, (wire) => numbers.get(wire)!));
      });
      return part;
    };
    return {
      qubitCount: wires.filter((wire) => wire < qubitCount).length,
      wireCount: wires.length,
      original: cut(original),
      compiled: cut(compiled),
      endWires: wires.map((wire) => numbers.get(endWires[wire]!)!),
    };
  });
}

/** Numbers in groups that grow together. */
export class DisjointSets {
  readonly #parents: Int32Array;

  constructor(count: number) {
    this.#parents = Int32Array.from({ length: count }, (_, index) => index);
  }

  find(member: number): number {
    let root = member;
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root]!]!;
      root = this.#parents[root]!;
    }
    return root;
  }

  join(a: number, b: number): void {
    const [first, second] = [this.find(a), this.find(b)];
    // The smallest number stays the root, so that groups come out in order.
    if (first !== second) this.#parents[Math.max(first, second)] = Math.min(first, second);
  }

  /** Members of each group, ascending. */
  list(): number[][] {
    const groups = new Map<number, number[]>();
    for (let member = 0; member < this.#parents.length; member++) {
      const root = this.find(member);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [member]);
      else group.push(member);
    }
    return [...groups.values()];
  }
}
