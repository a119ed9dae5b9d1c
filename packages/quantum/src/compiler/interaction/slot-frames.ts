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

const DIRECTIONS: readonly (readonly [Direction, Direction])[] = [
  [
    [0, 0, 1],
    [0, 0, -1],
  ],
  [
    [1, 0, 0],
    [-1, 0, 0],
  ],
];
const TURN_SIDE: GateSide = { axis: 'z', before: null, after: null, turnsBack: false };

/** The rotations around slots by the orientation of their events, as numbers: quaternions of four. */
export class SlotFrames {
  readonly #slots: readonly Slot[];
  readonly #sides: readonly [GateSide, GateSide];
  /** `[slots, 4, 4]`: the shortest rotations of each direction to Z, -Z, X and -X. */
  readonly #toAxis: Float64Array;
  /** `[slots, 4]`: what happens since the slot before. */
  readonly #between: Float64Array;

  constructor(slots: readonly Slot[], sides: readonly [GateSide, GateSide]) {
    this.#slots = slots;
    this.#sides = sides;
    this.#toAxis = new Float64Array(16 * slots.length);
    this.#between = new Float64Array(4 * slots.length);
    slots.forEach(({ rotation, direction }, index) => {
      store(this.#between, 4 * index, rotation);
      if (direction === null) return;
      DIRECTIONS.forEach((signed, axis) => {
        signed.forEach((target, turned) => {
          store(this.#toAxis, 16 * index + 8 * axis + 4 * turned, rotationBetween(direction, target));
        });
      });
    });
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

  /** What happens before a slot since the one before, from `q` on, in place. */
  arrive(index: number, orientation: number, side: GateSide | null, q: Float64Array): void {
    follow(q, this.#between, 4 * index, 1);
    if (side === null) return;
    follow(q, this.#toAxis, this.#toAxisAt(index, orientation, side), 1);
    if (side.before !== null) turn(q, side.before);
  }

  /** What is left after a slot where the turn of cosine c and sine s came before it: into `q`. */
  depart(index: number, orientation: number, side: GateSide, c: number, s: number, q: Float64Array): void {
    const { after, axis } = side;
    store(q, 0, after ?? NO_ROTATION);
    // Half a turn more is (-s, c) of half the angle, here turned back.
    const [cosine, sine] = (orientation & 4) === 0 ? [c, -s] : [s, c];
    turn(q, { w: cosine, x: axis === 'x' ? sine : 0, y: 0, z: axis === 'z' ? sine : 0 });
    follow(q, this.#toAxis, this.#toAxisAt(index, orientation, side), -1);
  }

  #toAxisAt(index: number, orientation: number, { axis }: GateSide): number {
    const turned = (orientation >> 1) ^ (this.#slots[index]!.position === 0 ? orientation >> 2 : 0);
    return 16 * index + (axis === 'x' ? 8 : 0) + 4 * (turned & 1);
  }
}

const NOTHING: readonly number[] = [];
const ONLY_SIGN: readonly number[] = [2];
const SIGNS: readonly number[] = [2, 4, 6];
const EVERYTHING: readonly number[] = [1, 2, 3, 4, 5, 6, 7];

function store(values: Float64Array, at: number, { w, x, y, z }: Rotation): void {
  values[at] = w;
  values[at + 1] = x;
  values[at + 2] = y;
  values[at + 3] = z;
}

function turn(q: Float64Array, { w, x, y, z }: Rotation): void {
  multiplyInto(q, w, x, y, z);
}

/** `q` followed by the rotation at a place, or by its inverse. */
function follow(q: Float64Array, values: Float64Array, at: number, sign: 1 | -1): void {
  multiplyInto(q, values[at]!, sign * values[at + 1]!, sign * values[at + 2]!, sign * values[at + 3]!);
}

function multiplyInto(q: Float64Array, a: number, b: number, c: number, d: number): void {
  const w = q[0]!;
  const x = q[1]!;
  const y = q[2]!;
  const z = q[3]!;
  q[0] = a * w - b * x - c * y - d * z;
  q[1] = a * x + b * w + c * z - d * y;
  q[2] = a * y - b * z + c * w + d * x;
  q[3] = a * z + b * y - c * x + d * w;
}
