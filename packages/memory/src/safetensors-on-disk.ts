import { writeFileAtomic } from '@qedge/core/node';
import { mapFile } from './mapped-file.ts';
import { type SafetensorsContent, safetensorsPieces } from './safetensors/encode-safetensors.ts';
import { SafetensorsFile } from './safetensors/safetensors-file.ts';
import { writePieces } from './write-pieces.ts';

/**
 * Opens a safetensors file of any length: mapped where that is possible, otherwise read on demand.
 *
 * @example
 * using file = openSafetensors('model.safetensors');
 * const norm = file.borrow('encoder.norm.weight', ({ data }) => Math.hypot(...data));
 * @throws FileNotFoundError, InvalidArgumentError for a directory, FileFormatError for anything that is not a whole safetensors file.
 */
export function openSafetensors(path: string): SafetensorsFile {
  return SafetensorsFile.fromSource(mapFile(path));
}

/**
 * Writes a safetensors file tensor by tensor, without a copy of it in memory, to a temporary file that is flushed to disk and renamed:
 * readers see the old file or all of the new one, and files that are open on the old one notice.
 *
 * @returns the size of the file in bytes.
 * @throws what `encodeSafetensors` throws, before anything is written; FileNotFoundError when the folder does not exist,
 *   FileAccessError when the file cannot be written there.
 */
export async function saveSafetensors(path: string, content: SafetensorsContent): Promise<number> {
  const pieces = safetensorsPieces(content);
  await writeFileAtomic(path, (file) => writePieces(file, inOrder(pieces)));
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}

function* inOrder(pieces: readonly Uint8Array[]) {
  let position = 0;
  for (const bytes of pieces) {
    yield { position, bytes };
    position += bytes.byteLength;
  }
}
