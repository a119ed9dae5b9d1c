import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileAccessError } from '@qedge/core/node';
import { mapFile } from '@qedge/memory/node';
import { inspectWith } from './inspect-model.ts';
import type { InspectedModel } from './inspected-model.ts';

/**
 * Lists what a model file on disk holds, as `inspectModel` does; shards are found beside a `model.json`.
 *
 * @throws FileNotFoundError, FileAccessError, and what `inspectModel` throws.
 */
export async function inspectModelFile(path: string): Promise<InspectedModel> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileAccessError(error, path, 'read');
  });
  return inspectWith(bytes, (shard) => mapFile(join(dirname(path), shard)));
}
