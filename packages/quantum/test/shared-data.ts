/** @file Where reference data lies: the H2 curve in this package always, the larger sets only on machines that have them. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const shared = process.env.QEDGE_SHARED ?? resolve(repository, '..', 'shared');

/** The package's own H2 files. */
export const H2_DIRECTORY = fileURLToPath(new URL('../data/h2/', import.meta.url));

/** A directory of shared data, or null where it is not there. */
export function sharedDirectory(name: string): string | null {
  const path = join(shared, 'data', name);
  return existsSync(path) ? path : null;
}
