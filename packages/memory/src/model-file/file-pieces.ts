import { InvalidArgumentError } from '@qedge/core';

/** Bytes that belong at a place of the file. They are to be used before the next piece is asked for. */
export interface FilePiece {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A model that has passed every check and has a place for each of its bytes. */
export interface PlannedFile {
  readonly byteLength: number;
  /** Everything but padding, which is zero; payloads rise in position, and the prefix and header come last. */
  pieces(): Generator<FilePiece, void>;
}

/** @throws InvalidArgumentError when a part of a model has other bytes than it had when the file was planned. */
export function assertLength(what: string, expected: number, actual: number): void {
  if (actual === expected) return;
  throw new InvalidArgumentError(`${what} has other bytes than it was said to have`, {
    expected: `${expected} bytes`,
    actual: `${actual} bytes`,
  });
}
