import { Circuit } from '../../circuit/circuit.ts';
import { adoptVariables } from '../../circuit/circuit-transform.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import { placeInstruction } from '../../circuit/place-instruction.ts';

/** Puts a body of control flow on physical qubits, from a layout and back to it. */
export type PlaceBody = (body: Circuit, places: Int32Array) => Circuit;

/** Writes a circuit on physical qubits step by step, and knows where each wire is. */
export class CircuitPlacer {
  readonly circuit: Circuit;
  /** `[qubitCount]` the place of each wire, spare ones included. */
  readonly places: Int32Array;
  /** How many swaps were inserted, those in bodies not counted. */
  swaps = 0;
  readonly #wireAt: Int32Array;
  readonly #placeBody: PlaceBody;

  /** @param layout `[qubitCount]` the place of each wire at the start; copied. */
  constructor(source: Circuit, layout: Int32Array, placeBody: PlaceBody) {
    this.circuit = new Circuit(layout.length, source.clbitCount);
    for (const { name, start, size, isLocal } of source.classicalRegisters)
      this.circuit.nameClbits(name, start, size, isLocal);
    adoptVariables(this.circuit, source);
    this.places = layout.slice();
    this.#wireAt = new Int32Array(layout.length);
    layout.forEach((place, wire) => {
      this.#wireAt[place] = wire;
    });
    this.#placeBody = placeBody;
  }

  append(instruction: Instruction): void {
    const placed = placeInstruction(
      instruction,
      (qubit) => this.places[qubit]!,
      undefined,
      (body) => this.#placeBody(body, this.places),
    );
    this.circuit.append(placed);
  }

  swap(a: number, b: number): void {
    const [first, second] = [this.#wireAt[a]!, this.#wireAt[b]!];
    [this.#wireAt[a], this.#wireAt[b]] = [second, first];
    [this.places[first], this.places[second]] = [b, a];
    this.circuit.swap(a, b);
    this.swaps++;
  }

  /** Does what a router's record says. */
  follow(instructions: readonly Instruction[], record: Int32Array): void {
    const n = this.places.length;
    for (const step of record) {
      if (step >= 0) this.append(instructions[step]!);
      else this.swap(Math.floor((-1 - step) / n), (-1 - step) % n);
    }
  }
}
