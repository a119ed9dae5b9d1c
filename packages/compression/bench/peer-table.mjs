/** @file What the seeds of a comparison with other tools say together. */
import { comparePairedRuns } from '@qedge/compression';

/** Means over the seeds, and the paired difference with float32. */
export function summarizeRuns(runs) {
  const floats = runs.map(([float]) => float.right);
  return runs[0].map((row, at) => {
    const rows = runs.map((run) => run[at]);
    const mean = (key) => rows.reduce((sum, each) => sum + each[key], 0) / rows.length;
    const { difference, standardError } = comparePairedRuns(
      floats,
      rows.map(({ right }) => right),
    );
    const accuracy = rows
      .flatMap(({ right }) => [...right])
      .reduce((sum, each, _, all) => sum + each / all.length, 0);
    return {
      task: row.task,
      tool: row.tool,
      accuracy,
      difference,
      standardError,
      bytes: Math.round(mean('bytes')),
      gzipBytes: Math.round(mean('gzipBytes')),
      brotliBytes: Math.round(mean('brotliBytes')),
      packedBytes: row.packedBytes === undefined ? undefined : Math.round(mean('packedBytes')),
      cpuSeconds: mean('cpuSeconds'),
    };
  });
}

/** Prints rows of {@link summarizeRuns} as a Markdown table. `packed` is what a file's numbers take without its container. */
export function printTable(rows) {
  const lines = rows.map((row) => [
    row.task,
    row.tool,
    `${(100 * row.accuracy).toFixed(2)} %`,
    `${(100 * row.difference).toFixed(2)} ± ${(100 * row.standardError).toFixed(2)}`,
    ...['bytes', 'gzipBytes', 'brotliBytes', 'packedBytes'].map(
      (key) => row[key]?.toLocaleString('en') ?? '',
    ),
    row.cpuSeconds.toFixed(2),
  ]);
  const heads = ['task', 'tool', 'accuracy', 'against float32', 'bytes', 'gzip', 'brotli', 'packed', 'CPU s'];
  for (const line of [heads, heads.map(() => '---'), ...lines]) console.log(`| ${line.join(' | ')} |`);
}
