import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

/** Why a sensor's file gave no value. `garbage` means that its content was not of the expected form. */
export interface SensorFailure {
  readonly path: string;
  /** The system's error code, e.g. `EACCES`, `ENOENT`, `ENODEV`; or `garbage`. */
  readonly code: string;
}

/** A value, or why there is none. */
export type SensorResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: SensorFailure };

// sysfs attributes fit in one page; /proc/stat of a 256-core machine has its aggregate line first.
const buffer = Buffer.alloc(4096);

/** The first 4 KiB of a file, trimmed. The file is opened and closed each time, so it may vanish and come back. */
export function readText(path: string): SensorResult<string> {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, 'r');
    const length = readSync(descriptor, buffer, 0, buffer.length, 0);
    return { ok: true, value: buffer.toString('latin1', 0, length).trim() };
  } catch (error) {
    return { ok: false, failure: { path, code: errorCode(error) } };
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

/** A file that holds one integer. */
export function readInteger(path: string): SensorResult<number> {
  const text = readText(path);
  if (!text.ok) return text;
  const value = /^[+-]?\d+$/.test(text.value) ? Number(text.value) : Number.NaN;
  return Number.isSafeInteger(value)
    ? { ok: true, value }
    : { ok: false, failure: { path, code: 'garbage' } };
}

/** The names in a folder, sorted so that zone 10 follows zone 9; empty when it cannot be listed. */
export function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch {
    return [];
  }
}

/** The value, or null. */
export function valueOrNull<T>(result: SensorResult<T>): T | null {
  return result.ok ? result.value : null;
}

/** For people: what went wrong with a file. */
export function describeFailure({ path, code }: SensorFailure): string {
  const words: Record<string, string> = {
    EACCES: 'may not be read by this user (EACCES)',
    ENOENT: 'does not exist (ENOENT)',
    ENODEV: 'has no device behind it (ENODEV)',
    garbage: 'does not hold a number',
  };
  return `${path} ${words[code] ?? `cannot be read (${code})`}`;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
