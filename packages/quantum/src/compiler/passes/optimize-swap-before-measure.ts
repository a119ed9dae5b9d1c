import type { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { exchangePlaces, placeEverywhere } from './elide-permutations.ts';
import { circuitOf } from './rewrite-circuit.ts';

/**
 * Drops swaps after which both qubits are only measured or not used again, one of them measured, and measures the other qubit
 * instead. Keeps what is measured; where unmeasured qubits end is told by `finalLayout` on physical qubits, and by nothing before a
 * layout is chosen. (OptimizeSwapBeforeMeasure.)
 */
export function optimizeSwapBeforeMeasure(): Pass {
  return {
    name: 'optimize swap before measure',
    preserves: 'measured distribution from |0>',
    run(state) {
      const { circuit, finalLayout } = state;
      const dropped = swapsBeforeMeasure(circuit);
      if (dropped.size === 0) return state;
      const places = Array.from({ length: circuit.qubitCount }, (_, qubit) => qubit);
      const kept: Instruction[] = [];
      circuit.forEach((instruction, index) => {
        if (dropped.has(index)) exchangePlaces(places, instruction.qubits as [number, number]);
        else kept.push(placeEverywhere(instruction, (qubit) => places[qubit]!));
      });
      return {
        ...state,
        circuit: circuitOf(circuit, kept),
        finalLayout: finalLayout?.map((place) => places[place]!) ?? null,
      };
    },
  };
}

/** The places of the swaps that can be dropped. */
function swapsBeforeMeasure(circuit: Circuit): ReadonlySet<number> {
  const [used, measured, dropped] = [new Set<number>(), new Set<number>(), new Set<number>()];
  for (let index = circuit.instructionCount - 1; index >= 0; index--) {
    const instruction = circuit.instructions[index]!;
    const { kind, qubits } = instruction;
    const isLast = qubits.every((qubit) => !used.has(qubit));
    if (
      kind === 'gate' &&
      instruction.name === 'swap' &&
      isLast &&
      qubits.some((qubit) => measured.has(qubit))
    ) {
      dropped.add(index);
      for (const qubit of qubits) measured.add(qubit);
    } else if (kind === 'measure' && isLast) measured.add(qubits[0]!);
    else if (kind !== 'barrier' && kind !== 'delay') for (const qubit of qubits) used.add(qubit);
  }
  return dropped;
}
