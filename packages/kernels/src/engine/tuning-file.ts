import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { FileAccessError, FileFormatError } from '@qedge/core';
import type { TuningMemory } from './measuring-tuner.ts';

const FORMAT = 'qedge-kernel-tuning';
const VERSION = 1;

interface TuningDocument {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** By processor, then by host and work. */
  readonly processors: Record<string, Record<string, object>>;
}

/**
 * Blockings in a JSON file, which is read at once and written, atomically, after every measurement. Several processes may use one
 * file: the last to write keeps what it had read and measured.
 *
 * @param path of a file that may not exist yet; folders are made.
 * @throws FileFormatError for a file that is something else, FileAccessError when it cannot be read.
 */
export function openTuningFile(path: string): TuningMemory {
  const document = readDocument(path);
  // WebAssembly is compiled by V8, so its measurements hold for one version.
  const processor = `${cpus()[0]?.model ?? process.arch}, V8 ${process.versions.v8}`;
  const entries = new Map(Object.entries(document.processors[processor] ?? {}));
  return {
    get: (key) => entries.get(key),
    set(key, blocking) {
      entries.set(key, blocking);
      document.processors[processor] = Object.fromEntries(entries);
      writeDocument(path, document);
    },
  };
}

function readDocument(path: string): TuningDocument {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return { format: FORMAT, version: VERSION, processors: {} };
    }
    throw new FileAccessError(`The tuning file ${path} cannot be read`, {
      actual: (cause as Error).message,
      cause,
    });
  }
  const refuse = (actual: string, cause?: unknown) => {
    return new FileFormatError(`${path} is no tuning file`, {
      expected: `JSON of format "${FORMAT}", version ${VERSION}`,
      actual,
      remedy: 'Delete it, or name another one: what it held is measured again.',
      cause,
    });
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
  const { format, version, processors } = (parsed ?? {}) as Partial<TuningDocument>;
  if (format !== FORMAT || version !== VERSION) throw refuse(`format ${format}, version ${version}`);
  if (typeof processors !== 'object' || processors === null) throw refuse('no processors');
  return { format, version, processors };
}

function writeDocument(path: string, document: TuningDocument): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, `${JSON.stringify(document, null, 2)}\n`);
    renameSync(temporary, path);
  } catch (cause) {
    removeQuietly(temporary);
    throw new FileAccessError(`The tuning file ${path} cannot be written`, {
      actual: (cause as Error).message,
      remedy: "Name a file that this process may write, or use tuning: 'measure', which keeps no file.",
      cause,
    });
  }
}

/** What is left of a failed attempt goes if it may: the error that is told is the first one. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where nothing may be written, nothing is left either.
  }
}
