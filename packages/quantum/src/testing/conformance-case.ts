import { VerificationError } from '@qedge/core';
import type { Simulator } from '../simulation/simulator.ts';

/** One promise that every simulator must keep. `run` rejects with a VerificationError that says what was broken. */
export interface SimulatorConformanceCase {
  readonly name: string;
  /** Takes a simulator, which may be used by other cases too. */
  run(simulator: Simulator): Promise<void> | void;
}

/** How far an amplitude may lie from the truth: dozens of gates round, each by about half a unit of the last digit. */
export function amplitudeTolerance({ precision }: Simulator): number {
  return precision === 'f32' ? 1e-6 : 1e-13;
}

/** @throws VerificationError unless the condition holds. */
export function check(condition: boolean, what: string, facts: Readonly<Record<string, unknown>> = {}): void {
  if (!condition) throw new VerificationError(what, { facts, actual: JSON.stringify(facts) });
}

/** @throws VerificationError unless the numbers differ by at most `tolerance`. */
export function checkClose(actual: number, expected: number, tolerance: number, what: string): void {
  if (Math.abs(actual - expected) <= tolerance) return;
  throw new VerificationError(what, { expected: `${expected} within ${tolerance}`, actual });
}

/** @throws VerificationError unless the lists are as long as each other and all numbers agree. */
export function checkAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  check(actual.length === expected.length, `${what}: another length`, {
    expected: expected.length,
    actual: actual.length,
  });
  for (let i = 0; i < actual.length; i++) {
    checkClose(actual[i]!, expected[i]!, tolerance, `${what}, number ${i}`);
  }
}

/** @throws VerificationError unless the work throws an error with this code. */
export async function checkRefused(
  work: () => unknown,
  code: string,
  what: string,
): Promise<{ readonly facts: Readonly<Record<string, unknown>> }> {
  try {
    await work();
  } catch (error) {
    const { code: actual } = error as { readonly code?: string };
    if (actual === code) return error as { readonly facts: Readonly<Record<string, unknown>> };
    throw new VerificationError(`${what} is refused with another error`, {
      expected: code,
      actual: String(error),
      cause: error,
    });
  }
  throw new VerificationError(`${what} is accepted`, { expected: code });
}
