import type { Pointer, Target, Vector } from '@qedge/codegen';
import { elementBytes } from './state-addressing.ts';

/** Fields of the argument block of {@link emitAddPauli}. */
export const ADD_PAULI_ARGUMENTS = {
  out: 0,
  state: 1,
  /** For each block of `out` the number of the block of `state` that goes there, 32 bits each. */
  words: 2,
  /** For each block of `out` a factor. */
  signs: 3,
  /** A factor for each lane. */
  lanes: 4,
  blockCount: 5,
} as const;

/**
 * Adds a permuted and signed state to another one, block by block.
 *
 * @param laneX lanes exchange their numbers with lane `lane ^ laneX`.
 * @param isImaginary whether factors are multiplied by `i`.
 */
export function emitAddPauli(
  target: Target<unknown>,
  element: 'float32' | 'float64',
  laneX: number,
  isImaginary: boolean,
): void {
  const numberBytes = elementBytes(element);
  const vectorBytes = numberBytes * target.traits.lanes;
  const [out, state, words, signs, source] = ['out', 'state', 'words', 'signs', 'source'].map((role) =>
    target.pointer(role),
  ) as [Pointer, Pointer, Pointer, Pointer, Pointer];
  const [lanes, factor, re, im, outRe, outIm, turned] = target.vectors('numbers', 7) as [
    ...[Vector, Vector, Vector, Vector, Vector, Vector, Vector],
  ];
  target.argument(source, ADD_PAULI_ARGUMENTS.lanes);
  target.load(lanes, { base: source, offset: 0 });
  target.argument(out, ADD_PAULI_ARGUMENTS.out);
  target.argument(state, ADD_PAULI_ARGUMENTS.state);
  target.argument(words, ADD_PAULI_ARGUMENTS.words);
  target.argument(signs, ADD_PAULI_ARGUMENTS.signs);
  const loadExchanged = (destination: Vector, offset: number) => {
    if (laneX === 0) target.load(destination, { base: source, offset });
    else {
      target.load(turned, { base: source, offset });
      target.exchange(destination, turned, laneX);
    }
  };
  target.loopArgument(ADD_PAULI_ARGUMENTS.blockCount, () => {
    target.copyPointer(source, state);
    target.advanceByWord(source, { base: words, offset: 0 }, 2 * vectorBytes);
    loadExchanged(re, 0);
    loadExchanged(im, vectorBytes);
    target.splat(factor, { base: signs, offset: 0 });
    target.float('multiply', factor, factor, lanes);
    target.load(outRe, { base: out, offset: 0 });
    target.load(outIm, { base: out, offset: vectorBytes });
    if (isImaginary) {
      target.fnma(outRe, factor, im);
      target.fma(outIm, factor, re);
    } else {
      target.fma(outRe, factor, re);
      target.fma(outIm, factor, im);
    }
    target.store(outRe, { base: out, offset: 0 });
    target.store(outIm, { base: out, offset: vectorBytes });
    target.advance(words, 4);
    target.advance(signs, numberBytes);
    target.advance(out, 2 * vectorBytes);
  });
}
