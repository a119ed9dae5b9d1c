import { formatTable } from '@qedge/bench';
import type { Report } from './schema.ts';
import { energyText, kilobytes, percent, signedPercent } from './wording.ts';

/** The report as Markdown: the same facts as the page, without the plots. */
export function formatMarkdown(report: Report): string {
  const { model, memory, inference, power, quantum, monitor, bench } = report;
  const accuracy = Object.entries(model.intervals).map(([name, figure]) => ({
    model: name,
    accuracy: percent(figure.accuracy),
    '95 % interval': `${percent(figure.low)} to ${percent(figure.high)}`,
  }));
  const latency = bench.subjects.map((subject) => ({
    subject: subject.name,
    batch: subject.batch,
    'calls per sample': subject.callsPerSample,
    'mean µs': (subject.summary.mean * 1000).toFixed(1),
    'p50 µs': (subject.summary.p50 * 1000).toFixed(1),
    'p95 µs': (subject.summary.p95 * 1000).toFixed(1),
    'p99 µs': (subject.summary.p99 * 1000).toFixed(1),
    'digits/s': Math.round(subject.throughputPerSecond),
    'energy per digit': energyText(subject.energy),
    [`against ${bench.peer}`]: subject.speedup ? `${subject.speedup.ratio.toFixed(2)}x` : 'peer',
  }));
  const energies = quantum.points.map((point) => ({
    'bond, angstrom': point.bondLengthAngstrom,
    'VQE, hartree': point.energyHartree.toFixed(8),
    'exact, hartree': point.exactHartree.toFixed(8),
    error: point.errorHartree.toExponential(1),
  }));
  const strategies = power.strategies.map((strategy) => ({
    strategy: strategy.name,
    accuracy: percent(strategy.accuracy),
    energy: energyText(strategy.energy),
    switches: strategy.switches,
  }));
  const changes = bench.comparison.changes.map((change) => ({
    metric: change.metric,
    before: change.previous ?? '–',
    now: `${change.current.toPrecision(4)} ${change.unit}`,
    change: change.changeFraction === null ? '–' : signedPercent(change.changeFraction),
    verdict: change.verdict,
  }));
  const after = quantum.compiled.after;
  return [
    '# Quantum Edge report',
    `${report.generatedAt} · ${report.durationSeconds.toFixed(0)} s · seed ${report.seed}${report.quick ? ' · quick' : ''}`,
    '## Model',
    `${model.layers.join('-')}, ${kilobytes(model.bytesFloat32)} as float32, ${kilobytes(model.bytesCompressed)} as int4: ${model.compressionRatio.toFixed(1)} times smaller (${model.compressedFile}).`,
    formatTable(accuracy),
    '## Inference',
    `${inference.device}; the file was ${memory.loading}; heap growth over ${memory.steadyState.inferences} inferences: ${memory.steadyState.heapGrowthBytes} bytes.`,
    formatTable(latency),
    '## Power',
    `Source: ${power.source} (${power.provenance}).`,
    formatTable(strategies),
    '## Quantum',
    `${quantum.molecule}, ${quantum.basis}. Compiled for ${quantum.compiled.target}: depth ${after.depth}, ${after.twoQubitGates} two-qubit gates.`,
    formatTable(energies),
    '## Monitor',
    monitor.anomalies.length === 0
      ? `Looked for ${monitor.checked.join(', ')}: nothing found.`
      : monitor.anomalies.map((anomaly) => `- ${anomaly.kind}: ${anomaly.explanation}`).join('\n'),
    '## Against earlier runs',
    changes.length === 0 ? 'First run here.' : formatTable(changes),
    '',
  ].join('\n\n');
}
