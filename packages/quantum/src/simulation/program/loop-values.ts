import { InvalidArgumentError } from '@qedge/core';
import type { ClassicalExpression, ClassicalValue } from '../../circuit/classical-expression.ts';
import type { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { castValue, evaluateClassical } from '../../circuit/evaluate-classical.ts';
import type { ForInstruction } from '../../circuit/instruction.ts';

/**
 * The values of a loop, worked out where the loop begins: a function that gives that of each round, or null after the last one. Ranges
 * are never written out.
 *
 * @throws InvalidArgumentError for a range whose step is 0.
 */
export function loopValues(
  values: ForInstruction['values'],
  memory: ClassicalMemory,
): (round: number) => ClassicalValue | null {
  if (!('start' in values)) {
    const list = values.map((value) => evaluateClassical(value, memory));
    return (round) => list[round] ?? null;
  }
  const type = { kind: 'int', size: 64 } as const;
  const integer = (expression: ClassicalExpression) =>
    castValue(evaluateClassical(expression, memory), type).value as bigint;
  const first = integer(values.start);
  const last = integer(values.stop);
  const step = integer(values.step);
  if (step === 0n) {
    throw new InvalidArgumentError('A range of a loop does not move', { expected: 'a step other than 0' });
  }
  return (round) => {
    const value = first + BigInt(round) * step;
    const isInside = step > 0n ? value <= last : value >= last;
    return isInside ? { type, value } : null;
  };
}
