import type { Pointer, Target } from '../../target/target.ts';

/** A pointer whose distance from its origin is known while code is emitted; moving it costs at most one addition. */
export class Cursor {
  readonly pointer: Pointer;
  readonly #target: Target<unknown>;
  #position: number;

  /** @param position bytes from the origin to where the pointer points now. */
  constructor(target: Target<unknown>, pointer: Pointer, position = 0) {
    this.#target = target;
    this.pointer = pointer;
    this.#position = position;
  }

  /** Bytes from the origin; inside a loop, those of its first turn. */
  get position(): number {
    return this.#position;
  }

  moveTo(position: number): void {
    if (position !== this.#position) this.#target.advance(this.pointer, position - this.#position);
    this.#position = position;
  }

  /** Notes that emitted code has left the pointer at `position`. */
  isAt(position: number): void {
    this.#position = position;
  }
}

/** How far a cursor moves per turn of a loop. */
export type CursorStep = readonly [cursor: Cursor, bytes: number];

/**
 * Emits `body` so that it runs `times` times, 1 or more, and each run of it moves the cursors by one step.
 *
 * With `unroll` above 1, that many runs share a turn of the loop and the cursors move only at its end: `body` gets the number of the
 * run within the turn, adds as many steps to its addresses, and leaves the cursors alone. Otherwise it may move them as it likes.
 */
export function emitRepeated(
  target: Target<unknown>,
  times: number,
  steps: readonly CursorStep[],
  body: (run: number) => void,
  unroll = 1,
): void {
  const emitTurn = (runs: number) => {
    const starts = steps.map(([cursor]) => cursor.position);
    for (let run = 0; run < runs; run++) body(run);
    for (const [i, [cursor, bytes]] of steps.entries()) cursor.moveTo(starts[i]! + bytes * runs);
  };
  const turns = Math.floor(times / unroll);
  if (turns === 1) {
    emitTurn(times);
    return;
  }
  if (turns > 1) {
    const starts = steps.map(([cursor]) => cursor.position);
    target.loop(turns, () => emitTurn(unroll));
    for (const [i, [cursor, bytes]] of steps.entries()) cursor.isAt(starts[i]! + bytes * unroll * turns);
  }
  const rest = times - turns * unroll;
  if (rest > 0) emitTurn(rest);
}
