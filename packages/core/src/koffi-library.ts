import { createRequire } from 'node:module';
import type { Koffi } from './koffi-interface.ts';

/** Whether koffi loads here, and if not, why. */
export type KoffiResult =
  | {
      readonly available: true;
      readonly koffi: Koffi;
      readonly version: string;
      /** The absolute path from which other threads can `require` it. */
      readonly path: string;
    }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** Pointers are of another kind before. */
const OLDEST_MAJOR = 3;

const REMEDY = 'Run `npm install koffi`';
const UPDATE_REMEDY = 'Run `npm install koffi@3`';
/** What Node's permission model answers. */
const FORBIDDEN = ['ERR_DLOPEN_DISABLED', 'ERR_ACCESS_DENIED'];
const PERMISSION_REMEDY = 'Start Node with --allow-addons, and --allow-fs-read for the folder of koffi';

/**
 * Loads the optional dependency koffi, or says why it does not load: not installed, built for another platform, broken. Never
 * throws. Synchronous, so that files can be opened synchronously; the first call costs up to 0.2 s, later ones nothing.
 */
export function loadKoffi(): KoffiResult {
  try {
    const require = createRequire(import.meta.url);
    const koffi = require('koffi') as Koffi;
    if (typeof koffi?.load !== 'function' || typeof koffi.view !== 'function') {
      return {
        available: false,
        reason: 'koffi is installed but lacks load() or view()',
        remedy: UPDATE_REMEDY,
      };
    }
    const version = String(koffi.version);
    if (!(Number.parseInt(version, 10) >= OLDEST_MAJOR)) {
      return { available: false, reason: `koffi ${version} is too old`, remedy: UPDATE_REMEDY };
    }
    return { available: true, koffi, version, path: require.resolve('koffi') };
  } catch (error) {
    const forbidden = FORBIDDEN.includes((error as { code?: unknown } | undefined)?.code as string);
    return {
      available: false,
      reason: describeFailure(error),
      remedy: forbidden ? PERMISSION_REMEDY : REMEDY,
    };
  }
}

function describeFailure(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const firstLine = String(message ?? error).split('\n', 1)[0]!;
  if (code === 'MODULE_NOT_FOUND' && firstLine.includes("'koffi'")) return 'koffi is not installed';
  return `koffi does not load: ${firstLine}`;
}
