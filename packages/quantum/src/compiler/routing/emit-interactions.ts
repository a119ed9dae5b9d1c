import { UnsupportedError } from '@qedge/core';
import { type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import { Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import { placeOnWires } from '../interaction/place-on-wires.ts';

/** `[2, 2, 2]` the identity. */
const IDENTITY = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0);
const NOTHING = new Float64Array(0);

/**
 * Makes an instruction of control flow, its qubits numbered as wires, fit the coupling map.
 *
 * @param places `[qubitCount]` where each wire is when the instruction begins, and has to be when it ends; borrowed.
 * @returns the instruction on physical qubits.
 */
export type RouteBody = (instruction: Instruction, places: Int32Array) => Instruction;

/** A circuit on physical qubits. */
export interface RoutedInteractions {
  /** Wires are physical qubits; two-wire steps are between neighbours. */
  readonly interactions: InteractionCircuit;
  /** `[qubits]` the physical qubit of each qubit at the start. */
  readonly initialLayout: readonly number[];
  /** The same at the end. */
  readonly finalLayout: readonly number[];
  readonly swapsAdded: number;
}

/**
 * Writes a routed circuit on physical wires, swaps as blocks of cost 3.
 *
 * @param placeCount physical qubits.
 * @param layout `[placeCount]` the place of each wire at the start.
 * @param record as `SwapRouter.record`.
 * @throws UnsupportedError for control flow where no way to route bodies is given.
 */
export function emitInteractions(
  circuit: InteractionCircuit,
  placeCount: number,
  layout: Int32Array,
  record: Int32Array,
  routeBody?: RouteBody,
): RoutedInteractions {
  const places = layout.slice();
  const wireAt = new Int32Array(placeCount);
  places.forEach((place, wire) => {
    wireAt[place] = wire;
  });
  const interactions: Interaction[] = [];
  let swapsAdded = 0;
  for (const step of record) {
    if (step >= 0) {
      interactions.push(placeInteraction(circuit.interactions[step]!, places, routeBody));
      continue;
    }
    const [a, b] = [Math.floor((-1 - step) / placeCount), (-1 - step) % placeCount];
    interactions.push(swapBlock(a, b));
    swapsAdded++;
    [wireAt[a], wireAt[b]] = [wireAt[b]!, wireAt[a]!];
    places[wireAt[a]!] = a;
    places[wireAt[b]!] = b;
  }
  const frames: Float64Array[] = new Array(placeCount).fill(IDENTITY);
  circuit.frames.forEach((frame, wire) => {
    frames[places[wire]!] = frame;
  });
  return {
    interactions: {
      wireCount: placeCount,
      interactions,
      frames,
      wireOfQubit: Int32Array.from({ length: placeCount }, (_, place) => place),
      classical: circuit.classical,
    },
    initialLayout: Array.from(layout.subarray(0, circuit.wireCount)),
    finalLayout: Array.from(circuit.wireOfQubit, (wire) => places[wire]!),
    swapsAdded,
  };
}

function swapBlock(a: number, b: number): Interaction {
  return new Interaction(InteractionKind.block, [a, b], NOTHING, 0, SWAP, 3, null, []);
}

/** `[4, 4, 2]`. */
const SWAP = new Float64Array(32);
for (const [row, column] of [
  [0, 0],
  [1, 2],
  [2, 1],
  [3, 3],
] as const)
  SWAP[2 * (4 * row + column)] = 1;

function placeInteraction(
  { kind, wires, axes, angle, matrix, cost, instruction, framesBefore }: Interaction,
  places: Int32Array,
  routeBody: RouteBody | undefined,
): Interaction {
  const placed = wires.map((wire) => places[wire]!);
  const placedInstruction = instruction && placeFence(instruction, places, routeBody);
  return new Interaction(kind, placed, axes, angle, matrix, cost, placedInstruction, framesBefore);
}

function placeFence(
  instruction: Instruction,
  places: Int32Array,
  routeBody: RouteBody | undefined,
): Instruction {
  if (!isControlFlow(instruction)) return placeOnWires(instruction, places);
  if (routeBody) return routeBody(instruction, places);
  throw new UnsupportedError('Control flow cannot be routed without a way to route its bodies', {
    expected: 'a function that routes them',
    actual: `"${instruction.kind}"`,
  });
}
