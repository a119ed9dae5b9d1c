import { dirname, join } from 'node:path';
import { writeFileAtomic } from '@qedge/core/node';
import type { ModelExport } from './export-report.ts';

/**
 * Writes an export to disk: every file under a temporary name that is renamed when it is whole, what lies beside the main file first. So there
 * is never a `model.json` whose weights are missing.
 *
 * @param path of the main file; companions get their own names in the same folder.
 * @returns the paths that were written, the main file last.
 * @throws FileNotFoundError when the folder is missing, FileAccessError when a file cannot be written there.
 * @example
 * await saveExport('digits.onnx', exportOnnx(compressed));
 */
export async function saveExport(path: string, exported: ModelExport): Promise<readonly string[]> {
  const written: string[] = [];
  for (const [name, bytes] of exported.companions) {
    const companion = join(dirname(path), name);
    await writeFileAtomic(companion, bytes);
    written.push(companion);
  }
  await writeFileAtomic(path, exported.bytes);
  return [...written, path];
}
