import type { Work } from '../in-turns.ts';
import type { Rotation } from '../translation/rotation.ts';
import type { GateEvent, Slot } from './entangler-sequence.ts';
import {
  costWithFreeEnd,
  rotationCost,
  TurnList,
  turnsOffBeforeX,
  turnsOffStart,
  turnsOntoEnd,
} from './free-turns.ts';
import { type GateSide, SlotFrames } from './slot-frames.ts';

/** How many turns are kept at each slot, and how many are looked at. */
const MOST_KEPT = 5;
const MOST_FOUND = 64;
/** A turn that costs so much more than another one never pays. */
const WORTHLESS = 3.2;
const SAME = 1e-8;
const MOST_SWEEPS = 2;
/**
 * A turn at a slot, on top of the shortest rotation of its direction to the axis, with the best way to it: what it costs more than
 * the best one, cosine and sine of half the angle, and which turn at the slot before it needs.
 */
const STRIDE = 4;

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
  /** For each slot 1 where the turns that are kept may not be those of the orientations around it. */
  readonly #isOutdated: Uint8Array;
  /** `[found, STRIDE]`, in no order. */
  readonly #found = new Float64Array(STRIDE * MOST_FOUND);
  #foundCount = 0;
  readonly #wishes = new TurnList();
  /** What it takes from a slot to the next one with each wish. */
  readonly #wishCosts = new Float64Array(MOST_FOUND);
  readonly #turns = new TurnList();
  /** The rotations from the slot before and to the next one: without turns, and with one at the start. */
  readonly #in = new Float64Array(4);
  readonly #out = new Float64Array(4);
  readonly #q = new Float64Array(4);
  readonly #rest = new Float64Array(4);

  constructor(events: readonly GateEvent[], sides: readonly [GateSide, GateSide]) {
    this.#events = events;
    this.#slots = events.flatMap(({ slots }) => slots);
    this.#frames = new SlotFrames(this.#slots, sides);
    this.#kept = new Float64Array(this.#slots.length * MOST_KEPT * STRIDE);
    this.#counts = new Uint8Array(this.#slots.length);
    this.#isStale = new Uint8Array(this.#slots.length).fill(1);
    this.#isOutdated = new Uint8Array(this.#slots.length).fill(1);
  }

  /** Goes over all events as long as it gets better. Told to settle, it leaves the orientation of those to come as it is. */
  *improve(): Work<void> {
    let settles = false;
    for (let sweep = 0; sweep < MOST_SWEEPS && !settles; sweep++) {
      let changed = false;
      for (let i = 0; i < this.#events.length; i++) {
        if (!settles && i % EVENTS_BETWEEN_PAUSES === 0) settles = yield;
        const event = this.#events[i]!;
        if (!settles && this.#reorient(event)) changed = true;
        for (const { index } of event.slots) {
          if (this.#isOutdated[index] === 1) this.#keep(index, event.orientation);
        }
      }
      if (!changed) return;
    }
  }

  /** Tries other ways to write an event near which something has changed. @returns whether one is better. */
  #reorient(event: GateEvent): boolean {
    const neighbours = this.#frames.neighboursOf(event);
    if (neighbours.length === 0) return false;
    const first = event.slots[0]!.index;
    const second = event.slots.length > 1 ? event.slots[1]!.index : -1;
    if (this.#isStale[first] === 0 && (second < 0 || this.#isStale[second] === 0)) return false;
    this.#isStale[first] = 0;
    if (second >= 0) this.#isStale[second] = 0;
    const before = event.orientation;
    let least = Number.POSITIVE_INFINITY;
    for (let i = -1; i < neighbours.length && least >= SAME; i++) {
      const orientation = i < 0 ? before : before ^ neighbours[i]!;
      const onFirst = this.#costThrough(first, orientation, least - SAME);
      if (onFirst >= least - SAME) continue;
      const sum = onFirst + (second < 0 ? 0 : this.#costThrough(second, orientation, least - SAME - onFirst));
      if (sum >= least - SAME) continue;
      least = sum;
      event.orientation = orientation;
    }
    if (event.orientation === before) return false;
    this.#markNear(first);
    if (second >= 0) this.#markNear(second);
    return true;
  }

  #markNear(index: number): void {
    const { previous, next } = this.#slots[index]!;
    this.#mark(index);
    if (previous >= 0) this.#mark(previous);
    if (next >= 0) this.#mark(next);
  }

  #mark(index: number): void {
    this.#isStale[index] = 1;
    this.#isOutdated[index] = 1;
  }

  /** What it takes through a slot that has an axis up to the next one, with what comes before it settled; no more than the limit. */
  #costThrough(index: number, orientation: number, limit: number): number {
    const side = this.#frames.sideOf(index, orientation)!;
    this.#gatherWishes(index, orientation, side);
    const leastAfter = this.#gatherWishCosts(index, orientation, side);
    const { previous } = this.#slots[index]!;
    this.#frames.between(previous, this.#orientationOf(previous), index, orientation, this.#in);
    const keptCount = previous < 0 ? 1 : this.#counts[previous]!;
    let least = limit;
    for (let i = 0; i < keptCount; i++) {
      const cost = previous < 0 ? 0 : this.#kept[(previous * MOST_KEPT + i) * STRIDE]!;
      if (cost >= least) break;
      this.#carry(previous, i);
      const q = this.#q;
      if (cost + costWithFreeEnd(side.axis, q[0]!, q[1]!, q[2]!, q[3]!) + leastAfter >= least) continue;
      least = this.#leastThrough(index, orientation, side, cost, least);
    }
    return least;
  }

  /** What follows each wish. @returns the least. */
  #gatherWishCosts(index: number, orientation: number, side: GateSide): number {
    const { count, values } = this.#wishes;
    let least = count === 0 ? 0 : Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const cost = this.#costAfter(index, orientation, side, values[2 * i]!, values[2 * i + 1]!);
      this.#wishCosts[i] = cost;
      if (cost < least) least = cost;
    }
    return least;
  }

  /** The least of a limit and what the rotation `#q` before a slot takes with any turn, up to the next slot. */
  #leastThrough(index: number, orientation: number, side: GateSide, cost: number, limit: number): number {
    const isX = side.axis === 'x';
    const own = this.#gatherTurns(side);
    const wishes = this.#wishes;
    let least = limit;
    for (let i = 0; i < own + wishes.count; i++) {
      const values = i < own ? this.#turns.values : wishes.values;
      const at = i < own ? 2 * i : 2 * (i - own);
      const c = values[at]!;
      const s = values[at + 1]!;
      const sum = cost + this.#costWithTurn(isX, c, s);
      if (sum >= least) continue;
      const rest = i < own ? this.#costAfter(index, orientation, side, c, s) : this.#wishCosts[i - own]!;
      if (sum + rest < least) least = sum + rest;
    }
    return least;
  }

  /** Turns that make `#q` cheap. @returns how many. */
  #gatherTurns(side: GateSide): number {
    const q = this.#q;
    this.#turns.count = 0;
    turnsOntoEnd(side.axis, q[0]!, q[1]!, q[2]!, q[3]!, this.#turns);
    return this.#turns.count;
  }

  /** What `#q` takes with a turn at its end. */
  #costWithTurn(isX: boolean, c: number, s: number): number {
    const w = this.#q[0]!;
    const x = this.#q[1]!;
    const y = this.#q[2]!;
    const z = this.#q[3]!;
    return isX
      ? rotationCost(c * w - s * x, c * x + s * w, c * y - s * z, c * z + s * y)
      : rotationCost(c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w);
  }

  /** What `#out` takes after a turn at its slot, whatever the turn at its end. */
  #costAfter(index: number, orientation: number, side: GateSide, cosine: number, sine: number): number {
    const { next } = this.#slots[index]!;
    if (next < 0) return 0;
    const nextSide = this.#frames.sideOf(next, this.#slots[next]!.event.orientation);
    const q = this.#rest;
    turnStart(this.#out, side, orientation, cosine, sine, q);
    return nextSide === null
      ? rotationCost(q[0]!, q[1]!, q[2]!, q[3]!)
      : costWithFreeEnd(nextSide.axis, q[0]!, q[1]!, q[2]!, q[3]!);
  }

  #orientationOf(index: number): number {
    return index < 0 ? 0 : this.#slots[index]!.event.orientation;
  }

  /** `#in` after a kept turn of the slot before, into `#q`. */
  #carry(previous: number, which: number): void {
    const side = previous < 0 ? null : this.#frames.sideOf(previous, this.#orientationOf(previous));
    const at = (previous * MOST_KEPT + which) * STRIDE;
    if (side === null) this.#q.set(this.#in);
    else {
      const kept = this.#kept;
      turnStart(this.#in, side, this.#orientationOf(previous), kept[at + 1]!, kept[at + 2]!, this.#q);
    }
  }

  /** Turns at a slot that make what comes after it cheap; its rotation without one is `#out`. */
  #gatherWishes(index: number, orientation: number, side: GateSide | null): void {
    const wishes = this.#wishes;
    wishes.count = 0;
    const { next } = this.#slots[index]!;
    if (side === null || next < 0) return;
    const nextOrientation = this.#orientationOf(next);
    const nextSide = this.#frames.sideOf(next, nextOrientation);
    this.#frames.between(index, orientation, next, nextOrientation, this.#out);
    const w = this.#out[0]!;
    const x = this.#out[1]!;
    const y = this.#out[2]!;
    const z = this.#out[3]!;
    // A turn about the axis of both may wait.
    if (nextSide?.axis === side.axis && isNone(y) && isNone(side.axis === 'x' ? z : x)) return;
    if (nextSide?.axis === 'x') turnsOffBeforeX(side.axis, w, x, y, z, wishes);
    else turnsOffStart(side.axis, w, x, y, z, wishes);
    const { values, count } = wishes;
    const sign = side.turnsBack ? -1 : 1;
    for (let i = 0; i < 2 * count; i += 2) {
      const c = values[i]!;
      const s = sign * values[i + 1]!;
      values[i] = (orientation & 4) === 0 ? c : -s;
      values[i + 1] = (orientation & 4) === 0 ? s : c;
    }
  }

  /** Settles the cheapest turns at a slot after those at the one before. */
  #keep(index: number, orientation: number): void {
    const side = this.#frames.sideOf(index, orientation);
    const { previous, next } = this.#slots[index]!;
    this.#gatherWishes(index, orientation, side);
    this.#frames.between(previous, this.#orientationOf(previous), index, orientation, this.#in);
    this.#foundCount = 0;
    const count = previous < 0 ? 1 : this.#counts[previous]!;
    for (let i = 0; i < count; i++) {
      this.#carry(previous, i);
      this.#consider(side, previous < 0 ? 0 : this.#kept[(previous * MOST_KEPT + i) * STRIDE]!, i);
    }
    this.#isOutdated[index] = 0;
    if (this.#selectBest(index) && next >= 0) this.#isOutdated[next] = 1;
  }

  /** Finds turns that make the rotation `#q` before a slot cheap, or what comes after it. */
  #consider(side: GateSide | null, cost: number, previous: number): void {
    if (side === null) {
      this.#add(cost + this.#costWithTurn(true, 1, 0), 1, 0, previous);
      return;
    }
    const isX = side.axis === 'x';
    const own = this.#gatherTurns(side);
    for (let i = 0; i < own + this.#wishes.count; i++) {
      const { values } = i < own ? this.#turns : this.#wishes;
      const at = i < own ? 2 * i : 2 * (i - own);
      const c = values[at]!;
      const s = values[at + 1]!;
      this.#add(cost + this.#costWithTurn(isX, c, s), c, s, previous);
    }
  }

  /** Adds a turn to what has been found, unless it is there and as cheap. */
  #add(cost: number, cosine: number, sine: number, previous: number): void {
    const found = this.#found;
    let place = 0;
    const end = STRIDE * this.#foundCount;
    for (; place < end; place += STRIDE) {
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

  /** Keeps the best of what has been found at a slot. @returns whether it is anything else than what was kept before. */
  #selectBest(index: number): boolean {
    const found = this.#found;
    const end = STRIDE * this.#foundCount;
    let least = 0;
    let count = 0;
    let changed = false;
    for (; count < MOST_KEPT && count < this.#foundCount; count++) {
      let best = 0;
      for (let i = STRIDE; i < end; i += STRIDE) if (found[i]! < found[best]! - SAME) best = i;
      if (count === 0) least = found[best]!;
      found[best]! -= least;
      if (found[best]! > WORTHLESS) break;
      const at = (index * MOST_KEPT + count) * STRIDE;
      for (let i = 0; i < STRIDE; i++) {
        const value = found[best + i]!;
        if (!isNone(value - this.#kept[at + i]!)) changed = true;
        this.#kept[at + i] = value;
      }
      found[best] = Number.POSITIVE_INFINITY;
    }
    if (count !== this.#counts[index]) changed = true;
    this.#counts[index] = count;
    return changed;
  }

  gates(): readonly Rotation[] {
    const gates: Rotation[] = new Array(this.#slots.length);
    const chosen = new Uint8Array(this.#slots.length);
    const q = this.#q;
    for (let index = this.#slots.length - 1; index >= 0; index--) {
      const { previous, event } = this.#slots[index]!;
      const at = (index * MOST_KEPT + chosen[index]!) * STRIDE;
      const before = this.#kept[at + 3]!;
      if (previous >= 0) chosen[previous] = before;
      const side = this.#frames.sideOf(index, event.orientation);
      this.#frames.between(previous, this.#orientationOf(previous), index, event.orientation, this.#in);
      this.#carry(previous, before);
      gates[index] = turned(q, side, this.#kept[at + 1]!, this.#kept[at + 2]!);
    }
    return gates;
  }
}

const isNone = (value: number) => value < SAME && value > -SAME;

/**
 * A rotation from a slot on, into `q`, once a turn about the slot's axis came before it: what was done before passes the slot and
 * is turned back.
 */
function turnStart(
  rotation: Float64Array,
  { axis, turnsBack }: GateSide,
  orientation: number,
  cosine: number,
  sine: number,
  q: Float64Array,
): void {
  const w = rotation[0]!;
  const x = rotation[1]!;
  const y = rotation[2]!;
  const z = rotation[3]!;
  // Half a turn more is (-s, c) of half the angle, here turned back.
  const isHalf = (orientation & 4) !== 0;
  const c = isHalf ? sine : cosine;
  const back = isHalf ? cosine : -sine;
  const s = turnsBack ? -back : back;
  if (axis === 'x') {
    q[0] = w * c - x * s;
    q[1] = w * s + x * c;
    q[2] = y * c + z * s;
    q[3] = z * c - y * s;
  } else {
    q[0] = w * c - z * s;
    q[1] = x * c + y * s;
    q[2] = y * c - x * s;
    q[3] = w * s + z * c;
  }
}

/** A rotation with a turn about an axis at its end. */
function turned(q: Float64Array, side: GateSide | null, c: number, s: number): Rotation {
  const w = q[0]!;
  const x = q[1]!;
  const y = q[2]!;
  const z = q[3]!;
  if (side === null) return { w, x, y, z };
  return side.axis === 'x'
    ? { w: c * w - s * x, x: c * x + s * w, y: c * y - s * z, z: c * z + s * y }
    : { w: c * w - s * z, x: c * x - s * y, y: c * y + s * x, z: c * z + s * w };
}
