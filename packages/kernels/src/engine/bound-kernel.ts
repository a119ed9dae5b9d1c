import { UseAfterReleaseError } from '@qedge/core';
import type { KernelCalls } from './kernel-calls.ts';

/** Something that ends once: an engine. */
export interface Lifetime {
  readonly disposed: boolean;
}

/**
 * Generated code with its argument block, checked when it was bound. Code, block and the memory of the workspace, and with it every
 * buffer that the block names, live for as long as this object. Not re-entrant: one kernel of a workspace runs at a time.
 */
export class BoundKernel implements Disposable {
  readonly #owner: Lifetime;
  #calls: KernelCalls | null;

  /** Made by the methods of `KernelWorkspace`. */
  constructor(calls: KernelCalls, owner: Lifetime) {
    this.#owner = owner;
    this.#calls = calls;
  }

  /**
   * Does the work once, on the current content of the buffers, and returns when it is done. Allocates nothing.
   *
   * @throws UseAfterReleaseError when the kernel or its engine was disposed.
   */
  run(): void {
    const calls = this.#calls;
    if (calls === null || this.#owner.disposed) throw disposedError();
    calls.run();
  }

  /** Lets go of code and memory. Further calls do nothing. */
  dispose(): void {
    this.#calls = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function disposedError(): UseAfterReleaseError {
  return new UseAfterReleaseError('A kernel was run after dispose() of it or of its engine', {
    remedy: 'Bind it again, in a workspace of an engine that lives.',
  });
}
