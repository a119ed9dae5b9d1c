import type { Activation } from '../../description/epilogue.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';

/** True for activations that are applied in registers, with one more of them. */
export function isClamp(activation: Activation): activation is 'relu' | 'relu6' {
  return activation === 'relu' || activation === 'relu6';
}

/** `relu` or `relu6` of several values with each bound loaded once. A NaN stays a NaN, -0 stays -0. */
export function emitClamp(
  target: Target<unknown>,
  activation: 'relu' | 'relu6',
  values: readonly Vector[],
  scratch: Vector,
): void {
  target.zero(scratch);
  for (const value of values) target.float('max', value, value, scratch);
  if (activation === 'relu') return;
  target.constant(scratch, 6);
  for (const value of values) target.float('min', value, value, scratch);
}

/** Vector registers that {@link emitStoredActivation} needs: 0 for activations that are applied before results are stored. */
export function activationRegisters(activation: Activation, traits: TargetTraits): number {
  return activation === 'none' || isClamp(activation) ? 0 : activationScratch(activation, traits) + 1;
}

/** Applies an activation to `channels` neighbouring stored results. `registers` hold nothing that is still needed. */
export function emitStoredActivation(
  target: Target<unknown>,
  activation: Activation,
  results: Pointer,
  channels: number,
  registers: readonly Vector[],
): void {
  const { lanes } = target.traits;
  const scratchCount = activationScratch(activation, target.traits);
  const [value, ...scratch] = registers.slice(0, scratchCount + 1) as [Vector, ...Vector[]];
  for (let channel = 0; channel < channels; channel += lanes) {
    const memory = { base: results, offset: channel * 4 };
    const width = Math.min(lanes, channels - channel);
    target.load(value, memory, width);
    emitActivation(target, activation, [value], scratch);
    target.store(value, memory, width);
  }
}
