import type { GateInstruction, UnitaryKind } from '../../circuit/instruction.ts';
import { invertInstruction } from '../../circuit/transform-instruction.ts';
import { type Generator, generatorOf, keepsBasis, type QubitBasis } from './generator.ts';

/** A place in a circuit at which all generators of some gates are diagonal, each qubit turned into a basis of its own. */
export interface Cut {
  readonly generators: readonly Generator[];
  /**
   * Gates that lead backward from the next cut (in its basis), or from the end of the circuit, to this one (in its basis).
   */
  readonly backward: readonly UnitaryKind[];
}

/** Gates between two cuts, and what is read off after them. */
interface Layer {
  readonly gates: UnitaryKind[];
  readonly generators: Generator[];
  readonly bases: Map<number, QubitBasis>;
}

/**
 * Cuts a circuit of elementary gates at as few places as a greedy choice finds, so that every gate's generator can be read off at one of
 * them: gates move to the earliest layer that their qubits allow, and stay in front of a cut as long as they commute with what is read
 * there. A layer of rotations about one axis on all qubits, or of ZZ on any pairs, is one cut.
 *
 * @param isFree true for the gates whose generators are wanted.
 * @returns the cuts from the last one to the first.
 */
export function cutGates(
  gates: readonly UnitaryKind[],
  qubitCount: number,
  isFree: (generator: Generator) => boolean,
): Cut[] {
  const layers: Layer[] = [];
  const earliest = new Int32Array(qubitCount);
  for (const gate of gates) {
    const generator = generatorOf(gate);
    const wanted = generator !== null && isFree(generator) ? generator : null;
    let layer = gate.qubits.reduce((latest, qubit) => Math.max(latest, earliest[qubit]!), 0);
    while (layers[layer] !== undefined && !fits(layers[layer]!, gate, wanted)) layer++;
    layers[layer] ??= { gates: [], generators: [], bases: new Map() };
    const { gates: own, generators, bases } = layers[layer]!;
    own.push(gate);
    for (const qubit of gate.qubits) earliest[qubit] = layer;
    if (wanted === null) continue;
    generators.push(wanted);
    for (const qubit of wanted.qubits) bases.set(qubit, wanted.basis);
  }
  return backwardCuts(layers);
}

/** True when a gate may be appended in front of a layer's cut. */
function fits({ bases }: Layer, gate: UnitaryKind, generator: Generator | null): boolean {
  return gate.qubits.every((qubit) => {
    const basis = bases.get(qubit);
    if (basis === undefined) return true;
    return generator !== null ? generator.basis === basis : keepsBasis(gate, qubit, basis);
  });
}

function backwardCuts(layers: readonly Layer[]): Cut[] {
  const cuts: Cut[] = [];
  let backward: UnitaryKind[] = [];
  for (const { gates, generators, bases } of layers.toReversed()) {
    if (generators.length > 0) {
      backward.push(...basisGates(bases, false));
      cuts.push({ generators, backward });
      backward = basisGates(bases, true);
    }
    for (const gate of gates.toReversed()) backward.push(...invertInstruction(gate));
  }
  return cuts;
}

/** Turns the letter of each qubit into Z, or back: H X H = Z and sx Y sxdg = Z. */
function basisGates(bases: ReadonlyMap<number, QubitBasis>, isInverse: boolean): UnitaryKind[] {
  const gates: GateInstruction[] = [];
  for (const [qubit, basis] of bases) {
    if (basis === 'Z') continue;
    const name = basis === 'X' ? 'h' : isInverse ? 'sxdg' : 'sx';
    gates.push({ kind: 'gate', name, qubits: [qubit], parameters: [] });
  }
  return gates;
}
