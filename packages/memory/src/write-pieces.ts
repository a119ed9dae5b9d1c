import type { FileHandle } from 'node:fs/promises';

/** Bytes and where they belong in a file. */
export interface FilePiece {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** The most that one write is asked for: longer ones are refused or cut by some platforms. */
const WRITE_CHUNK_BYTES = 2 ** 28;

/** Writes pieces one after the other, whole. */
export async function writePieces(file: FileHandle, pieces: Iterable<FilePiece>): Promise<void> {
  for (const { position, bytes } of pieces) {
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(WRITE_CHUNK_BYTES, bytes.length - done);
      done += (await file.write(bytes, done, length, position + done)).bytesWritten;
    }
  }
}
