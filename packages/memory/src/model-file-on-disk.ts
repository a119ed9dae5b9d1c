import { dirname } from 'node:path';
import { FileNotFoundError } from '@qedge/core';
import { writeFileAtomic } from '@qedge/core/node';
import { LazyModel } from './lazy-model.ts';
import { mapFile } from './mapped-file.ts';
import { encodeModel, type ModelContent } from './model-file/encode-model.ts';

/**
 * Opens a model file. Only the header is read and checked; tensors are decoded when they are first asked for, out of a mapping
 * where that is possible (`model.loading` says which, `model.fallbacks` why not).
 *
 * @example
 * using model = openModelFile('digits.qez');
 * console.log(model.graph.name, model.fileByteLength, model.loading);
 * @throws FileNotFoundError, InvalidArgumentError for a directory, FileFormatError for anything that is not a whole model file,
 *   UnsupportedError for an unknown kind of layer.
 */
export function openModelFile(path: string): LazyModel {
  return LazyModel.fromSource(mapFile(path));
}

/**
 * Writes a model file atomically: readers see the old file or all of the new one, and models that are open on the old one notice.
 *
 * @returns the size of the file in bytes.
 * @throws what `encodeModel` throws, before anything is written; FileNotFoundError when the directory does not exist; the file
 *   system's own error otherwise.
 */
export async function saveModelFile(path: string, model: ModelContent): Promise<number> {
  const bytes = encodeModel(model);
  try {
    await writeFileAtomic(path, bytes);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new FileNotFoundError(`The directory ${dirname(path)} does not exist`, {
      remedy: 'Create it first',
      facts: { path },
      cause,
    });
  }
  return bytes.length;
}
