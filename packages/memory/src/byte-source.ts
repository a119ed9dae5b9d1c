import { type Fallback, InvalidArgumentError } from '@qedge/core';
import type { AdviceResult, PageAdvice, ResidencyResult } from './page-advice.ts';

/**
 * Where the bytes of a file come from: memory, a mapped file, a file that is read on demand. The consumer that is given a source
 * owns it and disposes it.
 */
export interface ByteSource extends Disposable {
  /** For messages: a path, or what the bytes are. */
  readonly name: string;
  readonly byteLength: number;
  /** `mapped`: pages of the file appear as they are touched. `copied`: bytes are copied into memory of this process. */
  readonly loading: 'mapped' | 'copied';
  /** Why the bytes are copied although a mapping was wanted. Empty when nothing was lost. */
  readonly fallbacks: readonly Fallback[];
  /**
   * How long the bytes given to a callback of {@link borrow} stay valid: `source`: they are the source's own memory and live as
   * long as anybody refers to them; `caller`: they are a fresh copy that the callback may keep; `call`: until the callback returns.
   */
  readonly lifetime: 'source' | 'caller' | 'call';
  /**
   * Calls `use` with `byteLength` bytes at `offset`. The bytes must not be written to, nor kept when
   * {@link lifetime} is `call`.
   *
   * @throws FileFormatError when the file behind it was truncated or replaced, UseAfterReleaseError after `dispose` where a file was
   *   closed by it, InvalidArgumentError for a range outside of the source.
   */
  borrow<Result>(offset: number, byteLength: number, use: (bytes: Uint8Array) => Result): Result;
  /** A hint on how pages will be used, where the bytes lie in pages of a file. Results are the same either way. */
  advise?(offset: number, byteLength: number, advice: PageAdvice): AdviceResult;
  /** How much of a range is in physical memory, where the bytes lie in pages of a file. */
  residency?(offset: number, byteLength: number): ResidencyResult;
  /** Gives back what the source holds. Further calls do nothing. */
  dispose(): void;
}

/** The bytes of a file that is already in memory. They are borrowed for the source's life: do not change them. */
export function bytesInMemory(bytes: Uint8Array, name = 'The model'): ByteSource {
  return {
    name,
    byteLength: bytes.length,
    loading: 'copied',
    fallbacks: [],
    lifetime: 'source',
    borrow(offset, byteLength, use) {
      assertRange(name, bytes.length, offset, byteLength);
      return use(new Uint8Array(bytes.buffer, bytes.byteOffset + offset, byteLength));
    },
    dispose: () => {},
    [Symbol.dispose]: () => {},
  };
}

/** @throws InvalidArgumentError for a range that is none, or not within `wholeByteLength` bytes. */
export function assertRange(what: string, wholeByteLength: number, offset: number, byteLength: number): void {
  const valid = [offset, byteLength].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (valid && offset + byteLength <= wholeByteLength) return;
  throw new InvalidArgumentError(`A range lies outside of ${what}`, {
    expected: `within ${wholeByteLength} bytes`,
    actual: `${byteLength} bytes at ${offset}`,
  });
}
