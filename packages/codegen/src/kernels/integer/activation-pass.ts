import type { Activation } from '../../description/epilogue.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';

/** True for activations that are a comparison or two, done on sums in their registers. */
function isClamp(activation: Activation): boolean {
  return activation === 'relu' || activation === 'relu6';
}

/** relu and relu6, in place; other activations are left to a pass of their own. A NaN stays a NaN, -0 stays -0. */
export function emitClamp(
  target: Target<unknown>,
  activation: Activation,
  values: readonly Vector[],
  scratch: Vector,
): void {
  if (isClamp(activation)) emitActivation(target, activation, values, [scratch]);
}

/** True for activations that need registers of their own: they follow in a pass over the finished result. */
export function needsActivationPass(activation: Activation): boolean {
  return activation !== 'none' && !isClamp(activation);
}

/** Vector registers that the pass uses; 0 where there is none. */
export function activationPassVectors(activation: Activation, traits: TargetTraits): number {
  return needsActivationPass(activation) ? 1 + activationScratch(activation, traits) : 0;
}

/** A matrix of float32, row-major. */
export interface ActivatedMatrix {
  /** Points at its first element; moved. */
  readonly pointer: Pointer;
  readonly rows: number;
  readonly columns: number;
  /** Elements from one row to the next. */
  readonly rowStride: number;
}

/** Replaces every element by its activation, where it needs a pass. */
export function emitActivationPass(
  target: Target<unknown>,
  activation: Activation,
  [value, ...scratch]: readonly Vector[],
  { pointer, rows, columns, rowStride }: ActivatedMatrix,
): void {
  if (!needsActivationPass(activation)) return;
  const { lanes } = target.traits;
  const activate = (count: number) => {
    const memory = { base: pointer, offset: 0 };
    target.load(value!, memory, count);
    emitActivation(target, activation, [value!], scratch);
    target.store(value!, memory, count);
    target.advance(pointer, count * 4);
  };
  const tail = columns % lanes;
  target.loop(rows, () => {
    target.loop((columns - tail) / lanes, () => activate(lanes));
    if (tail > 0) activate(tail);
    target.advance(pointer, (rowStride - columns) * 4);
  });
}
