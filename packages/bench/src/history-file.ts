import { open, readFile } from 'node:fs/promises';
import { FileFormatError } from '@qedge/core';
import { type BenchmarkRecord, parseBenchmarkRecord } from './benchmark-record.ts';

const LINE_FEED = 10;

/** What {@link readHistory} found. */
export interface History {
  /** In the order of the file. Empty when there is no file. */
  readonly records: readonly BenchmarkRecord[];
  /** Set when the last line was cut short (a run that died while writing); says where. It will be replaced by the next append. */
  readonly truncated: string | null;
}

/**
 * Appends a record to a history of one JSON object per line. The line goes to the file in one write and is flushed to disk; a
 * last line that an earlier, killed run left incomplete is cut off first.
 *
 * @throws FileFormatError when the record is not one; the file system's own errors.
 */
export async function appendHistory(path: string, record: BenchmarkRecord): Promise<void> {
  parseBenchmarkRecord(record, 'The new record');
  const file = await open(path, 'a+');
  try {
    const bytes = await file.readFile();
    const complete = bytes.lastIndexOf(LINE_FEED) + 1;
    const rest = bytes.subarray(complete).toString();
    const whole = rest === '' || isJson(rest);
    if (!whole) await file.truncate(complete);
    const separator = whole && rest !== '' ? '\n' : '';
    await file.appendFile(`${separator}${JSON.stringify(record)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Reads a history. A last line that was cut short is left out and reported in `truncated`; a damaged line elsewhere is an
 * error, because something other than an interrupted run happened to the file.
 *
 * @throws FileFormatError naming the line.
 */
export async function readHistory(path: string): Promise<History> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { records: [], truncated: null };
    throw error;
  }
  const lines = text.split('\n');
  let rest = lines.pop()!;
  // A hand-edited file may lack the last line break without being cut short.
  if (isJson(rest)) {
    lines.push(rest);
    rest = '';
  }
  const records = lines.map((line, index) => parseLine(line, `${path}:${index + 1}`));
  const truncated =
    rest === ''
      ? null
      : `${path}:${lines.length + 1} is incomplete (${rest.length} characters) and was left out`;
  return { records, truncated };
}

function parseLine(line: string, where: string): BenchmarkRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new FileFormatError(`${where} is not JSON`, {
      expected: 'one JSON object per line',
      actual: line.slice(0, 60),
      remedy: 'Delete the line to go on without that run.',
      cause,
    });
  }
  return parseBenchmarkRecord(value, where);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
