import type { Activation } from '../../description/epilogue.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { planActivation } from '../activation/emit-activation.ts';
import { emitStoredActivation, needsActivationPass } from '../activation/emit-stored-activation.ts';

/** A matrix of float32, row-major. */
export interface ActivatedMatrix {
  /** Points at its first element; moved. */
  readonly pointer: Pointer;
  readonly rows: number;
  readonly columns: number;
  /** Elements from one row to the next. */
  readonly rowStride: number;
}

/** Replaces every element by its activation, where it needs a pass, as many vectors in lockstep as `vectors` allow. */
export function emitActivationPass(
  target: Target<unknown>,
  activation: Activation,
  vectors: readonly Vector[],
  { pointer, rows, columns, rowStride }: ActivatedMatrix,
): void {
  if (!needsActivationPass(activation)) return;
  const turn = planActivation(activation, vectors.length).values * target.traits.lanes;
  const activate = (count: number) => {
    emitStoredActivation(target, activation, pointer, count, vectors);
    target.advance(pointer, count * 4);
  };
  const tail = columns % turn;
  target.loop(rows, () => {
    target.loop((columns - tail) / turn, () => activate(turn));
    if (tail > 0) activate(tail);
    target.advance(pointer, (rowStride - columns) * 4);
  });
}
