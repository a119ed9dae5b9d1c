import type { CopyAxis } from '../../description/strided-copy.ts';
import type { Pointer, Target } from '../../target/target.ts';

/** What a copy is emitted with. */
export interface CopyEmission {
  readonly target: Target<unknown>;
  readonly elementBytes: 1 | 4;
  readonly input: Pointer;
  readonly output: Pointer;
}

/** Moves both pointers by a number of indices along an axis. */
export function advanceAlong(
  { target, elementBytes, input, output }: CopyEmission,
  { inputStride, outputStride }: CopyAxis,
  indices: number,
): void {
  target.advance(input, indices * inputStride * elementBytes);
  target.advance(output, indices * outputStride * elementBytes);
}

/** Emits `body` for every index of the axes, the last one innermost; the pointers are where they were afterwards. */
export function emitAxisLoops(emission: CopyEmission, axes: readonly CopyAxis[], body: () => void): void {
  const [axis, ...inner] = axes;
  if (axis === undefined) {
    body();
    return;
  }
  emission.target.loop(axis.size, () => {
    emitAxisLoops(emission, inner, body);
    advanceAlong(emission, axis, 1);
  });
  advanceAlong(emission, axis, -axis.size);
}
