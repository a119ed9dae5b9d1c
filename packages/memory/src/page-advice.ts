import { accessSync, constants, statSync } from 'node:fs';
import { describeFailure } from './posix-calls.ts';
import type { FileMapping } from './posix-mapping.ts';

/** How pages of a file will be used. */
export type PageAdvice = 'normal' | 'random' | 'sequential' | 'will-need' | 'dont-need';

/** Whether the system took a hint; results are the same either way. */
export type AdviceResult =
  | { readonly taken: true }
  /** Why it could not be given. */
  | { readonly taken: false; readonly reason: string };

/** How much of a range of a file is in physical memory, or why that cannot be told. */
export type ResidencyResult =
  | {
      readonly available: true;
      /** Of the whole pages that hold the range. */
      readonly byteLength: number;
      /** Of these, those in physical memory: in the system's page cache, which all processes share (`mincore`). */
      readonly residentBytes: number;
    }
  | { readonly available: false; readonly reason: string };

/** The constants of Linux and macOS. */
const ADVICE: Readonly<Record<PageAdvice, number>> = {
  normal: 0,
  random: 1,
  sequential: 2,
  'will-need': 3,
  'dont-need': 4,
};

export function isPageAdvice(value: unknown): value is PageAdvice {
  return typeof value === 'string' && Object.hasOwn(ADVICE, value);
}

/** Passes a hint on with `madvise`. The range lies in the file. */
export function advisePages(
  mapping: FileMapping,
  offset: number,
  byteLength: number,
  advice: PageAdvice,
): AdviceResult {
  if (byteLength === 0) return { taken: true };
  const { calls, address } = mapping;
  // Dropping a page that also holds a neighbour's bytes costs the neighbour a fault, no more.
  const { start, length } = wholePages(mapping, offset, byteLength);
  if (calls.madvise(address + start, length, ADVICE[advice]) === 0) return { taken: true };
  return { taken: false, reason: describeFailure('madvise', calls.koffi) };
}

/** Bytes that one call of `mincore` is asked for: 8 GiB of pages of 4 KiB answer 2 MiB. */
const MINCORE_BYTES = 2 ** 30;

/** Counts resident pages with `mincore`. The range lies in the file. */
export function countResidentPages(
  mapping: FileMapping,
  absolutePath: string,
  offset: number,
  byteLength: number,
): ResidencyResult {
  if (byteLength === 0) return { available: true, byteLength: 0, residentBytes: 0 };
  if (!maySeeResidency(absolutePath)) {
    return { available: false, reason: 'the system tells it only of files that one owns or may write' };
  }
  const { calls, address } = mapping;
  const { start, length } = wholePages(mapping, offset, byteLength);
  const answer = new Uint8Array(Math.min(length, MINCORE_BYTES) / calls.pageBytes);
  let residentPages = 0;
  for (let done = 0; done < length; done += MINCORE_BYTES) {
    const part = Math.min(MINCORE_BYTES, length - done);
    if (calls.mincore(address + start + done, part, answer) !== 0) {
      return { available: false, reason: describeFailure('mincore', calls.koffi) };
    }
    for (let page = 0; page < part / calls.pageBytes; page++) residentPages += answer[page]! & 1;
  }
  return { available: true, byteLength: length, residentBytes: residentPages * calls.pageBytes };
}

/** Linux answers "all resident" for other files, so that nobody can watch what others read. */
function maySeeResidency(absolutePath: string): boolean {
  if (statSync(absolutePath).uid === process.getuid?.()) return true;
  try {
    accessSync(absolutePath, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function wholePages(
  { calls: { pageBytes } }: FileMapping,
  offset: number,
  byteLength: number,
): { readonly start: number; readonly length: number } {
  const start = Math.floor(offset / pageBytes) * pageBytes;
  return { start, length: Math.ceil((offset + byteLength - start) / pageBytes) * pageBytes };
}
