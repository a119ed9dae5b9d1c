import type { CopyAxis } from '../../description/strided-copy.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import { LaneTransposition } from '../elements/lane-transposition.ts';
import { advanceAlong, type CopyEmission } from './copy-emission.ts';

/** How far ahead rows are fetched: there are too many of them for processors to see that each goes on. */
const PREFETCH_BYTES = 256;

/**
 * Prepares the copy of two axes, the input contiguous along `across`, the output along `inner`, in squares that are transposed in
 * registers; returns what emits it, from where the pointers are, and leaves them there.
 */
export function emitTransposedPair(emission: CopyEmission, across: CopyAxis, inner: CopyAxis): () => void {
  const { target, elementBytes, input, output } = emission;
  const { lanes } = target.traits;
  const transposition = new LaneTransposition(target);
  const values = target.vectors('values', lanes);
  const step = inner.inputStride * elementBytes;
  const emitSquare = (acrossCount: number, innerCount: number) => {
    // Offsets count from the lowest address of a square, where its rows run backwards.
    const below = Math.min(0, step * (innerCount - 1));
    target.advance(input, below);
    for (const [row, value] of values.entries()) {
      const place = { base: input, offset: row * step - below };
      if (row >= innerCount) target.zero(value);
      else if (elementBytes === WORD_BYTES) target.load(value, place, acrossCount);
      else target.loadNarrow('uint8', value, place, acrossCount);
      if (row < innerCount) {
        target.prefetch({ base: input, offset: place.offset + PREFETCH_BYTES });
      }
    }
    target.advance(input, -below);
    transposition.emit(values);
    for (const [row, value] of values.slice(0, acrossCount).entries()) {
      const place = { base: output, offset: row * across.outputStride * elementBytes };
      if (elementBytes === WORD_BYTES) target.store(value, place, innerCount);
      else target.storeNarrow('uint8', value, place, innerCount);
    }
  };
  return () => {
    emitBlocks(emission, across, lanes, (acrossCount) => {
      emitBlocks(emission, inner, lanes, (innerCount) => emitSquare(acrossCount, innerCount));
    });
  };
}

/** Emits `body` for each full block of elements along an axis, and for the rest. */
function emitBlocks(
  emission: CopyEmission,
  axis: CopyAxis,
  size: number,
  body: (count: number) => void,
): void {
  const full = Math.floor(axis.size / size);
  const rest = axis.size - full * size;
  emission.target.loop(full, () => {
    body(size);
    advanceAlong(emission, axis, size);
  });
  if (rest > 0) body(rest);
  advanceAlong(emission, axis, -full * size);
}
