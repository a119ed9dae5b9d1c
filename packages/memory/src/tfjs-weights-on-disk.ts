import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FileFormatError, FileNotFoundError } from '@qedge/core';
import { fileAccessError } from '@qedge/core/node';
import { mapFile } from './mapped-file.ts';
import { TfjsWeights } from './tfjs-manifest/tfjs-weights.ts';

/**
 * Opens the weights of a TensorFlow.js model: a `model.json` or a weights manifest, with its shards beside it. Shards are mapped where that
 * is possible, each when a weight in it is first asked for.
 *
 * @example
 * using weights = openTfjsWeights('model/model.json');
 * console.log(weights.names(), weights.modelJson?.modelTopology);
 * @throws FileNotFoundError, FileAccessError for a folder, FileFormatError for anything that is no manifest. A shard that is missing is
 *   a FileFormatError when it is needed.
 */
export function openTfjsWeights(path: string): TfjsWeights {
  const folder = dirname(path);
  return TfjsWeights.fromManifest(readManifest(path), (shard) => openShard(join(folder, shard), path), path);
}

function readManifest(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileAccessError(error, path, 'read');
  }
}

function openShard(path: string, manifest: string) {
  try {
    return mapFile(path);
  } catch (cause) {
    if (!(cause instanceof FileNotFoundError)) throw cause;
    throw new FileFormatError(`${manifest} names a shard that is not there`, {
      actual: path,
      remedy: 'Copy all files of the model',
      cause,
    });
  }
}
