import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { decomposePair } from '../../src/state-vector/lowering/decompose-pair.ts';

/** `(A x B) (cos h |00> + sin h |11>)`, entry by entry. */
function compose({ angle, first, second }: ReturnType<typeof decomposePair>): number[] {
  const amplitudes: number[] = [];
  for (let index = 0; index < 4; index++) {
    const [i, j] = [index & 1, index >> 1];
    let [re, im] = [0, 0];
    for (const k of [0, 1]) {
      const [a, b] = [2 * (2 * i + k), 2 * (2 * j + k)];
      const weight = k === 0 ? Math.cos(angle / 2) : Math.sin(angle / 2);
      re += weight * (first[a]! * second[b]! - first[a + 1]! * second[b + 1]!);
      im += weight * (first[a]! * second[b + 1]! + first[a + 1]! * second[b]!);
    }
    amplitudes.push(re, im);
  }
  return amplitudes;
}

function largestError(amplitudes: readonly number[]): number {
  return Math.max(
    ...compose(decomposePair(amplitudes)).map((value, index) => Math.abs(value - amplitudes[index]!)),
  );
}

describe('the Schmidt decomposition of two qubits', () => {
  it('gives random states back, and those that are products or nearly so', () => {
    const random = new Random(4);
    for (let round = 0; round < 500; round++) {
      const numbers = Array.from({ length: 8 }, () => random.normal() * 10 ** -random.integer(12));
      const norm = Math.hypot(...numbers);
      // A few roundings of numbers up to 1.
      expect(largestError(numbers.map((value) => value / norm))).toBeLessThan(4e-15);
    }
  });

  it('gives states with equal coefficients back, but for any perturbation', () => {
    for (const small of [0, 5e-324, 1e-310, 1e-160, 1e-99, 1e-17, 1e-8]) {
      const half = Math.SQRT1_2;
      expect(largestError([half, 0, small, 0, 0, 0, half, 0]), `${small} from a Bell state`).toBeLessThan(
        1e-15 + small * small,
      );
      expect(largestError([small, 0, half, 0, 0, -half, 0, small])).toBeLessThan(1e-15 + small * small);
    }
  });
});
