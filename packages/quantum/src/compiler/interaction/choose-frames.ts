import {
  followedBy,
  inverseRotation,
  NO_ROTATION,
  type Rotation,
  rotationAbout,
  wrapAngle,
} from '../translation/rotation.ts';
import { type Direction, rotationBetween } from './direction.ts';
import type { GateEvent, Slot } from './entangler-sequence.ts';
import {
  type GateAxis,
  rotationCost,
  turnsOffBeforeX,
  turnsOffBetweenX,
  turnsOffStart,
  turnsOntoEnd,
} from './free-turns.ts';

/** What a gate does along an axis of one of its qubits: it is `exp(i pi/4 axis (x) axis)` between `before` and `after`. */
export interface GateSide {
  readonly axis: GateAxis;
  readonly before: Rotation | null;
  readonly after: Rotation | null;
  /** Whether a turn about the axis comes out the other way round. */
  readonly turnsBack: boolean;
}

/** A turn about the axis of a slot, on top of the shortest rotation of its direction to the axis, with the best that leads to it. */
interface Candidate {
  readonly angle: number;
  readonly cost: number;
  /** The gates before the slot. */
  readonly gates: Rotation;
  /** What is still to be done after it. */
  readonly carry: Rotation;
  readonly previous: Candidate | null;
}

const DIRECTIONS: Readonly<Record<GateAxis, readonly [Direction, Direction]>> = {
  x: [
    [1, 0, 0],
    [-1, 0, 0],
  ],
  z: [
    [0, 0, 1],
    [0, 0, -1],
  ],
};
const MOST_CANDIDATES = 6;
/** A turn that costs so much more than another one never pays. */
const WORTHLESS = 3.2;
const SAME_ANGLE = 1e-8;
/** How many slots further a change of an orientation is followed. */
const LOOK_AHEAD = 2;
const MOST_SWEEPS = 3;
/** How many slots along one axis wishes for a turn pass. */
const WISH_DISTANCE = 4;
const TURN_SIDE: GateSide = { axis: 'z', before: null, after: null, turnsBack: false };

/**
 * Chooses how entanglers are written, so that few one-qubit gates are needed: which of its qubits is which position of a gate, the
 * signs of the directions, and the turns about them, which may be done before or after. Search along each qubit for the turns, one
 * entangler after the other for the rest, as long as it gets better. Sets the orientation of the events.
 *
 * @returns for each slot the one-qubit rotation before it.
 */
export function chooseFrames(
  events: readonly GateEvent[],
  sides: readonly [GateSide, GateSide],
): ReadonlyMap<Slot, Rotation> {
  return new FrameChoice(events, sides).gates();
}

class FrameChoice {
  readonly #events: readonly GateEvent[];
  readonly #sides: readonly [GateSide, GateSide];
  readonly #candidates = new Map<Slot, readonly Candidate[]>();

  constructor(events: readonly GateEvent[], sides: readonly [GateSide, GateSide]) {
    this.#events = events;
    this.#sides = sides;
    for (const event of events) this.#settle(event, 0);
    for (let sweep = 1; sweep <= MOST_SWEEPS; sweep++) {
      let changed = 0;
      for (const event of events) if (this.#settle(event, LOOK_AHEAD)) changed++;
      if (changed === 0) return;
    }
  }

  /** Chooses the orientation of an event, with what comes before it settled. @returns whether it is another one. */
  #settle(event: GateEvent, distance: number): boolean {
    const before = event.orientation;
    let best = before;
    const options = this.#orientationsOf(event);
    if (options.length > 1) {
      let least = this.#score(event, before, distance);
      for (const orientation of options) {
        if (orientation === before) continue;
        const score = this.#score(event, orientation, distance);
        if (score < least - 1e-9) [least, best] = [score, orientation];
      }
    }
    event.orientation = best;
    for (const slot of event.slots) {
      this.#candidates.set(slot, this.#extend(slot, best, this.#before(slot), distance > 0));
    }
    return best !== before;
  }

  #orientationsOf({ kind }: GateEvent): readonly number[] {
    if (kind === 'turn') return [0, 2];
    if (kind !== 'entangler') return [0];
    return this.#sides[0].axis === this.#sides[1].axis ? [0, 2] : [0, 1, 2, 3];
  }

  #score(event: GateEvent, orientation: number, distance: number): number {
    let sum = 0;
    for (const slot of event.slots) {
      let candidates = this.#extend(slot, orientation, this.#before(slot), distance > 0);
      let next = slot.next;
      for (let i = 0; i < distance && next !== null && next.event !== event; i++, next = next.next) {
        candidates = this.#extend(next, next.event.orientation, candidates, true);
      }
      sum += candidates[0]!.cost;
    }
    return sum;
  }

  #before({ previous }: Slot): readonly (Candidate | null)[] {
    return previous === null ? [null] : this.#candidates.get(previous)!;
  }

  /** The cheapest turns at a slot, the best one first. */
  #extend(
    slot: Slot,
    orientation: number,
    before: readonly (Candidate | null)[],
    known: boolean,
  ): readonly Candidate[] {
    const side = this.#sideOf(slot, orientation);
    const found: Candidate[] = [];
    if (side === null) {
      for (const previous of before) {
        const gates = previous === null ? slot.rotation : followedBy(previous.carry, slot.rotation);
        const cost = (previous?.cost ?? 0) + rotationCost(gates);
        if (found.length === 0 || cost < found[0]!.cost) {
          found[0] = { angle: 0, cost, gates, carry: NO_ROTATION, previous };
        }
      }
      return found;
    }
    const toAxis = toAxisOf(slot, side, orientation);
    const base = side.before ? followedBy(toAxis, side.before) : toAxis;
    const arrival = followedBy(slot.rotation, base);
    const wishes = this.#wishes(slot, side, toAxis, known ? WISH_DISTANCE : 0);
    for (const previous of before) {
      const whole = previous === null ? arrival : followedBy(previous.carry, arrival);
      for (const angle of turnsOntoEnd(whole, side.axis)) consider(found, angle, whole, previous, side);
      for (const angle of wishes) consider(found, angle, whole, previous, side);
    }
    found.sort((a, b) => a.cost - b.cost);
    let count = Math.min(found.length, MOST_CANDIDATES);
    while (found[count - 1]!.cost > found[0]!.cost + WORTHLESS) count--;
    const back = inverseRotation(toAxis);
    return found.slice(0, count).map((candidate) => ({
      ...candidate,
      carry: followedBy(
        followedBy(side.after ?? NO_ROTATION, rotationAbout(side.axis, -candidate.angle)),
        back,
      ),
    }));
  }

  /** Turns at a slot that make what comes after it cheap. */
  #wishes(slot: Slot, side: GateSide, toAxis: Rotation, distance: number): number[] {
    const { next } = slot;
    if (next === null) return [];
    const departure = followedBy(side.after ?? NO_ROTATION, inverseRotation(toAxis));
    const sign = side.turnsBack ? -1 : 1;
    const wishes: number[] = [];
    for (const orientation of distance > 0 ? [next.event.orientation] : this.#orientationsOf(next.event)) {
      const nextSide = this.#sideOf(next, orientation);
      const between = followedBy(departure, next.rotation);
      if (nextSide === null) {
        wishes.push(...turnsOffStart(between, side.axis));
        continue;
      }
      const nextToAxis = toAxisOf(next, nextSide, orientation);
      const q = followedBy(between, nextSide.before ? followedBy(nextToAxis, nextSide.before) : nextToAxis);
      if (nextSide.axis === side.axis && isAbout(q, side.axis)) {
        if (distance <= 1) continue;
        const angle = 2 * Math.atan2(q[side.axis], q.w);
        for (const wish of this.#wishes(next, nextSide, nextToAxis, distance - 1)) wishes.push(wish + angle);
      } else if (nextSide.axis === 'z') wishes.push(...turnsOffStart(q, side.axis));
      else wishes.push(...(side.axis === 'z' ? turnsOffBeforeX(q) : turnsOffBetweenX(q)));
    }
    return sign > 0 ? wishes : wishes.map((angle) => -angle);
  }

  #sideOf({ event, position }: Slot, orientation: number): GateSide | null {
    if (event.kind === 'entangler') return this.#sides[position ^ (orientation & 1)]!;
    return event.kind === 'turn' ? TURN_SIDE : null;
  }

  gates(): ReadonlyMap<Slot, Rotation> {
    const gates = new Map<Slot, Rotation>();
    for (const event of this.#events) {
      if (event.kind !== 'fence' && event.kind !== 'end') continue;
      for (const last of event.slots) {
        let slot: Slot | null = last;
        let candidate: Candidate | null = this.#candidates.get(last)![0]!;
        while (slot !== null && candidate !== null && !gates.has(slot)) {
          gates.set(slot, candidate.gates);
          slot = slot.previous;
          candidate = candidate.previous;
        }
      }
    }
    return gates;
  }
}

function toAxisOf({ direction }: Slot, { axis }: GateSide, orientation: number): Rotation {
  return rotationBetween(direction!, DIRECTIONS[axis][orientation >> 1]!);
}

function isAbout(q: Rotation, axis: GateAxis): boolean {
  return Math.abs(q.y) < SAME_ANGLE && Math.abs(axis === 'x' ? q.z : q.x) < SAME_ANGLE;
}

/** Adds a turn to the list, unless it is there and as cheap. */
function consider(
  found: Candidate[],
  angle: number,
  whole: Rotation,
  previous: Candidate | null,
  { axis }: GateSide,
): void {
  const gates = followedBy(whole, rotationAbout(axis, angle));
  const cost = (previous?.cost ?? 0) + rotationCost(gates);
  const place = found.findIndex((other) => Math.abs(wrapAngle(other.angle - angle)) < SAME_ANGLE);
  if (place < 0) found.push({ angle, cost, gates, carry: NO_ROTATION, previous });
  else if (cost < found[place]!.cost - 1e-9) {
    found[place] = { angle, cost, gates, carry: NO_ROTATION, previous };
  }
}
