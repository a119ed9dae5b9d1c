import type { PosixCalls } from './posix-calls.ts';

/** `AT_FDCWD`: what the path is relative to, though it is absolute. */
const WORKING_FOLDER = -100;
/** `STATX_INO | STATX_SIZE | STATX_MTIME`. */
const MASK = 0x100 | 0x200 | 0x40;
const ANSWER_BYTES = 256;
/** Words of the answer, the same on every processor: inode, size, seconds and nanoseconds of the modification, device. */
const COMPARED_WORDS: readonly number[] = [8, 9, 10, 11, 28, 29, 30, 34, 35];

/**
 * What Linux says of a path, asked again and compared without allocating (`statx`): for checks before each of millions of runs.
 */
export class StatusRecord {
  readonly #statx: NonNullable<PosixCalls['statx']>;
  /** Answer and path, in memory that never moves. */
  readonly #answer: Int32Array;
  readonly #answerAddress: number;
  readonly #recorded: Int32Array;

  private constructor(calls: PosixCalls, statx: NonNullable<PosixCalls['statx']>, absolutePath: string) {
    const path = new TextEncoder().encode(`${absolutePath}\0`);
    const bytes = new Uint8Array(new SharedArrayBuffer(ANSWER_BYTES + path.length));
    bytes.set(path, ANSWER_BYTES);
    this.#statx = statx;
    this.#answer = new Int32Array(bytes.buffer, 0, ANSWER_BYTES / 4);
    this.#answerAddress = Number(calls.koffi.address(bytes));
    this.#recorded = new Int32Array(ANSWER_BYTES / 4);
  }

  /** Records the present status; null where the system cannot be asked so, or there is no such file. */
  static take(calls: PosixCalls, absolutePath: string): StatusRecord | null {
    if (!calls.statx || absolutePath.includes('\0')) return null;
    const record = new StatusRecord(calls, calls.statx, absolutePath);
    if (!record.#ask()) return null;
    record.#recorded.set(record.#answer);
    return record;
  }

  /** Whether the path still means the same file with the same size and time. */
  isCurrent(): boolean {
    if (!this.#ask()) return false;
    for (const word of COMPARED_WORDS) {
      if (this.#answer[word] !== this.#recorded[word]) return false;
    }
    return true;
  }

  #ask(): boolean {
    return (
      this.#statx(WORKING_FOLDER, this.#answerAddress + ANSWER_BYTES, 0, MASK, this.#answerAddress) === 0
    );
  }
}
