import type { Activation } from '../../description/epilogue.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { emitLoad, emitStore, portionsOf } from '../elements/element-loop.ts';
import { emitActivation, isClamp, planActivation } from './emit-activation.ts';

/** True for activations that need registers of their own: they are applied to results that were stored. */
export function needsActivationPass(activation: Activation): boolean {
  return activation !== 'none' && !isClamp(activation);
}

/**
 * Vector registers of `available` that {@link emitStoredActivation} makes use of; the least possible, whether available or not. 0 for
 * activations that are applied before results are stored.
 */
export function activationPassVectors(activation: Activation, available: number): number {
  if (!needsActivationPass(activation)) return 0;
  const { values, scratch } = planActivation(activation, available);
  return values + scratch;
}

/** Applies an activation to `count` neighbouring stored float32 numbers, as many vectors in lockstep as `registers` allow. */
export function emitStoredActivation(
  target: Target<unknown>,
  activation: Activation,
  results: Pointer,
  count: number,
  registers: readonly Vector[],
): void {
  const plan = planActivation(activation, registers.length);
  const values = registers.slice(0, plan.values);
  const scratch = registers.slice(plan.values, plan.values + plan.scratch);
  const portions = portionsOf(count, target.traits.lanes);
  for (let first = 0; first < portions.length; first += values.length) {
    const group = values.slice(0, portions.length - first);
    for (const [v, value] of group.entries()) emitLoad(target, value, results, portions[first + v]!);
    emitActivation(target, activation, group, scratch);
    for (const [v, value] of group.entries()) emitStore(target, value, results, portions[first + v]!);
  }
}
