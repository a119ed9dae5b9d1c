import { readFile } from 'node:fs/promises';
import { fileAccessError, writeFileAtomic } from '@qedge/core/node';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-file.ts';
import type { CheckpointStore } from './training-checkpoint.ts';

/**
 * A store that is one file. Each save writes a temporary file beside it and renames it, so that a process which is killed at any moment leaves
 * the checkpoint before or the one after.
 *
 * @param path its folder exists. The stored bytes are as large as the weights and the optimiser's memory together.
 * @returns a store whose `load` gives null while there is no such file; it throws FileFormatError when there is another, or a damaged one,
 *   FileAccessError and FileNotFoundError as files do.
 * @example
 * await trainModel(tf, model, data, { ...options, checkpoint: { store: fileCheckpointStore('digits.checkpoint') } });
 */
export function fileCheckpointStore(path: string): CheckpointStore {
  return {
    async load() {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw fileAccessError(error, path, 'read');
      }
      return decodeCheckpoint(bytes);
    },
    save: (checkpoint) => writeFileAtomic(path, encodeCheckpoint(checkpoint)),
  };
}
