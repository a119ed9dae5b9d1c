import type { Pointer, Target, Vector } from '../../target/target.ts';

/** Bytes of an element of most operands: float32 or int32. */
export const WORD_BYTES = 4;

/** A run of elements that a loop walks along. */
export interface Stream {
  readonly pointer: Pointer;
  readonly elementBytes: number;
}

/** Part of a vector's worth of elements: `element` counts from where the streams point, `lanes` of them exist. */
export interface Portion {
  readonly element: number;
  readonly lanes: number;
}

/** Cuts `length` elements after `first` into portions; only the last can be partial. */
export function portionsOf(length: number, lanes: number, first = 0): Portion[] {
  return Array.from({ length: Math.ceil(length / lanes) }, (_, v) => ({
    element: first + v * lanes,
    lanes: Math.min(lanes, length - v * lanes),
  }));
}

/** Loads a portion of words; lanes beyond it become 0. */
export function emitLoad(
  target: Target<unknown>,
  destination: Vector,
  base: Pointer,
  { element, lanes }: Portion,
): void {
  target.load(destination, { base, offset: element * WORD_BYTES }, lanes);
}

/** Stores a portion of words. */
export function emitStore(
  target: Target<unknown>,
  source: Vector,
  base: Pointer,
  { element, lanes }: Portion,
): void {
  target.store(source, { base, offset: element * WORD_BYTES }, lanes);
}

/**
 * Emits `body` for all of `length` elements, up to `portionsPerTurn` vectors at a time. The streams are moved along; afterwards they
 * are where they were.
 */
export function emitElementLoop(
  target: Target<unknown>,
  length: number,
  streams: readonly Stream[],
  portionsPerTurn: number,
  body: (portions: readonly Portion[]) => void,
): void {
  const { lanes } = target.traits;
  const turnElements = portionsPerTurn * lanes;
  const turns = Math.floor(length / turnElements);
  const moved = turns > 1 ? turns * turnElements : 0;
  const moveBy = (elements: number) => {
    for (const { pointer, elementBytes } of streams) target.advance(pointer, elements * elementBytes);
  };
  if (turns > 1) {
    target.loop(turns, () => {
      body(portionsOf(turnElements, lanes));
      moveBy(turnElements);
    });
  }
  const rest = portionsOf(length - moved, lanes);
  for (let at = 0; at < rest.length; at += portionsPerTurn) body(rest.slice(at, at + portionsPerTurn));
  if (moved > 0) moveBy(-moved);
}

/** Emits `body` for each of `rows` rows, then moves each stream by its stride in bytes. The last move is made too. */
export function emitRowLoop(
  target: Target<unknown>,
  rows: number,
  strides: readonly { readonly pointer: Pointer; readonly bytes: number }[],
  body: () => void,
): void {
  if (rows === 1) {
    body();
    return;
  }
  target.loop(rows, () => {
    body();
    for (const { pointer, bytes } of strides) target.advance(pointer, bytes);
  });
}
