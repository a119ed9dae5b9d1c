import { InvalidArgumentError } from '@qedge/core';
import type { StateMachineOptions } from './create-portable-machine.ts';

/** Options with their defaults. @throws InvalidArgumentError for impossible ones. */
export function requireOptions({ element, threads = 1 }: StateMachineOptions): {
  readonly element: StateMachineOptions['element'];
  readonly threads: number;
} {
  if (element !== 'float32' && element !== 'float64') {
    throw new InvalidArgumentError('Amplitudes are of an unknown element', {
      expected: 'float32 or float64',
      actual: element,
    });
  }
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new InvalidArgumentError('A machine has an impossible number of threads', {
      expected: 'an integer from 1 to 256',
      actual: threads,
    });
  }
  return { element, threads };
}
