import type { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import { type Place, placeInstruction } from '../../circuit/place-instruction.ts';
import type { Pass } from '../pass.ts';
import { circuitOf } from './rewrite-circuit.ts';

/** The property that {@link elidePermutations} writes. */
export const ELIDED_PERMUTATION_PROPERTY = 'elidedPermutation';

/**
 * Drops swaps and permutations and renames the qubits after them instead; swaps in bodies of control flow stay. The property
 * `elidedPermutation` (`[qubits]`) then says for each qubit of the circuit as written on which qubit of the new one its content is
 * at the end; what an earlier run wrote is composed. Up to that the unitary stays. Does nothing once a layout is chosen: swaps
 * between places of a machine are real. (ElidePermutations.)
 */
export function elidePermutations(): Pass {
  return {
    name: 'elide permutations',
    preserves: 'unitary',
    run(state) {
      const { circuit } = state;
      if (state.initialLayout !== null || !circuit.instructions.some(isPermutation)) return state;
      const places = Array.from({ length: circuit.qubitCount }, (_, qubit) => qubit);
      const kept: Instruction[] = [];
      circuit.forEach((instruction) => {
        if (!isPermutation(instruction)) kept.push(placeEverywhere(instruction, (qubit) => places[qubit]!));
        else if (instruction.kind === 'gate') exchangePlaces(places, instruction.qubits as [number, number]);
        else
          movePlaces(
            places,
            instruction.qubits,
            (instruction as { permutation: readonly number[] }).permutation,
          );
      });
      const earlier = state.properties.get(ELIDED_PERMUTATION_PROPERTY) as readonly number[] | undefined;
      return {
        ...state,
        circuit: circuitOf(circuit, kept),
        properties: new Map(state.properties).set(
          ELIDED_PERMUTATION_PROPERTY,
          earlier ? earlier.map((place) => places[place]!) : places,
        ),
      };
    },
  };
}

function isPermutation(instruction: Instruction): boolean {
  return instruction.kind === 'permutation' || (instruction.kind === 'gate' && instruction.name === 'swap');
}

/** What is called `a` from now on is where `b` was, and the other way round. */
export function exchangePlaces(places: number[], [a, b]: readonly [number, number]): void {
  [places[a], places[b]] = [places[b]!, places[a]!];
}

/** What `qubits[i]` holds is called `qubits[permutation[i]]` from now on. */
function movePlaces(places: number[], qubits: readonly number[], permutation: readonly number[]): void {
  const old = qubits.map((qubit) => places[qubit]!);
  permutation.forEach((to, from) => {
    places[qubits[to]!] = old[from]!;
  });
}

/** An instruction on other qubits, its bodies too. */
export function placeEverywhere(instruction: Instruction, place: Place): Instruction {
  const placeBody = (body: Circuit): Circuit =>
    circuitOf(
      body,
      body.instructions.map((inner) => placeEverywhere(inner, place)),
    );
  return placeInstruction(instruction, place, undefined, placeBody);
}
