import { type BigIntStats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FileFormatError } from '@qedge/core';
import { posixCalls } from './posix-calls.ts';
import { StatusRecord } from './status-record.ts';

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
  /** Undefined until the first check; null where there is none. */
  #record: StatusRecord | null | undefined;

  constructor(path: string, identity: FileIdentity) {
    this.path = path;
    this.absolutePath = resolve(path);
    this.byteLength = Number(identity.size);
    this.#identity = identity;
  }

  /**
   * Asks the system again; on Linux about a microsecond, and from the second time on without allocating.
   *
   * @throws FileFormatError when the file was truncated, changed, replaced or removed.
   */
  verify(): void {
    if (this.#record?.isCurrent()) return;
    // Taken before the comparison and kept only after it: a record of a changed file would answer that nothing changed.
    const record = this.#record === undefined ? takeRecord(this.absolutePath) : this.#record;
    this.verifyStatus(this.#readStatus());
    this.#record = record;
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

  #readStatus(): BigIntStats | undefined {
    try {
      return statSync(this.absolutePath, { bigint: true, throwIfNoEntry: false });
    } catch (cause) {
      // A folder on the way was replaced or locked.
      throw new FileFormatError(`${this.path} cannot be found again (${(cause as Error).message})`, {
        remedy: 'Open it again',
        facts: { path: this.path },
        cause,
      });
    }
  }
}

function takeRecord(absolutePath: string): StatusRecord | null {
  const posix = posixCalls();
  return posix.available ? StatusRecord.take(posix.calls, absolutePath) : null;
}

function describeChange(before: FileIdentity, now: FileIdentity): string | null {
  if (now.ino !== before.ino || now.dev !== before.dev) return 'was replaced';
  if (now.size < before.size) return `was truncated from ${before.size} to ${now.size} bytes`;
  if (now.size !== before.size || now.mtimeNs !== before.mtimeNs) return 'was changed';
  return null;
}
