import type { PairedComparison } from './compare-paired.ts';
import type { AccuracyReport, CompressionReport, LayerReport, ModelTotals } from './compression-report.ts';

/** A column of a text table. */
interface Column<Row> {
  readonly title: string;
  readonly align: 'left' | 'right';
  cell(row: Row): string;
}

const LAYER_COLUMNS: readonly Column<LayerReport>[] = [
  { title: 'layer', align: 'left', cell: ({ name }) => name },
  { title: 'kind', align: 'left', cell: ({ className }) => className },
  { title: 'parameters', align: 'right', cell: ({ parameters }) => whole(parameters) },
  { title: 'zeros', align: 'right', cell: ({ sparsity }) => percent(sparsity, 1) },
  { title: 'bits', align: 'right', cell: ({ bits }) => orDash(bits, String) },
  { title: 'input bits', align: 'right', cell: ({ inputBits }) => orDash(inputBits, String) },
  { title: 'MACs', align: 'right', cell: ({ macs }) => orDash(macs, whole) },
  { title: 'not 0', align: 'right', cell: ({ nonzeroMacs }) => orDash(nonzeroMacs, whole) },
  { title: 'bytes', align: 'right', cell: ({ packedBytes }) => whole(packedBytes) },
  { title: 'SQNR dB', align: 'right', cell: ({ sqnrDb }) => orDash(sqnrDb, (value) => value.toFixed(1)) },
];

/** A report as text for people: layers, totals, files and accuracies. No line ends in a blank. */
export function formatCompressionReport(report: CompressionReport): string {
  const sections = [
    heading(report),
    formatTable(LAYER_COLUMNS, report.layers),
    totals(report),
    ...(report.files.length > 0 ? [files(report)] : []),
    ...(report.accuracy ? [accuracies(report.accuracy)] : []),
  ];
  return sections.join('\n\n');
}

function heading({ name, seed, seconds }: CompressionReport): string {
  const facts = [
    name,
    ...(seed === null ? [] : [`seed ${seed}`]),
    ...(seconds === null ? [] : [`${seconds.toFixed(1)} s`]),
  ];
  return facts.join(', ');
}

function totals({ original, compressed, macsProblem }: CompressionReport): string {
  const columns: Column<readonly [string, ModelTotals]>[] = [
    { title: 'model', align: 'left', cell: ([name]) => name },
    { title: 'parameters', align: 'right', cell: ([, { parameters }]) => whole(parameters) },
    { title: 'zeros', align: 'right', cell: ([, { sparsity }]) => percent(sparsity, 1) },
    { title: 'MACs', align: 'right', cell: ([, { macs }]) => orDash(macs, whole) },
    { title: 'not 0', align: 'right', cell: ([, { nonzeroMacs }]) => orDash(nonzeroMacs, whole) },
    { title: 'float32 bytes', align: 'right', cell: ([, { rawBytes }]) => whole(rawBytes) },
    { title: 'packed bytes', align: 'right', cell: ([, { packedBytes }]) => whole(packedBytes) },
  ];
  const rows = [['original', original] as const, ['compressed', compressed] as const];
  const problem = macsProblem === null ? '' : `\nMACs were not counted. ${macsProblem}`;
  return formatTable(columns, rows) + problem;
}

function files({ files: rows }: CompressionReport): string {
  return formatTable(
    [
      { title: 'file', align: 'left', cell: ({ format }) => format },
      { title: 'bytes', align: 'right', cell: ({ bytes }) => whole(bytes) },
      { title: 'smaller', align: 'right', cell: ({ ratio }) => `${ratio.toFixed(1)}x` },
      { title: 'gzip', align: 'right', cell: ({ gzipBytes }) => orDash(gzipBytes, whole) },
      { title: 'brotli', align: 'right', cell: ({ brotliBytes }) => orDash(brotliBytes, whole) },
    ],
    rows,
  );
}

function accuracies({
  original,
  denseControl,
  compressed,
  againstOriginal,
  againstDenseControl,
}: NonNullable<CompressionReport['accuracy']>): string {
  const rows: (readonly [string, AccuracyReport])[] = [
    ['original', original],
    ...(denseControl ? [['dense control', denseControl] as const] : []),
    ['compressed', compressed],
  ];
  const table = formatTable(
    [
      { title: 'accuracy', align: 'left', cell: ([name]) => name },
      { title: 'right', align: 'right', cell: ([, row]) => `${whole(row.correct)} of ${whole(row.count)}` },
      { title: '', align: 'right', cell: ([, row]) => percent(row.accuracy, 2) },
      {
        title: '95 % interval',
        align: 'right',
        cell: ([, row]) => `${percent(row.low, 2)} to ${percent(row.high, 2)}`,
      },
    ],
    rows,
  );
  const comparisons = [
    againstDenseControl && compare('dense control', againstDenseControl),
    compare('original', againstOriginal),
  ];
  return [table, ...comparisons.filter((line) => line !== null)].join('\n');
}

function compare(name: string, { difference, standardError, pValue, ...counts }: PairedComparison): string {
  const sign = difference > 0 ? '+' : '';
  const points = `${sign}${(100 * difference).toFixed(2)} ± ${(100 * standardError).toFixed(2)} points`;
  const { onlyCandidate, onlyReference } = counts;
  return `against the ${name}: ${points} (gained ${onlyCandidate}, lost ${onlyReference}; McNemar p = ${pValue.toPrecision(2)})`;
}

function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]!.length)));
  const pad = (text: string, at: number) =>
    columns[at]!.align === 'left' ? text.padEnd(widths[at]!) : text.padStart(widths[at]!);
  return cells.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** Thousands apart, the same in every locale. */
function whole(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function percent(fraction: number | null, digits: number): string {
  return orDash(fraction, (value) => `${(100 * value).toFixed(digits)} %`);
}

function orDash(value: number | null, format: (value: number) => string): string {
  return value === null ? '-' : format(value);
}
