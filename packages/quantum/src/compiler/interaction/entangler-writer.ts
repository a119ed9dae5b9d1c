import { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import type { Work } from '../in-turns.ts';
import { synthesizeRotation } from '../translation/euler-synthesis.ts';
import { followedBy, NO_ROTATION, type Rotation, rotationAbout } from '../translation/rotation.ts';
import { chooseFrames } from './choose-frames.ts';
import { type Direction, rejection, rotateDirection, turnedBy } from './direction.ts';
import type { GateEvent, Slot } from './entangler-sequence.ts';
import { placeOnWires } from './place-on-wires.ts';
import type { GateSide } from './slot-frames.ts';
import type { WireHistory } from './straighten-frames.ts';
import type { Entangler } from './two-qubit-class.ts';
import { WireFrames } from './wire-frames.ts';

const BACK_X = rotationAbout('x', -Math.PI / 2);
const BACK_Z = rotationAbout('z', -Math.PI / 2);
const HALF_X = rotationAbout('x', Math.PI);
const HALF_Z = rotationAbout('z', Math.PI);

/** cx is a core about Z and X with quarter turns about them, cz one about Z and Z; ecr is `x(0) cx sx(1) s(0)`. */
const SIDES: Readonly<Record<Entangler, readonly [GateSide, GateSide]>> = {
  cx: [
    { axis: 'z', before: null, after: BACK_Z, turnsBack: false },
    { axis: 'x', before: null, after: BACK_X, turnsBack: false },
  ],
  cz: both({ axis: 'z', before: null, after: BACK_Z, turnsBack: false }),
  ecr: [
    { axis: 'z', before: BACK_Z, after: followedBy(HALF_X, BACK_Z), turnsBack: true },
    { axis: 'x', before: BACK_X, after: BACK_X, turnsBack: false },
  ],
  // iswap is swap . cz . (s (x) s); the swap is a change of names.
  iswap: both({ axis: 'z', before: HALF_Z, after: null, turnsBack: false }),
  rzz: both({ axis: 'z', before: null, after: null, turnsBack: false }),
};

const X: Direction = [1, 0, 0];
const Z: Direction = [0, 0, 1];
/** How many slots back an axis is looked for that is not along another one. */
const FARTHEST_BACK = 8;

/**
 * Writes a circuit of one entangler, `u` gates and, where angles are free, `rz`. What is done to it is kept until the end, which
 * then chooses the one-qubit gates.
 */
export class EntanglerWriter {
  readonly #circuit: Circuit;
  readonly #entangler: Entangler;
  readonly #events: GateEvent[] = [];
  /** What waits on each place since its last slot. */
  readonly #frames: WireFrames;
  readonly #slots: Slot[] = [];
  /** The last slot of each place; -1 before the first. */
  readonly #lastSlots: Int32Array;
  /** Where each wire is: iswap gates exchange places, an even number of times in each step. */
  readonly #placeOf: Int32Array;

  constructor(wireCount: number, entangler: Entangler, classical: Circuit) {
    this.#circuit = emptyCircuit(wireCount, classical);
    this.#entangler = entangler;
    this.#frames = new WireFrames(wireCount);
    this.#lastSlots = new Int32Array(wireCount).fill(-1);
    this.#placeOf = Int32Array.from({ length: wireCount }, (_, wire) => wire);
  }

  rotate(wire: number, gate: Rotation): void {
    this.#frames.rotate(this.#placeOf[wire]!, gate);
  }

  /** `exp(i angle n.sigma)`. */
  turn(wire: number, axis: Direction, angle: ParameterValue): void {
    if (typeof angle !== 'number') {
      this.#record('turn', [wire], [axis], scaleAngle(angle, -2));
      return;
    }
    const s = -Math.sin(angle);
    this.rotate(wire, { w: Math.cos(angle), x: s * axis[0], y: s * axis[1], z: s * axis[2] });
  }

  /** `exp(i sign pi/4 n.sigma (x) m.sigma)` by one entangler other than rzz. */
  entangle(a: number, b: number, n: Direction, m: Direction, sign: 1 | -1 = 1): void {
    this.#record('entangler', [a, b], [[sign * n[0], sign * n[1], sign * n[2]], m], null);
    if (this.#entangler !== 'iswap') return;
    const [first, second] = [this.#placeOf[a]!, this.#placeOf[b]!];
    const slots = this.#lastSlots;
    [slots[first], slots[second]] = [slots[second]!, slots[first]!];
    this.exchange(a, b);
  }

  /** `exp(i angle n.sigma (x) m.sigma)` as one rzz. */
  ising(a: number, b: number, n: Direction, m: Direction, angle: ParameterValue): void {
    this.#record('entangler', [a, b], [n, m], scaleAngle(angle, -2));
  }

  /** Exchanges the places of two wires, with what waits there: an iswap has done so, or another one is still to come. */
  exchange(a: number, b: number): void {
    [this.#placeOf[a], this.#placeOf[b]] = [this.#placeOf[b]!, this.#placeOf[a]!];
  }

  /** What acted on a wire. */
  historyOf(wire: number): WireHistory {
    const place = this.#placeOf[wire]!;
    const last = this.#lastSlots[place]!;
    const waiting = this.#frames.rotationOf(place);
    return {
      lastDirection: (gate) => rotateDirection(followedBy(waiting, gate), this.#slots[last]?.direction ?? Z),
      perpendicular: (gate, axis) => {
        let rotation = followedBy(waiting, gate);
        let slot = this.#slots[last];
        let quarters = 0;
        for (let i = 0; i < FARTHEST_BACK && slot?.direction; i++) {
          const across = rejection(rotateDirection(rotation, slot.direction), axis);
          if (across !== null) return turnedBy(across, axis, -quarters);
          // An entangler leaves a quarter turn about its axis.
          if (slot.event.kind === 'entangler' && slot.event.angle === null) quarters++;
          rotation = followedBy(slot.rotation, rotation);
          slot = this.#slots[slot.previous];
        }
        const across = rejection(rotateDirection(rotation, X), axis);
        return turnedBy(across ?? rejection(rotateDirection(rotation, Z), axis)!, axis, -quarters);
      },
    };
  }

  /** A fence with the unitaries just before it. */
  fence(instruction: Instruction, wires: readonly number[]): void {
    this.#record('fence', wires, null, null, placeOnWires(instruction, this.#placeOf));
  }

  /** What was written. */
  *finish(): Work<Circuit> {
    this.#record('end', [...this.#placeOf.keys()], null, null);
    const gates = yield* chooseFrames(this.#events, SIDES[this.#entangler]);
    for (const event of this.#events) {
      for (const slot of event.slots) this.#append(slot.place, gates[slot.index]!);
      this.#write(event);
    }
    return this.#circuit;
  }

  #record(
    kind: GateEvent['kind'],
    wires: readonly number[],
    directions: readonly Direction[] | null,
    angle: ParameterValue | null,
    instruction: Instruction | null = null,
  ): void {
    const event: GateEvent = { kind, slots: [], angle, instruction, orientation: 0 };
    wires.forEach((wire, position) => {
      const place = this.#placeOf[wire]!;
      const previous = this.#lastSlots[place]!;
      const rotation = this.#frames.isIdentity(place) ? NO_ROTATION : this.#frames.rotationOf(place);
      const direction = directions?.[position] ?? null;
      const index = this.#slots.length;
      const slot: Slot = { index, place, previous, next: -1, event, position, rotation, direction };
      if (previous >= 0) this.#slots[previous]!.next = index;
      this.#lastSlots[place] = index;
      this.#slots.push(slot);
      this.#frames.reset(place);
      event.slots.push(slot);
    });
    this.#events.push(event);
  }

  #write({ kind, slots, angle, instruction, orientation }: GateEvent): void {
    const places = slots.map(({ place }) => place);
    if (kind === 'fence') this.#circuit.append(instruction!);
    else if (kind === 'turn') {
      this.#circuit.gate('rz', places, [(orientation & 2) !== 0 ? scaleAngle(angle!, -1) : angle!]);
    } else if (kind === 'entangler') {
      if ((orientation & 1) !== 0) places.reverse();
      this.#circuit.gate(this.#entangler, places, angle === null ? [] : [angle]);
    }
  }

  #append(place: number, rotation: Rotation): void {
    for (const step of synthesizeRotation(rotation, 'U')) {
      this.#circuit.gate(step.name, [place], step.parameters);
    }
  }
}

function both(side: GateSide): readonly [GateSide, GateSide] {
  return [side, side];
}

/** A circuit of so many qubits with the classical side of another one; its qubit names too where they still fit. */
function emptyCircuit(wireCount: number, classical: Circuit): Circuit {
  if (classical.qubitCount === wireCount) return classical.emptyCopy();
  const circuit = new Circuit(wireCount, classical.clbitCount);
  for (const { name, start, size, isLocal } of classical.classicalRegisters) {
    circuit.nameClbits(name, start, size, isLocal);
  }
  for (const variable of classical.variables) circuit.declare(variable);
  return circuit;
}
