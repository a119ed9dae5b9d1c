import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';

/**
 * Checks that a compiled model whose runs are promises may be run now.
 *
 * @param device the model's device, for the message.
 * @throws UseAfterReleaseError after `dispose`, InvalidArgumentError while an earlier run has not finished.
 */
export function assertIdle(device: string, disposed: boolean, running: boolean): void {
  assertAlive(device, disposed);
  if (running) {
    throw new InvalidArgumentError('A compiled model runs one batch at a time', {
      expected: 'the previous run to have finished',
      actual: 'a run under way',
      remedy: 'Await run() before calling it again, or compile the graph twice',
    });
  }
}

/** @throws UseAfterReleaseError when the model was disposed. */
export function assertAlive(device: string, disposed: boolean): void {
  if (disposed) throw new UseAfterReleaseError(`A model on ${device} was used after dispose()`);
}
