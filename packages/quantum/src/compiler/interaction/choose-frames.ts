import type { Work } from '../in-turns.ts';
import type { Rotation } from '../translation/rotation.ts';
import type { GateEvent, Slot } from './entangler-sequence.ts';
import { rotationCost, TurnList, turnsOffBeforeX, turnsOffStart, turnsOntoEnd } from './free-turns.ts';
import { type GateSide, SlotFrames } from './slot-frames.ts';

/** How many turns are kept at each slot, and how many are looked at. */
const MOST_KEPT = 5;
const MOST_FOUND = 64;
/** A turn that costs so much more than another one never pays. */
const WORTHLESS = 3.2;
const SAME = 1e-8;
/** How many slots further a change of an orientation is followed. */
const LOOK_AHEAD = 1;
const MOST_SWEEPS = 4;
/** How many slots along one axis wishes for a turn pass. */
const WISH_DISTANCE = 4;
/**
 * A turn at a slot, on top of the shortest rotation of its direction to the axis, with the best way to it: the cost, cosine and sine
 * of half the angle, the rotation that is then still to be done after the slot, and which turn at the slot before it needs.
 */
const STRIDE = 8;

/**
 * Chooses how entanglers are written, so that few one-qubit gates are needed: which of its qubits is which position of a gate, the
 * signs of the directions, and the turns about them, which may be done before or after. Dynamic programming along each qubit for
 * the turns, one entangler after the other for the rest, as long as it gets better. Sets the orientation of the events.
 *
 * @returns for each slot the one-qubit rotation before it.
 */
export function* chooseFrames(
  events: readonly GateEvent[],
  sides: readonly [GateSide, GateSide],
): Work<readonly Rotation[]> {
  const choice = new FrameChoice(events, sides);
  yield* choice.improve();
  return choice.gates();
}

/** How often the choice pauses, in events. */
const EVENTS_BETWEEN_PAUSES = 32;

class FrameChoice {
  readonly #events: readonly GateEvent[];
  readonly #frames: SlotFrames;
  readonly #slots: readonly Slot[];
  /** `[slots, MOST_KEPT, STRIDE]`, the best first. */
  readonly #kept: Float64Array;
  readonly #counts: Uint8Array;
  /** For each slot 1 where something near it has changed since its event was looked at. */
  readonly #isStale: Uint8Array;
  readonly #ahead = [new Float64Array(MOST_KEPT * STRIDE), new Float64Array(MOST_KEPT * STRIDE)] as const;
  /** `[found, 4]`: cost, cosine, sine, which turn before. */
  readonly #found = new Float64Array(4 * MOST_FOUND);
  #foundCount = 0;
  readonly #wishes = new TurnList();
  readonly #turns = new TurnList();
  readonly #q = new Float64Array(4);

  constructor(events: readonly GateEvent[], sides: readonly [GateSide, GateSide]) {
    this.#events = events;
    this.#slots = events.flatMap(({ slots }) => slots);
    this.#frames = new SlotFrames(this.#slots, sides);
    this.#kept = new Float64Array(this.#slots.length * MOST_KEPT * STRIDE);
    this.#counts = new Uint8Array(this.#slots.length);
    this.#isStale = new Uint8Array(this.#slots.length).fill(1);
  }

  /** Goes over all events as long as it gets better. Told to settle, it leaves the orientation of those to come as it is. */
  *improve(): Work<void> {
    let settles = false;
    for (let sweep = 0; sweep < MOST_SWEEPS && !settles; sweep++) {
      let changed = false;
      for (const [i, event] of this.#events.entries()) {
        if (!settles && i % EVENTS_BETWEEN_PAUSES === 0) settles = yield;
        if (!settles && event.slots.some(({ index }) => this.#isStale[index] === 1)) {
          changed = this.#reorient(event) || changed;
        }
        for (const { index } of event.slots) this.#keep(index, event.orientation);
      }
      if (!changed) return;
    }
  }

  /** Tries other ways to write an event, with what comes before it settled. @returns whether one is better. */
  #reorient(event: GateEvent): boolean {
    for (const { index } of event.slots) this.#isStale[index] = 0;
    const neighbours = this.#frames.neighboursOf(event);
    if (neighbours.length === 0) return false;
    const before = event.orientation;
    // What it takes up to here, whatever comes.
    const second = event.slots[1];
    const bounds = [this.#leastBefore(event.slots[0]!), second ? this.#leastBefore(second) : 0] as const;
    let least = this.#score(event, before, bounds, Number.POSITIVE_INFINITY);
    for (const bit of neighbours) {
      if (least < bounds[0] + bounds[1] + SAME) break;
      const score = this.#score(event, before ^ bit, bounds, least);
      if (score < least - SAME) {
        least = score;
        event.orientation = before ^ bit;
      }
    }
    if (event.orientation === before) return false;
    for (const { index } of event.slots) this.#markNear(index);
    return true;
  }

  #markNear(index: number): void {
    let [earlier, later] = [index, index];
    for (let i = 0; i <= LOOK_AHEAD; i++) {
      this.#isStale[earlier] = 1;
      this.#isStale[later] = 1;
      earlier = Math.max(this.#slots[earlier]!.previous, 0);
      later = Math.max(this.#slots[later]!.next, later);
    }
  }

  #leastBefore({ previous }: Slot): number {
    return previous < 0 ? 0 : this.#kept[previous * MOST_KEPT * STRIDE]!;
  }

  /** What an orientation takes a few slots on, or something over the limit. */
  #score(event: GateEvent, orientation: number, bounds: readonly [number, number], limit: number): number {
    let sum = bounds[0] + bounds[1];
    for (const { index, position } of event.slots) {
      if (sum > limit) return sum;
      const { previous } = this.#slots[index]!;
      let from = this.#kept;
      let at = previous * MOST_KEPT * STRIDE;
      let count = previous < 0 ? 0 : this.#counts[previous]!;
      let slot = index;
      for (let i = 0; slot >= 0 && i <= LOOK_AHEAD; i++) {
        const next = this.#slots[slot]!;
        if (i > 0 && next.event === event) break;
        const to = this.#ahead[(i & 1) as 0 | 1];
        count = this.#extend(slot, i === 0 ? orientation : next.event.orientation, from, at, count, to, 0);
        [from, at] = [to, 0];
        slot = next.next;
      }
      sum += from[at]! - bounds[position as 0 | 1];
    }
    return sum;
  }

  #keep(index: number, orientation: number): void {
    const { previous } = this.#slots[index]!;
    const count = previous < 0 ? 0 : this.#counts[previous]!;
    const at = previous * MOST_KEPT * STRIDE;
    const to = index * MOST_KEPT * STRIDE;
    this.#counts[index] = this.#extend(index, orientation, this.#kept, at, count, this.#kept, to);
  }

  /** The cheapest turns at a slot after those at the one before, the best one first. @returns how many. */
  #extend(
    index: number,
    orientation: number,
    from: Float64Array,
    fromAt: number,
    fromCount: number,
    to: Float64Array,
    toAt: number,
  ): number {
    const side = this.#frames.sideOf(index, orientation);
    this.#foundCount = 0;
    this.#wishes.count = 0;
    if (side !== null) this.#gatherWishes(index, orientation, side);
    for (let i = 0; i < Math.max(1, fromCount); i++) {
      const at = fromAt + i * STRIDE;
      this.#carry(from, at, fromCount);
      this.#frames.arrive(index, orientation, side, this.#q);
      this.#consider(side, fromCount === 0 ? 0 : from[at]!, i);
    }
    return this.#selectBest(index, orientation, side, to, toAt);
  }

  /** What is still to be done after a slot, into `#q`. */
  #carry(from: Float64Array, at: number, count: number): void {
    const q = this.#q;
    q[0] = count === 0 ? 1 : from[at + 3]!;
    q[1] = count === 0 ? 0 : from[at + 4]!;
    q[2] = count === 0 ? 0 : from[at + 5]!;
    q[3] = count === 0 ? 0 : from[at + 6]!;
  }

  /** Turns that make the rotation `#q` before a slot cheap, or what comes after it. */
  #consider(side: GateSide | null, cost: number, previous: number): void {
    const w = this.#q[0]!;
    const x = this.#q[1]!;
    const y = this.#q[2]!;
    const z = this.#q[3]!;
    if (side === null) {
      this.#add(cost + rotationCost(w, x, y, z), 1, 0, previous);
      return;
    }
    const turns = this.#turns;
    turns.count = 0;
    turnsOntoEnd(side.axis, w, x, y, z, turns);
    const isX = side.axis === 'x';
    const own = turns.count;
    for (let i = 0; i < own + this.#wishes.count; i++) {
      const { values } = i < own ? turns : this.#wishes;
      const at = i < own ? 2 * i : 2 * (i - own);
      const c = values[at]!;
      const s = values[at + 1]!;
      const gates = isX
        ? rotationCost(c * w - s * x, c * x + s * w, c * y - s * z, c * z + s * y)
        : rotationCost(c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w);
      this.#add(cost + gates, c, s, previous);
    }
  }

  /** Adds a turn to what has been found, unless it is there and as cheap. */
  #add(cost: number, cosine: number, sine: number, previous: number): void {
    const found = this.#found;
    let place = 0;
    const end = 4 * this.#foundCount;
    for (; place < end; place += 4) {
      const across = found[place + 1]! * sine - found[place + 2]! * cosine;
      if (across < SAME && across > -SAME) break;
    }
    if (place < end ? cost >= found[place]! - SAME : this.#foundCount === MOST_FOUND) return;
    if (place === end) this.#foundCount++;
    found[place] = cost;
    found[place + 1] = cosine;
    found[place + 2] = sine;
    found[place + 3] = previous;
  }

  #selectBest(
    index: number,
    orientation: number,
    side: GateSide | null,
    to: Float64Array,
    toAt: number,
  ): number {
    const found = this.#found;
    let kept = 0;
    let limit = Number.POSITIVE_INFINITY;
    while (kept < MOST_KEPT && kept < this.#foundCount) {
      let best = 0;
      for (let i = 4; i < 4 * this.#foundCount; i += 4) if (found[i]! < found[best]! - SAME) best = i;
      const cost = found[best]!;
      if (cost > limit) break;
      if (kept === 0) limit = cost + WORTHLESS;
      const at = toAt + kept * STRIDE;
      to[at] = cost;
      to[at + 1] = found[best + 1]!;
      to[at + 2] = found[best + 2]!;
      const q = this.#q;
      if (side === null) {
        q[0] = 1;
        q[1] = 0;
        q[2] = 0;
        q[3] = 0;
      } else this.#frames.depart(index, orientation, side, found[best + 1]!, found[best + 2]!, q);
      to[at + 3] = q[0]!;
      to[at + 4] = q[1]!;
      to[at + 5] = q[2]!;
      to[at + 6] = q[3]!;
      to[at + 7] = found[best + 3]!;
      found[best] = Number.POSITIVE_INFINITY;
      kept++;
    }
    return kept;
  }

  /** Turns at a slot that make what comes after it cheap. Through slots along the same axis they pass as they are. */
  #gatherWishes(index: number, orientation: number, side: GateSide): void {
    const q = this.#q;
    const turns = this.#turns;
    const isX = side.axis === 'x';
    let [sign, cosine, sine] = [1, 1, 0];
    let slot = index;
    let [own, ownOrientation] = [side, orientation];
    for (let distance = 0; distance < WISH_DISTANCE; distance++) {
      const { next } = this.#slots[slot]!;
      if (next < 0) return;
      const nextOrientation = this.#slots[next]!.event.orientation;
      const nextSide = this.#frames.sideOf(next, nextOrientation);
      this.#frames.depart(slot, ownOrientation, own, 1, 0, q);
      this.#frames.arrive(next, nextOrientation, nextSide, q);
      if (own.turnsBack) sign = -sign;
      const w = q[0]!;
      const x = q[1]!;
      const y = q[2]!;
      const z = q[3]!;
      const off = isX ? z : x;
      if (nextSide?.axis === side.axis && y < SAME && y > -SAME && off < SAME && off > -SAME) {
        const s = sign * (isX ? x : z);
        [cosine, sine] = [cosine * w - sine * s, sine * w + cosine * s];
        [slot, own, ownOrientation] = [next, nextSide, nextOrientation];
        continue;
      }
      turns.count = 0;
      if (nextSide?.axis === 'x') turnsOffBeforeX(side.axis, w, x, y, z, turns);
      else turnsOffStart(side.axis, w, x, y, z, turns);
      for (let i = 0; i < turns.count; i++) {
        const c = turns.values[2 * i]!;
        const s = sign * turns.values[2 * i + 1]!;
        this.#wishes.add(cosine * c - sine * s, sine * c + cosine * s);
      }
      return;
    }
  }

  gates(): readonly Rotation[] {
    const gates: Rotation[] = new Array(this.#slots.length);
    const chosen = new Uint8Array(this.#slots.length);
    for (let index = this.#slots.length - 1; index >= 0; index--) {
      const { previous, event } = this.#slots[index]!;
      const at = (index * MOST_KEPT + chosen[index]!) * STRIDE;
      const before = this.#kept[at + 7]!;
      if (previous >= 0) chosen[previous] = before;
      const side = this.#frames.sideOf(index, event.orientation);
      this.#carry(this.#kept, (previous * MOST_KEPT + before) * STRIDE, previous < 0 ? 0 : 1);
      this.#frames.arrive(index, event.orientation, side, this.#q);
      gates[index] = turned(this.#q, side, this.#kept[at + 1]!, this.#kept[at + 2]!);
    }
    return gates;
  }
}

/** A rotation with a turn about an axis at its end. */
function turned(q: Float64Array, side: GateSide | null, c: number, s: number): Rotation {
  const [w, x, y, z] = q as unknown as readonly [number, number, number, number];
  if (side === null) return { w, x, y, z };
  return side.axis === 'x'
    ? { w: c * w - s * x, x: c * x + s * w, y: c * y - s * z, z: c * z + s * y }
    : { w: c * w - s * z, x: c * x - s * y, y: c * y + s * x, z: c * z + s * w };
}
