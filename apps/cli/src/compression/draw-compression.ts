import * as Plot from '@observablehq/plot';
import type { AccuracyReport, CompressionReport } from '@qedge/compression';
import { parseHTML } from 'linkedom';

/** Colours that keep their contrast on light and on dark ground. */
const COLOURS = { original: '#94a3b8', 'dense control': '#3b82f6', compressed: '#ef4444' } as const;
const FRONT_COLOUR = '#10b981';

/** A model as a point: how large it is, and how often right. */
interface ModelPoint {
  readonly kind: keyof typeof COLOURS;
  readonly label: string;
  readonly bytes: number;
  readonly percent: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Accuracy against bytes as an SVG document: the original and its dense control at their float32 size, each compressed model at the size of its files,
 * all with 95 % intervals, and the line of those that no other model beats in both. Reports without accuracies have no points.
 *
 * @param reports of compressions of one model, or of several
 */
export function drawCompression(reports: readonly CompressionReport[]): string {
  // Reports of one model share its original and control.
  const all = new Map(reports.flatMap(modelPoints).map((point) => [JSON.stringify(point), point]));
  const points = [...all.values()];
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    document,
    width: 840,
    height: 460,
    marginLeft: 56,
    marginRight: 40,
    marginBottom: 44,
    style: { background: 'white', color: '#1f2937', fontSize: '12px' },
    x: { type: 'log', label: 'bytes →', tickFormat: '~s', nice: true },
    y: { label: '↑ test samples right, %', grid: true, nice: true },
    color: { domain: Object.keys(COLOURS), range: Object.values(COLOURS), legend: false },
    marks: [
      Plot.line(paretoFront(points), {
        x: 'bytes',
        y: 'percent',
        stroke: FRONT_COLOUR,
        strokeDasharray: '4 3',
        curve: 'step-after',
      }),
      Plot.ruleX(points, { x: 'bytes', y1: 'low', y2: 'high', stroke: 'kind', strokeWidth: 2 }),
      Plot.dot(points, { x: 'bytes', y: 'percent', r: 4, fill: 'kind' }),
      ...(['start', 'end'] as const).map((side) => labels(points, side)),
    ],
    caption: undefined,
  } as Plot.PlotOptions);
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Accuracy against bytes: ${points.map(({ label }) => label).join(', ')}`);
  return svg.outerHTML;
}

/** Uncompressed models lie at the right edge: their labels stand left of them, the others right. */
function labels(points: readonly ModelPoint[], textAnchor: 'start' | 'end'): Plot.Markish {
  const chosen = points.filter(({ kind }) => (kind === 'compressed') === (textAnchor === 'start'));
  const dx = textAnchor === 'start' ? 7 : -7;
  const style = { textAnchor, dx, dy: -8, fill: '#374151', fontSize: 10 };
  return Plot.text(chosen, { x: 'bytes', y: 'percent', text: 'label', ...style });
}

function modelPoints({ name, accuracy, original, compressed, files }: CompressionReport): ModelPoint[] {
  if (!accuracy) return [];
  const control = accuracy.denseControl;
  // Without a file, what the packed codes would take.
  const sizes = files.length > 0 ? files : [{ format: 'packed', bytes: compressed.packedBytes }];
  return [
    makePoint('original', name, original.rawBytes, accuracy.original),
    ...(control ? [makePoint('dense control', `${name}, dense control`, original.rawBytes, control)] : []),
    ...sizes.map(({ format, bytes }) =>
      makePoint('compressed', `${name}, ${format}: ${bytes} bytes`, bytes, accuracy.compressed),
    ),
  ];
}

function makePoint(
  kind: ModelPoint['kind'],
  label: string,
  bytes: number,
  { accuracy, low, high }: AccuracyReport,
): ModelPoint {
  return { kind, label, bytes, percent: 100 * accuracy, low: 100 * low, high: 100 * high };
}

/** The points that are better than all smaller ones, by size. */
function paretoFront(points: readonly ModelPoint[]): readonly ModelPoint[] {
  let best = Number.NEGATIVE_INFINITY;
  return [...points]
    .sort((a, b) => a.bytes - b.bytes || b.percent - a.percent)
    .filter(({ percent }) => {
      const isBetter = percent > best;
      if (isBetter) best = percent;
      return isBetter;
    });
}
