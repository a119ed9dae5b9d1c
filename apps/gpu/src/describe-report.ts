import { formatTable } from '@qedge/bench';
import type { GpuReport } from './gpu-report.ts';

/** The report as text for people: a table of the devices, what is missing and why. */
export function describeReport(report: GpuReport): string {
  const rows = report.devices.flatMap(({ name, compileMs, batches }) =>
    batches.map((batch) => ({
      device: name,
      batch: batch.batch,
      'compile ms': compileMs,
      'best ms': batch.latencyMsBest,
      'median ms': batch.latencyMsMedian,
      'samples/s': Math.round(batch.samplesPerSecond),
      'relative error': batch.relativeError.toExponential(1),
      result: batch.agrees ? 'agrees' : 'DIFFERS',
    })),
  );
  const shortfalls = report.devices.flatMap(({ fallbacks }) =>
    fallbacks.map(({ from, to, why }) => `  ${to} instead of ${from}: ${why}`),
  );
  const missing = report.missing.map(
    ({ name, reason, remedy }) =>
      `  ${name}: ${reason}${remedy === null ? '' : `\n    what helps: ${remedy}`}`,
  );
  const cuda = report.capabilities.find(({ name }) => name === 'cuda');
  return [
    `${report.model.name}, float32`,
    formatTable(rows),
    ...(shortfalls.length > 0 ? ['', 'Less than was wanted:', ...shortfalls] : []),
    ...(missing.length > 0 ? ['', 'Not used:', ...missing] : []),
    ...(report.cudaDetected
      ? ['', `CUDA is there (${cuda?.reason}); this version does not compute on it.`]
      : []),
    '',
  ].join('\n');
}
