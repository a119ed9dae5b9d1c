import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Report } from './schema.ts';

/** Colours that keep their contrast on light and on dark ground. */
const COLOUR = {
  accent: '#3b82f6',
  good: '#10b981',
  warm: '#f59e0b',
  hot: '#ef4444',
  quiet: '#94a3b8',
  violet: '#a855f7',
};

const PRECISION_COLOUR: Record<string, string> = {
  float32: COLOUR.accent,
  int8: COLOUR.good,
  int4: COLOUR.warm,
};

const WIDTH = 800;

/** Draws with Observable Plot into a detached document and returns the SVG as text. */
function draw(id: string, title: string, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    width: WIDTH,
    marginLeft: 60,
    marginBottom: 42,
    ...options,
    document,
  } as Plot.PlotOptions);
  svg.setAttribute('data-plot', id);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', title);
  return svg.outerHTML;
}

/** Test accuracy (with its 95 % interval) against bytes on disk; the band is the interval of the dense control. */
export function accuracyAgainstSize(report: Report): string {
  const points = report.model.files.map((file, index) => ({
    name: `${file.name} · ${(file.bytes / 1000).toFixed(0)} kB · ${(file.accuracy.accuracy * 100).toFixed(2)} %`,
    kilobytes: file.bytes / 1000,
    percent: file.accuracy.accuracy * 100,
    low: file.accuracy.low * 100,
    high: file.accuracy.high * 100,
    precision: file.precision,
    // The two small files lie close together: the label of one stands left of its point, of the other right.
    anchor: file.precision === 'int8' ? ('start' as const) : ('end' as const),
    shift: index % 2 === 0 ? -9 : 11,
  }));
  const control = report.model.intervals['dense control']!;
  const band = [{ low: control.low * 100, high: control.high * 100 }];
  const labels = points.map((point) =>
    Plot.text([point], {
      x: 'kilobytes',
      y: 'percent',
      text: 'name',
      textAnchor: point.anchor,
      dx: point.anchor === 'end' ? -12 : 12,
      dy: point.shift,
      fill: 'currentColor',
    }),
  );
  return draw('accuracy-size', 'Accuracy against size on disk', {
    height: 320,
    marginRight: 30,
    x: {
      type: 'log',
      label: 'file size, kB (logarithmic) →',
      domain: [8, 1500],
      ticks: [10, 20, 50, 100, 200, 500, 1000],
      tickFormat: 'd',
      grid: true,
    },
    y: { label: '↑ test accuracy, %', grid: true, nice: true },
    marks: [
      Plot.rect(band, {
        x1: () => 8,
        x2: () => 1500,
        y1: 'low',
        y2: 'high',
        fill: COLOUR.quiet,
        fillOpacity: 0.15,
      }),
      Plot.ruleX(points, {
        x: 'kilobytes',
        y1: 'low',
        y2: 'high',
        stroke: (p) => PRECISION_COLOUR[p.precision],
        strokeWidth: 2,
      }),
      Plot.dot(points, {
        x: 'kilobytes',
        y: 'percent',
        r: 6,
        fill: (p) => PRECISION_COLOUR[p.precision],
        title: 'name',
      }),
      ...labels,
    ],
  });
}

/** Colour and first epoch of each stage; the dense control trains beside the compression, from where training ended. */
function stagesOf(
  report: Report,
): { name: string; colour: string; rows: { epoch: number; percent: number }[] }[] {
  const palette = Object.values(COLOUR);
  const byStage = new Map<string, Report['model']['training']>();
  for (const row of report.model.training) byStage.set(row.stage, [...(byStage.get(row.stage) ?? []), row]);
  let at = 0;
  return [...byStage].map(([name, rows], index) => {
    const start = name === 'dense control' ? report.model.epochs.base : at;
    if (name !== 'dense control') at += rows.length;
    const known = rows.filter((row) => row.validationAccuracy !== null);
    return {
      name,
      colour: name === 'dense control' ? COLOUR.quiet : palette[index % palette.length]!,
      rows: known.map((row) => ({ epoch: start + row.epoch, percent: row.validationAccuracy! * 100 })),
    };
  });
}

/** Validation accuracy over all epochs, by stage. */
export function trainingCurves(report: Report): string {
  const stages = stagesOf(report).filter((stage) => stage.rows.length > 0);
  return draw('training', 'Validation accuracy while training and compressing', {
    height: 280,
    marginRight: 20,
    x: { label: 'epoch →', tickFormat: 'd' },
    y: { label: '↑ validation accuracy, %', grid: true, nice: true },
    marks: stages.flatMap((stage) => [
      Plot.lineY(stage.rows, { x: 'epoch', y: 'percent', stroke: stage.colour, strokeWidth: 2 }),
      Plot.dot(stage.rows, {
        x: 'epoch',
        y: 'percent',
        fill: stage.colour,
        r: 2.5,
        title: (row) => `${stage.name}: ${row.percent.toFixed(2)} %`,
      }),
    ]),
  }).concat(legend(stages));
}

/** A legend as HTML, which wraps on small screens. */
function legend(entries: readonly { readonly name: string; readonly colour: string }[]): string {
  return `<p class="legend">${entries.map(({ name, colour }) => `<span><i style="background:${colour}"></i>${name}</span>`).join('')}</p>`;
}

/** Samples of the latency benchmark: one plot per batch size on one common scale, one row per implementation. */
export function latencyDistributions(report: Report): string {
  const perDigit = (milliseconds: number, batch: number) => (milliseconds * 1000) / batch;
  const rows = report.bench.subjects.map((subject) => {
    const median = perDigit(subject.summary.p50, subject.batch);
    return {
      batch: subject.batch,
      label: `${subject.name} · ${median.toPrecision(3)} µs`,
      median,
      ours: subject.implementation !== report.bench.peer,
      samples: subject.samplesMs.map((sample) => perDigit(sample, subject.batch)),
    };
  });
  const all = rows.flatMap((row) => row.samples);
  const domain = [Math.min(...all) * 0.9, Math.max(...all) * 1.1];
  const batches = [...new Set(rows.map((row) => row.batch))];
  return batches
    .map((batch) => {
      const shown = rows.filter((row) => row.batch === batch);
      const ticks = shown.flatMap((row) =>
        row.samples.map((microseconds) => ({ microseconds, label: row.label, ours: row.ours })),
      );
      const title = batch === 1 ? 'one digit at a time' : `${batch} digits at a time`;
      return draw(`latency-batch-${batch}`, `Latency per digit, ${title}`, {
        height: 70 + 32 * shown.length,
        marginLeft: 210,
        marginTop: 28,
        x: { type: 'log', label: 'time per digit, µs (logarithmic) →', grid: true, domain, tickFormat: 'd' },
        y: { label: `↑ ${title}`, labelAnchor: 'top', domain: shown.map((row) => row.label), tickSize: 0 },
        marks: [
          Plot.tickX(ticks, {
            x: 'microseconds',
            y: 'label',
            stroke: (tick) => (tick.ours ? COLOUR.accent : COLOUR.quiet),
            strokeOpacity: 0.3,
          }),
          Plot.dot(shown, { x: 'median', y: 'label', r: 4.5, fill: COLOUR.hot, title: 'label' }),
        ],
      });
    })
    .join('\n');
}

/** Battery and temperature of the scripted trace with the precision chosen at each moment. */
export function precisionOverTrace(report: Report): string {
  const decisions = report.power.decisions.map((d) => ({ ...d, seconds: d.timeMs / 1000 }));
  const endSeconds = decisions.at(-1)!.seconds;
  const switches = decisions.filter((d, i) => i === 0 || d.changed);
  const spans = switches.map((d, i) => ({ ...d, end: switches[i + 1]?.seconds ?? endSeconds }));
  const readings = decisions.flatMap((d) => [
    {
      seconds: d.seconds,
      quantity: 'battery, %',
      value: d.batteryFraction === null ? null : d.batteryFraction * 100,
    },
    { seconds: d.seconds, quantity: 'temperature, °C', value: d.temperatureCelsius },
  ]);
  const names = [...new Set(spans.map((d) => d.precision))];
  return draw('precision-trace', 'Precision chosen over the power trace', {
    height: 300,
    marginRight: 20,
    color: { domain: ['battery, %', 'temperature, °C'], range: [COLOUR.violet, COLOUR.hot] },
    x: { label: 'time in the trace, s →' },
    y: { domain: [0, 100], label: '↑ battery %, temperature °C', grid: true },
    marks: [
      Plot.rect(spans, {
        x1: 'seconds',
        x2: 'end',
        y1: 0,
        y2: 100,
        fill: (d) => PRECISION_COLOUR[d.precision],
        fillOpacity: 0.28,
        title: (d) => `${d.precision}: ${d.reason}`,
      }),
      Plot.line(readings, { x: 'seconds', y: 'value', stroke: 'quantity', strokeWidth: 2 }),
    ],
  }).concat(
    legend([
      { name: 'battery, %', colour: COLOUR.violet },
      { name: 'temperature, °C', colour: COLOUR.hot },
      ...names.map((name) => ({ name: `running ${name}`, colour: PRECISION_COLOUR[name]! })),
    ]),
  );
}

/** Energy of H2 over the bond length: exact, VQE and Hartree-Fock. */
export function hydrogenCurve(report: Report): string {
  const points = [...report.quantum.points].sort((a, b) => a.bondLengthAngstrom - b.bondLengthAngstrom);
  const labels = [
    { text: 'Hartree-Fock', y: 'hartreeFockHartree', fill: COLOUR.quiet },
    { text: 'exact (line) and VQE (dots)', y: 'exactHartree', fill: COLOUR.accent },
  ] as const;
  return draw('h2-curve', 'Ground-state energy of H2', {
    height: 320,
    marginRight: 30,
    x: { label: 'bond length, Å →', grid: true },
    y: { label: '↑ energy, hartree', grid: true },
    marks: [
      Plot.line(points, {
        x: 'bondLengthAngstrom',
        y: 'hartreeFockHartree',
        stroke: COLOUR.quiet,
        strokeDasharray: '5 4',
        curve: 'natural',
      }),
      Plot.line(points, {
        x: 'bondLengthAngstrom',
        y: 'exactHartree',
        stroke: COLOUR.accent,
        strokeWidth: 2,
        curve: 'natural',
      }),
      Plot.dot(points, {
        x: 'bondLengthAngstrom',
        y: 'energyHartree',
        fill: COLOUR.hot,
        r: 4.5,
        title: (p) =>
          `${p.name}: ${p.energyHartree.toFixed(8)} hartree, off by ${p.errorHartree.toExponential(1)}`,
      }),
      ...labels.map((label) =>
        Plot.text(points.slice(-1), {
          x: 'bondLengthAngstrom',
          y: label.y,
          text: () => label.text,
          textAnchor: 'end',
          dy: -10,
          fill: label.fill,
        }),
      ),
    ],
  });
}

/** Error per iteration of both optimisers at one bond length. */
export function vqeConvergence(report: Report): string {
  const curves = Object.entries(report.quantum.convergence).map(([name, errors], index) => ({
    name,
    colour: index === 0 ? COLOUR.accent : COLOUR.warm,
    points: errors.map((error, iteration) => ({ iteration, error: Math.max(Math.abs(error), 1e-14) })),
  }));
  return draw('vqe-convergence', 'Convergence of the variational solver', {
    height: 280,
    marginRight: 30,
    x: { label: 'iteration →' },
    y: { type: 'log', label: '↑ |E − exact|, hartree (log)', grid: true, tickFormat: '.0e' },
    marks: [
      Plot.ruleY([1.6e-3], { stroke: COLOUR.good, strokeDasharray: '4 3' }),
      ...curves.map(({ points, colour }) =>
        Plot.line(points, { x: 'iteration', y: 'error', stroke: colour, strokeWidth: 2 }),
      ),
    ],
  }).concat(legend([...curves, { name: 'chemical accuracy, 1.6e-3', colour: COLOUR.good }]));
}

/** What ran when, as a Gantt chart of the spans. */
export function spanTimeline(report: Report): string {
  const depths = new Map<number, number>();
  for (const span of report.monitor.spans)
    depths.set(span.id, span.parentId === null ? 0 : (depths.get(span.parentId) ?? 0) + 1);
  const longest = Math.max(...report.monitor.spans.map((span) => span.endMs)) / 1000;
  const spans = [...report.monitor.spans]
    .sort((a, b) => a.startMs - b.startMs)
    .map((span) => ({
      row: `${span.id}`,
      label: `${span.name} · ${durationText(span.endMs - span.startMs)}`,
      start: span.startMs / 1000,
      end: Math.max(span.endMs / 1000, span.startMs / 1000 + longest / 400),
      depth: depths.get(span.id) ?? 0,
      status: span.status,
    }));
  return draw('spans', 'Span time line', {
    height: 40 + 22 * spans.length,
    marginLeft: 10,
    marginRight: 20,
    x: { label: 'seconds →', grid: true, domain: [0, longest] },
    y: { axis: null, domain: spans.map((span) => span.row) },
    marks: [
      Plot.barX(spans, {
        x1: 'start',
        x2: 'end',
        y: 'row',
        fill: (span) =>
          span.status === 'ok'
            ? [COLOUR.accent, COLOUR.good, COLOUR.violet][Math.min(span.depth, 2)]!
            : COLOUR.hot,
        rx: 2,
        insetTop: 2,
        insetBottom: 2,
      }),
      ...(['inside', 'right', 'left'] as const).map((place) =>
        Plot.text(spans, {
          filter: (span) => placeOfLabel(span, longest) === place,
          x: place === 'right' ? 'end' : 'start',
          y: 'row',
          text: 'label',
          textAnchor: place === 'left' ? 'end' : 'start',
          dx: place === 'left' ? -6 : 6,
          fill: place === 'inside' ? 'white' : 'currentColor',
        }),
      ),
    ],
  });
}

function durationText(durationMs: number): string {
  return durationMs < 100 ? `${durationMs.toFixed(1)} ms` : `${(durationMs / 1000).toFixed(2)} s`;
}

/** Wide bars carry their label inside, others beside them where there is room. */
function placeOfLabel(
  { start, end }: { start: number; end: number },
  total: number,
): 'inside' | 'left' | 'right' {
  if (end - start > total * 0.3) return 'inside';
  return end < total * 0.65 ? 'right' : 'left';
}

/** One small chart per recorded resource (CPU, memory, event loop, power). */
export function resourceSeries(report: Report): string {
  return report.monitor.series
    .map(({ name, unit, labels, points }) => {
      const [scale, shown] = unit === 'bytes' ? [1e6, 'MB'] : [1, unit];
      const words = name.replace(/_(bytes|ms|fraction|watts)$/, '').replaceAll('_', ' ');
      const trust = labels.provenance ? ` (${labels.provenance})` : '';
      return draw(`series-${name}`, `${name} over the run`, {
        height: 150,
        width: 390,
        marginLeft: 50,
        marginBottom: 30,
        x: { label: null, ticks: 5 },
        y: {
          label: `↑ ${words}${trust}, ${shown}`,
          grid: true,
          ticks: 4,
          zero: true,
        },
        marks: [
          Plot.areaY(points, {
            x: (p) => p[0] / 1000,
            y: (p) => p[1] / scale,
            fill: COLOUR.accent,
            fillOpacity: 0.2,
          }),
          Plot.lineY(points, { x: (p) => p[0] / 1000, y: (p) => p[1] / scale, stroke: COLOUR.accent }),
        ],
      });
    })
    .join('\n');
}
