import { closeSync, fstatSync, openSync } from 'node:fs';
import { CapabilityUnavailableError, UseAfterReleaseError } from '@qedge/core';
import { assertRange } from './byte-source.ts';
import type { FileVersion } from './file-version.ts';
import {
  describeFailure,
  MAP_ANONYMOUS,
  MAP_FAILED,
  MAP_FIXED,
  MAP_PRIVATE,
  type PosixCalls,
  PROT_READ_WRITE,
  posixCalls,
} from './posix-calls.ts';

/** Linear memory of WebAssembly: a `WebAssembly.Memory`, or a record of its buffer when the memory never grows. */
export interface LinearMemory {
  readonly buffer: ArrayBufferLike;
}

/** Bytes of a file. */
export interface FileRange {
  readonly fileOffset: number;
  readonly byteLength: number;
}

/**
 * Pages of a file in the place of pages of a WebAssembly memory. Reading them reads the file; writes stay in this process and never
 * reach the file. Growing the memory keeps them. Nothing may run on them after `dispose`, which leaves zeros there.
 */
export interface MemoryOverlay extends Disposable {
  /** Where in the memory the bytes begin. */
  readonly byteOffset: number;
  /** Bytes of the file that are there. Zeros follow up to the end of the last page. */
  readonly byteLength: number;
  /**
   * To be called before code reads the pages: a page that a truncated file no longer has ends the process.
   *
   * @throws FileFormatError when the file was truncated, changed, replaced or removed, UseAfterReleaseError after `dispose`.
   */
  verify(): void;
  /**
   * Puts zeroed pages back, so that the memory stays usable as a whole. Further calls do nothing.
   *
   * @throws CapabilityUnavailableError when the system refuses them; the overlay stays then.
   */
  dispose(): void;
}

/** The overlay, or why these bytes must be copied instead. */
export type MemoryOverlayResult =
  | { readonly mapped: true; readonly overlay: MemoryOverlay }
  | { readonly mapped: false; readonly reason: string };

const WASM_PAGE_BYTES = 65_536;

/**
 * Maps bytes of a file over bytes of a WebAssembly memory: `mmap(MAP_FIXED | MAP_PRIVATE)`.
 *
 * @throws InvalidArgumentError for a range outside of the memory or the file, what `version.verify` throws.
 */
export function overlayFile(
  version: FileVersion,
  memory: LinearMemory,
  byteOffset: number,
  range: FileRange,
): MemoryOverlayResult {
  assertRange(version.path, version.byteLength, range.fileOffset, range.byteLength);
  assertRange('the memory', memory.buffer.byteLength, byteOffset, range.byteLength);
  version.verify();
  const posix = posixCalls();
  if (!posix.available) return { mapped: false, reason: posix.reason };
  const { calls } = posix;
  const pagesLength = roundUp(range.byteLength, calls.pageBytes);
  const base = addressOf(calls, memory.buffer);
  const problem = findMisfit(calls, version, memory, { ...range, byteOffset, pagesLength, base });
  if (problem !== null) return { mapped: false, reason: problem };
  let descriptor: number;
  try {
    descriptor = openSync(version.absolutePath, 'r');
  } catch (error) {
    return { mapped: false, reason: `the file cannot be opened again: ${(error as Error).message}` };
  }
  try {
    version.verifyStatus(fstatSync(descriptor, { bigint: true }));
    const flags = MAP_PRIVATE | MAP_FIXED;
    const at = base + byteOffset;
    if (calls.mmap(at, pagesLength, PROT_READ_WRITE, flags, descriptor, range.fileOffset) === MAP_FAILED) {
      return { mapped: false, reason: describeFailure('mmap(MAP_FIXED)', calls.koffi) };
    }
  } finally {
    closeSync(descriptor);
  }
  const overlay = new OverlaidPages(calls, version, memory, { ...range, byteOffset, pagesLength, base });
  return { mapped: true, overlay };
}

interface Placement extends FileRange {
  readonly byteOffset: number;
  /** Of the whole pages. */
  readonly pagesLength: number;
  /** Address of the memory's first byte. */
  readonly base: number;
}

class OverlaidPages implements MemoryOverlay {
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly #calls: PosixCalls;
  readonly #version: FileVersion;
  readonly #placement: Placement;
  /** Held, so that the address belongs to nobody else. */
  #memory: LinearMemory | null;

  constructor(calls: PosixCalls, version: FileVersion, memory: LinearMemory, placement: Placement) {
    this.#calls = calls;
    this.#version = version;
    this.#memory = memory;
    this.#placement = placement;
    this.byteOffset = placement.byteOffset;
    this.byteLength = placement.byteLength;
  }

  verify(): void {
    if (!this.#memory) {
      throw new UseAfterReleaseError(`Pages of ${this.#version.path} were used after they were given back`);
    }
    this.#version.verify();
  }

  dispose(): void {
    const memory = this.#memory;
    if (!memory) return;
    const { base, byteOffset, pagesLength } = this.#placement;
    // An engine without reserved address space grows a memory by copying it: then the pages went with the old place.
    if (addressOf(this.#calls, memory.buffer) === base) {
      const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
      const { mmap, koffi } = this.#calls;
      if (mmap(base + byteOffset, pagesLength, PROT_READ_WRITE, flags, -1, 0) === MAP_FAILED) {
        throw new CapabilityUnavailableError('Pages of a WebAssembly memory cannot be given back', {
          actual: describeFailure('mmap', koffi),
          remedy: 'Do not use the memory any more',
        });
      }
    }
    this.#memory = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Why whole pages of the file cannot take the place of whole pages of the memory, or null. */
function findMisfit(
  { pageBytes }: PosixCalls,
  version: FileVersion,
  memory: LinearMemory,
  { byteOffset, fileOffset, byteLength, pagesLength, base }: Placement,
): string | null {
  if (byteLength === 0) return 'no bytes have no pages to map';
  if (base % pageBytes !== 0 || memory.buffer.byteLength % WASM_PAGE_BYTES !== 0) {
    return 'only WebAssembly memory consists of whole pages';
  }
  if (byteOffset % pageBytes !== 0 || fileOffset % pageBytes !== 0) {
    return `pages have ${pageBytes} bytes here; byte ${fileOffset} of the file for byte ${byteOffset} of the memory begins none`;
  }
  if (byteLength % pageBytes !== 0 && fileOffset + byteLength !== version.byteLength) {
    return `pages have ${pageBytes} bytes here; ${byteLength} bytes before the end of the file are not whole pages`;
  }
  // Never: WebAssembly's pages are whole multiples of the system's.
  if (byteOffset + pagesLength > memory.buffer.byteLength) return 'the last page leaves the memory';
  return null;
}

/** Of the first byte. The address of a bare SharedArrayBuffer is refused in Node 20, that of a view is not. */
function addressOf({ koffi }: PosixCalls, buffer: ArrayBufferLike): number {
  if (buffer.byteLength === 0) return Number.NaN;
  return Number(koffi.address(new Uint8Array(buffer, 0, 1)));
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
