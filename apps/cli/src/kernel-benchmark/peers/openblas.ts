import type { Koffi } from '@qedge/core/node';
import type { ProductWork, Work } from '../work.ts';
import type { Peer, PreparedWork } from './peer.ts';

/** Where a system keeps OpenBLAS, after what `QEDGE_OPENBLAS` says. */
const LIBRARIES = ['libopenblas.so.0', 'libopenblas.so', 'libopenblas.dylib', 'libopenblas.dll'];

const [ROW_MAJOR, NO_TRANSPOSE] = [101, 111];

/**
 * OpenBLAS through its C interface, called in this process. It packs both operands in every call: `cblas_sgemm` has no way to
 * prepare a constant one.
 *
 * @throws Error when no library loads.
 */
export function loadOpenblas(koffi: Koffi): Peer {
  const library = openLibrary(koffi);
  const config = library.func('char *openblas_get_config()') as () => string;
  const setThreads = library.func('void openblas_set_num_threads(int)') as (count: number) => void;
  const sgemm = library.func(
    'void cblas_sgemm(int, int, int, int, int, int, float, void *, int, void *, int, float, void *, int)',
  ) as (...parameters: unknown[]) => void;
  return {
    name: 'openblas',
    version: config().trim(),
    async prepare(work: Work, threads: number) {
      return work.kind === 'product' ? prepareProduct(work, threads, setThreads, sgemm) : null;
    },
  };
}

function openLibrary(koffi: Koffi) {
  const candidates = process.env.QEDGE_OPENBLAS ? [process.env.QEDGE_OPENBLAS] : LIBRARIES;
  const reasons: string[] = [];
  for (const candidate of candidates) {
    try {
      return koffi.load(candidate);
    } catch (error) {
      reasons.push((error as Error).message.split('\n', 1)[0]!);
    }
  }
  throw new Error(reasons.join('; '));
}

function prepareProduct(
  { m, n, k, a, b }: ProductWork,
  threads: number,
  setThreads: (count: number) => void,
  sgemm: (...parameters: unknown[]) => void,
): PreparedWork {
  const c = new Float32Array(m * n);
  return {
    run() {
      setThreads(threads);
      sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, 1, a, k, b, n, 0, c, n);
    },
    result: () => c,
    dispose() {},
  };
}
