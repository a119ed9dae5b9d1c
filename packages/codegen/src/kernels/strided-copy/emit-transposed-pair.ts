import type { CopyAxis } from '../../description/strided-copy.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import { LaneTransposition } from '../elements/lane-transposition.ts';
import { advanceAlong, type CopyEmission } from './copy-emission.ts';

/**
 * Prepares the copy of two axes, the input contiguous along `across`, the output along `inner`, in squares that are transposed in
 * registers; returns what emits it, from where the pointers are, and leaves them there.
 */
export function emitTransposedPair(emission: CopyEmission, across: CopyAxis, inner: CopyAxis): () => void {
  const { target, elementBytes, input, output } = emission;
  const { lanes } = target.traits;
  const transposition = new LaneTransposition(target);
  const values = target.vectors('values', lanes);
  // The lowest address of a square, where its rows run backwards.
  const step = inner.inputStride * elementBytes;
  const emitSquare = (acrossCount: number, innerCount: number) => {
    const below = Math.min(0, step * (innerCount - 1));
    target.advance(input, below);
    for (const [row, value] of values.entries()) {
      const place = { base: input, offset: row * step - below };
      if (row >= innerCount) target.zero(value);
      else if (elementBytes === WORD_BYTES) target.load(value, place, acrossCount);
      else target.loadNarrow('uint8', value, place, acrossCount);
    }
    target.advance(input, -below);
    transposition.emit(values);
    for (const [row, value] of values.slice(0, acrossCount).entries()) {
      const place = { base: output, offset: row * across.outputStride * elementBytes };
      if (elementBytes === WORD_BYTES) target.store(value, place, innerCount);
      else target.storeNarrow('uint8', value, place, innerCount);
    }
  };
  const emitStrip = (acrossCount: number) => {
    emitSquares(emission, inner, lanes, (innerCount) => emitSquare(acrossCount, innerCount));
  };
  return () => emitSquares(emission, across, lanes, emitStrip);
}

/** Emits `body` for each full square along an axis, and for the rest. */
function emitSquares(
  emission: CopyEmission,
  axis: CopyAxis,
  lanes: number,
  body: (count: number) => void,
): void {
  const full = Math.floor(axis.size / lanes);
  const rest = axis.size - full * lanes;
  emission.target.loop(full, () => {
    body(lanes);
    advanceAlong(emission, axis, lanes);
  });
  if (rest > 0) body(rest);
  advanceAlong(emission, axis, -full * lanes);
}
