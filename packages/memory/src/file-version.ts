import { type BigIntStats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FileFormatError } from '@qedge/core';

/** What must stay the same for the bytes to be those that were opened. */
type FileIdentity = Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs'>;

/** The file that a path meant when it was opened, and whether it still does. */
export class FileVersion {
  /** As it was given, for messages. */
  readonly path: string;
  /** What `path` meant then: the working directory may change. */
  readonly absolutePath: string;
  readonly byteLength: number;
  readonly #identity: FileIdentity;

  constructor(path: string, identity: FileIdentity) {
    this.path = path;
    this.absolutePath = resolve(path);
    this.byteLength = Number(identity.size);
    this.#identity = identity;
  }

  /**
   * Asks the system again.
   *
   * @throws FileFormatError when the file was truncated, changed, replaced or removed.
   */
  verify(): void {
    this.verifyStatus(statSync(this.absolutePath, { bigint: true, throwIfNoEntry: false }));
  }

  /** Compares what the system answered just now; undefined: there is no file. @throws what {@link verify} throws. */
  verifyStatus(now: FileIdentity | undefined): void {
    const change = now ? describeChange(this.#identity, now) : 'was removed';
    if (change === null) return;
    throw new FileFormatError(`${this.path} ${change} since it was opened`, {
      remedy: 'Open it again',
      facts: { path: this.path },
    });
  }
}

function describeChange(before: FileIdentity, now: FileIdentity): string | null {
  if (now.ino !== before.ino || now.dev !== before.dev) return 'was replaced';
  if (now.size < before.size) return `was truncated from ${before.size} to ${now.size} bytes`;
  if (now.size !== before.size || now.mtimeNs !== before.mtimeNs) return 'was changed';
  return null;
}
