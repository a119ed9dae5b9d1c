/** @file Whether compiled circuits in interaction form, or gates made from them, still do what a circuit does. */
import { Random } from '@qedge/core';
import type { Circuit } from '@qedge/quantum';
import type { InteractionCircuit } from '../../src/compiler/interaction/interaction.ts';
import {
  type Entangler,
  synthesizeInteractions,
} from '../../src/compiler/interaction/synthesize-interactions.ts';
import { denseState } from '../../src/testing/dense-state.ts';
import { overlap, randomState } from './interaction-state.ts';

/** A circuit of gates with each qubit brought back from the wire on which it ended. */
export function onQubits(circuit: Circuit, wireOfQubit: ArrayLike<number>): Circuit {
  const goal = new Array<number>(circuit.qubitCount);
  for (let qubit = 0; qubit < wireOfQubit.length; qubit++) goal[wireOfQubit[qubit]!] = qubit;
  return circuit.clone().permute(goal, [...goal.keys()]);
}

/** One minus the overlap of what a circuit and its synthesised form make of a random state. */
export function synthesisError(
  circuit: Circuit,
  interactions: InteractionCircuit,
  entangler: Entangler,
  seed = 1,
): number {
  const gates = onQubits(synthesizeInteractions(interactions, { entangler }), interactions.wireOfQubit);
  const random = new Random(seed);
  const values = Object.fromEntries(circuit.parameterNames.map((name) => [name, random.normal() * 3]));
  const left = Object.fromEntries(gates.parameterNames.map((name) => [name, values[name]!]));
  const state = randomState(circuit.qubitCount, seed);
  return 1 - overlap(denseState(circuit.bind(values), state), denseState(gates.bind(left), state));
}
