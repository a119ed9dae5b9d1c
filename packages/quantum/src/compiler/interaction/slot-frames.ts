import { NO_ROTATION, type Rotation } from '../translation/rotation.ts';
import { type Direction, rotationBetween } from './direction.ts';
import type { GateEvent, Slot } from './entangler-sequence.ts';
import type { GateAxis } from './free-turns.ts';

/** What a gate does along an axis of one of its qubits: it is `exp(i pi/4 axis (x) axis)` between `before` and `after`. */
export interface GateSide {
  readonly axis: GateAxis;
  readonly before: Rotation | null;
  readonly after: Rotation | null;
  /** Whether a turn about the axis comes out the other way round. */
  readonly turnsBack: boolean;
}

const Z_AND_BACK: readonly Direction[] = [
  [0, 0, 1],
  [0, 0, -1],
];
const X_AND_BACK: readonly Direction[] = [
  [1, 0, 0],
  [-1, 0, 0],
];
const TURN_SIDE: GateSide = { axis: 'z', before: null, after: null, turnsBack: false };

/** The rotations around slots by the orientation of their events, as numbers: quaternions of four. */
export class SlotFrames {
  readonly #slots: readonly Slot[];
  readonly #sides: readonly [GateSide, GateSide];
  /** 1 where the two sides differ. */
  readonly #differ: 0 | 1;
  /** `[slots, 2, 2, 4]`: for each side and sign of the direction, what happens since the slot before. */
  readonly #before: Float64Array;
  /** `[slots, 2, 2, 4]`: what is left after the slot. */
  readonly #after: Float64Array;

  constructor(slots: readonly Slot[], sides: readonly [GateSide, GateSide]) {
    this.#slots = slots;
    this.#sides = sides;
    this.#differ = sides[0] === sides[1] ? 0 : 1;
    this.#before = new Float64Array(16 * slots.length);
    this.#after = new Float64Array(16 * slots.length);
    for (const slot of slots) {
      const at = 16 * slot.index;
      if (slot.direction === null) {
        store(this.#before, at, slot.rotation);
        this.#after[at] = 1;
      } else if (slot.event.kind === 'turn') this.#prepare(at, slot, slot.direction, TURN_SIDE);
      else {
        for (let k = 0; k <= this.#differ; k++) this.#prepare(at + 8 * k, slot, slot.direction, sides[k]!);
      }
    }
  }

  #prepare(at: number, { rotation }: Slot, direction: Direction, { axis, before, after }: GateSide): void {
    const targets = axis === 'x' ? X_AND_BACK : Z_AND_BACK;
    for (let turned = 0; turned < 2; turned++) {
      const toAxis = rotationBetween(direction, targets[turned]!);
      const place = at + 4 * turned;
      store(this.#before, place, rotation);
      follow(this.#before, place, toAxis, 1);
      if (before !== null) follow(this.#before, place, before, 1);
      store(this.#after, place, after ?? NO_ROTATION);
      follow(this.#after, place, toAxis, -1);
    }
  }

  /** The other ways to write an event that are one step away. */
  neighboursOf({ kind, angle }: GateEvent): readonly number[] {
    if (kind === 'turn' || (kind === 'entangler' && angle !== null)) return ONLY_SIGN;
    if (kind !== 'entangler') return NOTHING;
    return this.#sides[0].axis === this.#sides[1].axis ? SIGNS : EVERYTHING;
  }

  /** How the gate acts on a slot; null where it has no axis. */
  sideOf(index: number, orientation: number): GateSide | null {
    const { event, position } = this.#slots[index]!;
    if (event.kind === 'entangler') return this.#sides[position ^ (orientation & 1)]!;
    return event.kind === 'turn' ? TURN_SIDE : null;
  }

  /** Writes what happens from one slot on to the next one, had neither a turn, into `q`. No slot before is -1. */
  between(before: number, orientation: number, index: number, own: number, q: Float64Array): void {
    const from = before < 0 ? -1 : this.#placeOf(before, orientation);
    const to = this.#placeOf(index, own);
    const first = this.#after;
    const second = this.#before;
    const w = from < 0 ? 1 : first[from]!;
    const x = from < 0 ? 0 : first[from + 1]!;
    const y = from < 0 ? 0 : first[from + 2]!;
    const z = from < 0 ? 0 : first[from + 3]!;
    const a = second[to]!;
    const b = second[to + 1]!;
    const c = second[to + 2]!;
    const d = second[to + 3]!;
    q[0] = a * w - b * x - c * y - d * z;
    q[1] = a * x + b * w + c * z - d * y;
    q[2] = a * y - b * z + c * w + d * x;
    q[3] = a * z + b * y - c * x + d * w;
  }

  #placeOf(index: number, orientation: number): number {
    const { direction, position } = this.#slots[index]!;
    if (direction === null) return 16 * index;
    const turned = (orientation >> 1) ^ (position === 0 ? orientation >> 2 : 0);
    return 16 * index + 8 * ((position ^ orientation) & this.#differ) + 4 * (turned & 1);
  }
}

const NOTHING: readonly number[] = [];
const ONLY_SIGN: readonly number[] = [2];
const SIGNS: readonly number[] = [2, 4, 6];
const EVERYTHING: readonly number[] = [1, 2, 6, 7];

function store(values: Float64Array, at: number, { w, x, y, z }: Rotation): void {
  values[at] = w;
  values[at + 1] = x;
  values[at + 2] = y;
  values[at + 3] = z;
}

/** The rotation at a place, followed by another one or by its inverse. */
function follow(values: Float64Array, at: number, rotation: Rotation, sign: 1 | -1): void {
  const w = values[at]!;
  const x = values[at + 1]!;
  const y = values[at + 2]!;
  const z = values[at + 3]!;
  const a = rotation.w;
  const b = sign * rotation.x;
  const c = sign * rotation.y;
  const d = sign * rotation.z;
  values[at] = a * w - b * x - c * y - d * z;
  values[at + 1] = a * x + b * w + c * z - d * y;
  values[at + 2] = a * y - b * z + c * w + d * x;
  values[at + 3] = a * z + b * y - c * x + d * w;
}
