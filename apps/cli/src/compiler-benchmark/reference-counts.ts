import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PeerFigures } from './compiler-result.ts';

/** Counts of other compilers that were measured once, as files `reference-NAME.json` beside the circuits have them. */
export class ReferenceCounts {
  readonly #files: readonly (readonly [string, ReferenceFile])[];

  private constructor(files: readonly (readonly [string, ReferenceFile])[]) {
    this.#files = files;
  }

  /** Reads the files of Qiskit and tket in a folder; none where it has none. */
  static async read(folder: string): Promise<ReferenceCounts> {
    const names = await readdir(folder).catch(() => [] as string[]);
    const files = names.flatMap((file) => {
      const match = /^reference-((?:qiskit|tket)-[\d.]+)-\w+\.json$/.exec(file);
      return match ? [[match[1]!, file] as const] : [];
    });
    return new ReferenceCounts(
      await Promise.all(
        files.map(
          async ([name, file]) => [name, JSON.parse(await readFile(join(folder, file), 'utf8'))] as const,
        ),
      ),
    );
  }

  /** What is known of a circuit on a map: means over seeds. tket has one level, which stands beside 2 and 3. */
  find(map: string, circuit: string, level: number): PeerFigures[] {
    return this.#files.flatMap(([name, { data }]) => {
      const record = data[map]?.[circuit];
      if (record === undefined) return [];
      const own = typeof record.n2q === 'number' ? (level >= 2 ? record : undefined) : record[`L${level}`];
      if (own === undefined || typeof own !== 'object') return [];
      const { n2q, depth, depth2q, cpu_ms: cpuMs } = own as ReferenceRecord;
      return [
        {
          name,
          source: 'reference' as const,
          twoQubitGates: mean(n2q),
          depth: depth === undefined ? null : mean(depth),
          twoQubitDepth: depth2q === undefined ? null : mean(depth2q),
          cpuMs: cpuMs === undefined ? null : mean(cpuMs),
          wallMs: null,
        },
      ];
    });
  }
}

interface ReferenceRecord {
  readonly n2q: number | readonly number[];
  readonly depth?: number | readonly number[];
  readonly depth2q?: number | readonly number[];
  readonly cpu_ms?: number | readonly number[];
}

interface ReferenceFile {
  readonly data: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
}

function mean(values: number | readonly number[]): number {
  if (typeof values === 'number') return values;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
