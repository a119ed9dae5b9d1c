import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Roofline } from './measure-roofline.ts';

/** Colours that keep their contrast on light and on dark ground. */
const COLOURS = ['#3b82f6', '#10b981', '#f59e0b', '#94a3b8'];
const POINT_COLOUR = '#ef4444';

const [LEAST_INTENSITY, MOST_INTENSITY] = [0.1, 128];

/**
 * The roofline of Williams, Waterman and Patterson (2009) as an SVG document: operations per second against operations per byte, a
 * slanted roof for each level of memory, a flat one for each way of execution, and a point for each product.
 */
export function drawRoofline({ cpu, isa, levels, peaks, points }: Roofline): string {
  const highest = Math.max(...peaks.map(({ gigaOperations }) => gigaOperations));
  const slopes = levels.flatMap(({ name, gigabytesPerSecond }) => {
    const corner = Math.min(MOST_INTENSITY, highest / gigabytesPerSecond);
    return [LEAST_INTENSITY, corner].map((intensity) => ({
      intensity,
      gigaOperations: intensity * gigabytesPerSecond,
      name,
      label: `${name} ${Math.round(gigabytesPerSecond)} GB/s`,
    }));
  });
  const roofs = peaks.flatMap(({ isa: name, gigaOperations }) => {
    return [LEAST_INTENSITY, MOST_INTENSITY].map((intensity) => ({ intensity, gigaOperations, name }));
  });
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    document,
    width: 840,
    height: 460,
    marginLeft: 56,
    marginRight: 130,
    marginBottom: 44,
    style: { background: 'white', color: '#1f2937', fontSize: '12px' },
    x: {
      type: 'log',
      domain: [LEAST_INTENSITY, MOST_INTENSITY],
      label: 'operations per byte of the operands →',
      tickFormat: '~g',
    },
    y: {
      domain: [0.5, 2 * highest],
      type: 'log',
      label: '↑ 10⁹ float32 operations per second, one core',
      grid: true,
      tickFormat: '~g',
    },
    color: { domain: levels.map(({ name }) => name), range: COLOURS },
    marks: [
      Plot.line(roofs, {
        x: 'intensity',
        y: 'gigaOperations',
        z: 'name',
        stroke: '#6b7280',
        strokeDasharray: '4 3',
      }),
      Plot.text(spread(peaks), {
        x: () => MOST_INTENSITY,
        y: 'y',
        text: ({ isa: name, gigaOperations }) => `${name} ${Math.round(gigaOperations)}`,
        textAnchor: 'start',
        dx: 8,
        fill: '#374151',
      }),
      Plot.line(slopes, { x: 'intensity', y: 'gigaOperations', z: 'name', stroke: 'name', strokeWidth: 2 }),
      Plot.text(spread(slopes.filter((_, index) => index % 2 === 0)), {
        x: () => LEAST_INTENSITY,
        y: 'y',
        text: 'label',
        textAnchor: 'start',
        dx: 8,
        dy: -12,
        fill: 'name',
      }),
      Plot.dot(points, { x: 'intensity', y: 'gigaOperations', r: 4, fill: POINT_COLOUR }),
      Plot.text(points, {
        x: 'intensity',
        y: 'gigaOperations',
        text: 'name',
        textAnchor: 'start',
        rotate: 50,
        dx: 5,
        dy: 6,
        fill: POINT_COLOUR,
        fontSize: 10,
      }),
    ],
    caption: undefined,
  } as Plot.PlotOptions);
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Roofline of one core of ${cpu}, products on ${isa}`);
  return svg.outerHTML;
}

/** Labels of roofs that nearly meet, moved apart by a line of text. */
function spread<Labelled extends { readonly gigaOperations: number }>(
  labels: readonly Labelled[],
): readonly (Labelled & { readonly y: number })[] {
  let last = Number.POSITIVE_INFINITY;
  return [...labels]
    .sort((a, b) => b.gigaOperations - a.gigaOperations)
    .map((label) => {
      last = Math.min(label.gigaOperations, last / 1.25);
      return { ...label, y: last };
    });
}
