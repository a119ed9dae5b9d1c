import { writeFileAtomic } from '@qedge/core/node';
import { LazyModel } from './lazy-model.ts';
import type { LazyModelOptions } from './lazy-model-options.ts';
import { mapFile } from './mapped-file.ts';
import { planFile } from './model-file/encode-model.ts';
import type { ModelContent, ModelFileOptions } from './model-file/model-content.ts';
import { writePieces } from './write-pieces.ts';

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
export function openModelFile(path: string, options?: LazyModelOptions): LazyModel {
  return LazyModel.fromSource(mapFile(path), options);
}

/**
 * Writes a model file atomically and piece by piece: readers see the old file or all of the new one, models that are open on the old
 * one notice, and no more than one tensor or one piece of a section is held in memory beyond what the content itself holds. The content
 * is borrowed until the promise is settled.
 *
 * @returns the size of the file in bytes.
 * @throws what `encodeModel` throws, before anything is written; FileNotFoundError when the directory does not exist; FileAccessError
 *   and the file system's own errors otherwise.
 */
export async function saveModelFile(
  path: string,
  model: ModelContent,
  options?: ModelFileOptions,
): Promise<number> {
  const planned = planFile(model, options);
  await writeFileAtomic(path, async (file) => {
    // Also what makes padding zero.
    await file.truncate(planned.byteLength);
    await writePieces(file, planned.pieces());
  });
  return planned.byteLength;
}
