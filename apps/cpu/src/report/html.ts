import {
  accuracyAgainstSize,
  hydrogenCurve,
  latencyDistributions,
  precisionOverTrace,
  resourceSeries,
  spanTimeline,
  trainingCurves,
  vqeConvergence,
} from './plots.ts';
import type { Report } from './schema.ts';
import { energyAmount, energyText, kilobytes, percent, signedPercent } from './wording.ts';

type Cell = string | number;

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(value: Cell): string {
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

const NUMERIC = /^[−+-]?[\d.,]+(e[−+-]?\d+)?( ?[a-zµ%°×]+(\/s)?)?$/i;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = head.map(
    (_, column) =>
      rows.length > 0 && rows.every((row) => row[column] === '–' || NUMERIC.test(String(row[column]))),
  );
  const line = (tag: string, cells: readonly Cell[]) =>
    `<tr>${cells.map((value, column) => `<${tag}${numeric[column] ? ' class="number"' : ''}>${escapeHtml(value)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => line('td', row)).join('');
  return `<div class="scroll"><table><thead>${line('th', head)}</thead><tbody>${body}</tbody></table></div>`;
}

function figure(svg: string, caption: string): string {
  return `<figure><div class="scroll">${svg}</div><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

function section(id: string, title: string, ...parts: readonly string[]): string {
  return `<section id="${id}"><h2>${escapeHtml(title)}</h2>${parts.join('\n')}</section>`;
}

function card(value: string, label: string, note: string): string {
  return `<div class="card"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span><small>${escapeHtml(note)}</small></div>`;
}

function headline(report: Report): string {
  const { model, quantum, bench } = report;
  const worst = Math.max(...quantum.points.map((point) => Math.abs(point.errorHartree)));
  const quickest = bench.subjects.find(
    (s) => s.batch === 1 && s.precision === 'float32' && s.speedup !== null,
  );
  return `<div class="cards">${[
    card(
      `${model.compressionRatio.toFixed(1)}×`,
      'smaller on disk',
      `${kilobytes(model.bytesFloat32)} → ${kilobytes(model.bytesCompressed)}`,
    ),
    card(
      percent(model.accuracyCompressed),
      'accuracy at int4',
      `dense control ${percent(model.accuracyDenseControl)}`,
    ),
    quickest?.speedup
      ? card(
          `${quickest.speedup.ratio.toFixed(1)}×`,
          `as fast as ${bench.peer}`,
          'float32, one digit at a time, same run',
        )
      : '',
    card(
      worst.toExponential(0),
      'hartree, worst H₂ error',
      `${quantum.points.length} bond lengths, chemical accuracy is 1.6e-3`,
    ),
  ].join('')}</div>`;
}

function modelSection(report: Report): string {
  const { model } = report;
  const rows = Object.entries(model.intervals).map(([name, figure]) => [
    name,
    percent(figure.accuracy),
    `${percent(figure.low)} – ${percent(figure.high)}`,
    `${figure.correct} of ${figure.count}`,
  ]);
  const ledger = model.ledger.map((row) => [
    row.layer,
    row.shape.join(' × '),
    row.parameters,
    percent(row.sparsity),
    row.bits,
    row.packedBytes,
    row.signalToNoiseDecibel === null ? '–' : row.signalToNoiseDecibel.toFixed(1),
  ]);
  return section(
    'model',
    'A model made small',
    `<p>A network of ${model.layers.join('-')} units (${model.parameters.toLocaleString('en')} parameters) on ${escapeHtml(report.data.name)}: ${report.data.train.toLocaleString('en')} digits to train, ${report.data.validation.toLocaleString('en')} to choose, ${report.data.test} to test, used only to report. Trained for ${model.epochs.base} epochs, then pruned and quantised while training for ${model.epochs.extra} more. The dense control had the same ${model.epochs.extra} epochs, so that compression gets no credit for extra training.</p>`,
    figure(
      accuracyAgainstSize(report),
      'Accuracy on the test digits against real bytes on disk; bars are 95 % Wilson intervals.',
    ),
    table(['model', 'accuracy', '95 % interval', 'recognised'], rows),
    figure(trainingCurves(report), 'Validation accuracy per epoch.'),
    `<h3>Ledger of the int4 file</h3>`,
    table(['layer', 'shape', 'weights', 'zeros', 'bits', 'bytes', 'SNR dB'], ledger),
  );
}

function inferenceSection(report: Report): string {
  const { bench, inference, memory } = report;
  const rows = bench.subjects.map((subject) => [
    subject.name,
    subject.batch,
    subject.callsPerSample,
    (subject.summary.mean * 1000).toFixed(1),
    (subject.summary.p50 * 1000).toFixed(1),
    (subject.summary.p95 * 1000).toFixed(1),
    (subject.summary.p99 * 1000).toFixed(1),
    Math.round(subject.throughputPerSecond).toLocaleString('en'),
    energyAmount(subject.energy),
    subject.speedup
      ? `${subject.speedup.ratio.toFixed(2)}× (${subject.speedup.low.toFixed(2)}–${subject.speedup.high.toFixed(2)})`
      : 'peer',
  ]);
  const checks = inference.checks.map((check) => [
    check.precision,
    check.against,
    `${check.sameAnswer} of ${check.digits}`,
    check.largestLogitDifference.toExponential(1),
  ]);
  return section(
    'inference',
    'Run on this device',
    `<p>Executed by <b>${escapeHtml(inference.device)}</b>. The file was ${memory.loading === 'mapped' ? 'memory-mapped' : 'copied into memory'} in ${memory.openMs.toFixed(2)} ms and its tensors decoded on first use. ${memory.steadyState.inferences.toLocaleString('en')} inferences grew the heap by ${memory.steadyState.heapGrowthBytes.toLocaleString('en')} bytes, before any collection.</p>`,
    figure(
      latencyDistributions(report),
      `Time per digit; the red dot is the median of all samples, of which up to 200 are drawn. Grey: ${bench.peer}.`,
    ),
    table(
      [
        'subject',
        'batch',
        'calls per sample',
        'mean µs',
        'p50 µs',
        'p95 µs',
        'p99 µs',
        'digits/s',
        `energy per digit (${bench.subjects[0]?.energy.provenance ?? 'unknown'})`,
        `against ${bench.peer}`,
      ],
      rows,
    ),
    `<p><small>Times are per call, each from digits in a JavaScript array to logits in another. Calls shorter than the clock can resolve are timed several at a time: a sample is then their mean, and its percentiles hide single slow calls. The last column comes from rounds in which all subjects take turns (95 % interval); the other columns from measuring one subject after the other.</small></p>`,
    '<h3>Checked on every test digit</h3>',
    table(['precision', 'against', 'same answer', 'largest logit difference'], checks),
  );
}

function powerSection(report: Report): string {
  const { power } = report;
  const rows = power.strategies.map((strategy) => [
    strategy.name,
    strategy.inferences,
    percent(strategy.accuracy),
    energyText(strategy.energy),
    strategy.switches,
  ]);
  const changes = power.decisions.filter((decision, index) => index === 0 || decision.changed);
  return section(
    'power',
    'Frugal when it matters',
    `<p>Power source: <b>${escapeHtml(power.source)}</b> (${power.provenance}). Below, a scripted trace (${escapeHtml(power.trace)}) drives the controller while real test digits come in. An energy here is the number of digits times the energy per digit, metered at each precision one digit at a time: ${escapeHtml(power.strategies[0]?.energy.provenance ?? 'modelled')}.</p>`,
    figure(
      precisionOverTrace(report),
      'Battery and temperature of the trace; the ground shows the precision that ran.',
    ),
    table(['strategy', 'inferences', 'accuracy', 'energy', 'switches'], rows),
    narrowerCostsMore(power)
      ? '<p>On this processor int4 needs more energy than int8: its codes are unpacked before the same arithmetic. It saves memory and bytes on the way, not work.</p>'
      : '',
    `<details><summary>Decisions with their reasons</summary>${table(
      ['at', 'precision', 'reason'],
      changes.map((d) => [`${(d.timeMs / 1000).toFixed(0)} s`, d.precision, d.reason]),
    )}</details>`,
  );
}

function narrowerCostsMore(power: Report['power']): boolean {
  const joules = (name: string) =>
    power.strategies.find((strategy) => strategy.name === name)?.energy.joules ?? 0;
  return joules('always int4') > joules('always int8');
}

function quantumSection(report: Report): string {
  const { quantum } = report;
  const { before, after } = quantum.compiled;
  const optimizers = Object.keys(quantum.points[0]?.iterations ?? {});
  const rows = quantum.points.map((point) => [
    point.bondLengthAngstrom.toFixed(4),
    point.energyHartree.toFixed(8),
    point.exactHartree.toFixed(8),
    point.errorHartree.toExponential(1),
    ...optimizers.map((name) => point.iterations[name]!),
  ]);
  const resourceRow = (name: string, r: typeof before) => [
    name,
    r.width,
    r.depth,
    r.twoQubitGates,
    Object.entries(r.gateCounts)
      .map(([gate, count]) => `${gate} ${count}`)
      .join(', '),
    r.estimatedMicroseconds === null ? '–' : `${r.estimatedMicroseconds.toFixed(2)} µs`,
  ];
  return section(
    'quantum',
    'A small quantum problem',
    `<p>The ground state of ${escapeHtml(quantum.molecule)} in the ${escapeHtml(quantum.basis)} basis by the variational quantum eigensolver, simulated exactly, at ${quantum.points.length} bond lengths.</p>`,
    figure(hydrogenCurve(report), 'Dots: VQE. Line: exact diagonalisation of the same Hamiltonian.'),
    figure(vqeConvergence(report), quantum.convergenceNote),
    table(
      ['bond, Å', 'VQE, hartree', 'exact, hartree', 'error', ...optimizers.map((name) => `steps, ${name}`)],
      rows,
    ),
    `<h3>The circuit, compiled for ${escapeHtml(quantum.compiled.target)}</h3>`,
    table(
      ['circuit', 'width', 'depth', 'two-qubit gates', 'gates', 'estimated time'],
      [resourceRow('as written', before), resourceRow('compiled', after)],
    ),
    `<p>${quantum.compiled.verified ? 'Input and output were simulated and agree.' : 'Equivalence was not verified.'}</p>`,
    `<details><summary>Drawing of the circuit as written</summary><pre>${escapeHtml(quantum.compiled.drawing)}</pre></details>`,
  );
}

function monitorSection(report: Report): string {
  const { anomalies, checked } = report.monitor;
  return section(
    'monitor',
    'Watching itself',
    figure(spanTimeline(report), 'Every step of this run.'),
    `<div class="small-multiples">${resourceSeries(report)}</div>`,
    anomalies.length === 0
      ? `<p>Looked for ${checked.map(escapeHtml).join(', ')}: nothing found.</p>`
      : table(
          ['kind', 'metric', 'severity', 'explanation'],
          anomalies.map((a) => [a.kind, a.metric, a.severity, a.explanation]),
        ),
  );
}

function historySection(report: Report): string {
  const { previousRuns, changes } = report.bench.comparison;
  if (previousRuns === 0)
    return section(
      'history',
      'Against the last run',
      '<p>This is the first run here; the next one compares itself with it.</p>',
    );
  return section(
    'history',
    'Against the last run',
    `<p>Compared with ${previousRuns} earlier ${previousRuns === 1 ? 'run' : 'runs'} of the same kind in this folder; runs on other machines do not count.</p>`,
    table(
      ['metric', 'before', 'now', 'change', 'verdict'],
      changes.map((c) => [
        c.metric,
        c.previous === null ? '–' : c.previous.toPrecision(4),
        `${c.current.toPrecision(4)} ${c.unit}`,
        c.changeFraction === null ? '–' : signedPercent(c.changeFraction),
        c.verdict,
      ]),
    ),
  );
}

function machineSection(report: Report): string {
  const facts = Object.entries(report.machine).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const lost = [...report.memory.fallbacks, ...report.inference.fallbacks].map((f) => [
    `${f.from} → ${f.to}`,
    f.why,
  ]);
  return section(
    'machine',
    'This machine',
    `<details><summary>Processor, versions and optional parts</summary>${table(['fact', 'value'], facts)}${table(
      ['capability', '', 'reason', 'remedy'],
      report.capabilities.map((c) => [c.name, c.available ? 'yes' : 'no', c.reason, c.remedy ?? '']),
    )}</details>`,
    lost.length > 0 ? table(['instead of', 'why'], lost) : '',
  );
}

const STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --panel: #f6f8fa; --text: #16202c; --quiet: #5b6876; --line: #dde3ea; --accent: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1219; --panel: #151c26; --text: #e6edf3; --quiet: #93a1b1; --line: #27313d; --accent: #60a5fa; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.02em; }
h2 { font-size: 1.4rem; margin: 3rem 0 .5rem; letter-spacing: -.01em; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p, figcaption { max-width: 84ch; } header p, figcaption, small { color: var(--quiet); }
nav { display: flex; flex-wrap: wrap; gap: .35rem 1rem; margin: 1rem 0 1.5rem; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: .75rem; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.1rem; display: flex; flex-direction: column; }
.card b { font-size: 1.8rem; line-height: 1.15; font-variant-numeric: tabular-nums; } .card small { font-size: .8rem; }
figure { margin: 1.25rem 0; background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 1rem; }
figcaption { font-size: .85rem; margin-top: .5rem; }
.scroll { overflow-x: auto; } figure svg { width: 100%; min-width: 560px; } figure svg, .small-multiples svg { max-width: 100%; height: auto; display: block; overflow: visible; font: 12px system-ui, sans-serif; background: none; }
.small-multiples { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: .5rem 1.5rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: .75rem 0; }
td:first-child { white-space: nowrap; } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; } .number { text-align: right !important; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { overflow-x: auto; font: 12px/1.25 ui-monospace, monospace; background: var(--panel); padding: 1rem; border-radius: 12px; border: 1px solid var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0 0; font-size: .82rem; } .legend i { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin-right: .4em; vertical-align: -.05em; }
summary { cursor: pointer; color: var(--accent); margin: .5rem 0; }
`;

/** The report as one self-contained page: no script, no request, readable in light and dark. */
export function formatHtml(report: Report): string {
  const when = report.generatedAt.replace('T', ' ').slice(0, 16);
  const sections = ['model', 'inference', 'power', 'quantum', 'monitor', 'history', 'machine'];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>Quantum Edge report</title><style>${STYLE}</style></head>
<body><main><header><h1>Quantum Edge report</h1>
<p>${escapeHtml(when)} UTC · ${report.durationSeconds.toFixed(0)} s${report.quick ? ' · quick run: fewer epochs, lower accuracy' : ''} · seed ${report.seed}</p>
<nav>${sections.map((id) => `<a href="#${id}">${id}</a>`).join('')}<a href="report.json">report.json</a></nav></header>
${headline(report)}
${modelSection(report)}${inferenceSection(report)}${powerSection(report)}${quantumSection(report)}${monitorSection(report)}${historySection(report)}${machineSection(report)}
</main></body></html>
`;
}
