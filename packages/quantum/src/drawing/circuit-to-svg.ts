import { InvalidArgumentError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { arrangeCircuit } from './arrange-circuit.ts';
import {
  type CircuitLayout,
  type Column,
  type DrawnBox,
  type DrawnElement,
  largestOf,
  type Mark,
} from './drawn-element.ts';

/** How a circuit is drawn as SVG. */
export interface SvgOptions {
  /** Pixels a row may take before the drawing continues below; default 960. */
  readonly maxWidth?: number;
  /** What screen readers announce; default `Quantum circuit`. */
  readonly title?: string;
  /** The longer description; default the sizes and the gates of the circuit. */
  readonly description?: string;
}

const CHARACTER = 7.6;
const WIRE_STEP = 44;
const BOX_HEIGHT = 30;
const GAP = 10;
const MARGIN = 14;

/**
 * Colours come from custom properties, so that a page can set them; without, they follow the reader's colour scheme. The drawing
 * loads nothing.
 */
const STYLE = `
.qc{--qc-ink:#1f2328;--qc-paper:#fff;--qc-gate:#dbe9ff;--qc-flow:#fdeecb;--qc-measure:#e4e7eb;--qc-faint:#8a929b;
font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){.qc{--qc-ink:#e6edf3;--qc-paper:#0d1117;--qc-gate:#1c3a63;--qc-flow:#4d3a10;--qc-measure:#2d333b;--qc-faint:#768390}}
.qc text{fill:var(--qc-ink);dominant-baseline:central}
.qc line,.qc path{stroke:var(--qc-ink);stroke-width:1.4;fill:none}
.qc .c{stroke:var(--qc-faint)}
.qc rect{stroke:var(--qc-ink);stroke-width:1.2;fill:var(--qc-gate)}
.qc .flow{fill:var(--qc-flow)}.qc .measure{fill:var(--qc-measure)}.qc .paper{fill:var(--qc-paper);stroke:none}
.qc .dot{fill:var(--qc-ink);stroke:var(--qc-ink)}.qc .open{fill:var(--qc-paper);stroke:var(--qc-ink);stroke-width:1.4}
.qc .barrier{stroke:var(--qc-faint);stroke-dasharray:4 3}.qc .small{font-size:10px}`.replace(/\n/g, '');

/**
 * Draws a circuit as a self-contained SVG document with a title and a description for screen readers. The same arrangement as
 * {@link drawCircuit}.
 *
 * @throws InvalidArgumentError for a width below 1; UnsupportedError for more than 10,000,000 wires times columns.
 */
export function circuitToSvg(circuit: Circuit, options: SvgOptions = {}): string {
  const { maxWidth = 960, title = 'Quantum circuit', description = describe(circuit) } = options;
  if (!(maxWidth >= 1)) {
    throw new InvalidArgumentError('A drawing needs room', { expected: 'maxWidth >= 1', actual: maxWidth });
  }
  const layout = arrangeCircuit(circuit);
  const labelWidth = largestOf(layout.wires, ({ label }) => textWidth(label));
  const rows = foldColumns(layout.columns, labelWidth, maxWidth);
  const top = layout.heading === '' ? MARGIN : MARGIN + 22;
  const rowHeight = layout.wires.length * WIRE_STEP + GAP;
  const widest = largestOf(rows, (row) => row.reduce((sum, column) => sum + columnWidth(column), 0));
  const width = Math.ceil(2 * MARGIN + labelWidth + Math.max(GAP, widest));
  const height = Math.ceil(top + rows.length * rowHeight + MARGIN);
  const body = rows.map((row, index) =>
    drawRow(layout, row, { left: MARGIN, labelWidth, right: width - MARGIN, top: top + index * rowHeight }),
  );
  const heading =
    layout.heading === '' ? '' : `<text x="${MARGIN}" y="${MARGIN + 6}">${escapeText(layout.heading)}</text>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="qc" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
    `<title>${escapeText(title)}</title><desc>${escapeText(description)}</desc><style>${STYLE}</style>` +
    `<rect class="paper" width="${width}" height="${height}"/>${heading}${body.join('')}</svg>`
  );
}

function describe(circuit: Circuit): string {
  const counts = Object.entries(circuit.gateCounts()).map(([name, count]) => `${count} ${name}`);
  const bits = circuit.clbitCount > 0 ? ` and ${circuit.clbitCount} classical bits` : '';
  return `${circuit.qubitCount} qubits${bits}: ${counts.join(', ') || 'no instructions'}`;
}

/** Text inside elements; characters that XML does not allow are replaced. */
function escapeText(text: string): string {
  return [...text]
    .map((character) => (isXmlCharacter(character) ? character : '\uFFFD'))
    .join('')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}

function isXmlCharacter(character: string): boolean {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff;
}

const textWidth = (text: string) => [...text].length * CHARACTER;
const round = (value: number) => Math.round(value * 10) / 10;

function boxWidth(box: DrawnBox): number {
  const operands = largestOf(box.operands.values(), textWidth);
  return Math.max(BOX_HEIGHT, textWidth(box.label) + 14 + 2 * operands);
}

function columnWidth(column: Column): number {
  return largestOf(column, ({ box }) => (box ? boxWidth(box) : 18)) + GAP;
}

function foldColumns(columns: readonly Column[], labelWidth: number, maxWidth: number): Column[][] {
  const rows: Column[][] = [[]];
  let used = 2 * MARGIN + labelWidth;
  for (const column of columns) {
    const width = columnWidth(column);
    if (rows.at(-1)!.length > 0 && used + width > maxWidth) {
      rows.push([]);
      used = 2 * MARGIN + labelWidth;
    }
    rows.at(-1)!.push(column);
    used += width;
  }
  return rows;
}

interface RowFrame {
  readonly left: number;
  readonly labelWidth: number;
  readonly right: number;
  readonly top: number;
}

function drawRow(layout: CircuitLayout, row: readonly Column[], frame: RowFrame): string {
  const y = (wire: number) => frame.top + (wire + 0.5) * WIRE_STEP;
  const begin = frame.left + frame.labelWidth;
  let x = begin + GAP / 2;
  const parts = layout.wires.map(({ label, kind }, wire) => {
    const text = `<text x="${round(begin - 4)}" y="${y(wire)}" text-anchor="end">${escapeText(label.trim())}</text>`;
    if (kind === 'qubit') return text + horizontal(begin, frame.right, y(wire), '');
    return (
      text +
      horizontal(begin, frame.right, y(wire) - 1.5, 'c') +
      horizontal(begin, frame.right, y(wire) + 1.5, 'c')
    );
  });
  for (const column of row) {
    const width = columnWidth(column);
    for (const element of column) parts.push(drawElement(element, x + width / 2 - GAP / 2, y));
    x += width;
  }
  return `<g>${parts.join('')}</g>`;
}

function horizontal(x1: number, x2: number, y: number, style: string): string {
  const kind = style === '' ? '' : ` class="${style}"`;
  return `<line${kind} x1="${round(x1)}" y1="${y}" x2="${round(x2)}" y2="${y}"/>`;
}

function vertical(x: number, y1: number, y2: number, style = ''): string {
  const kind = style === '' ? '' : ` class="${style}"`;
  return `<line${kind} x1="${round(x)}" y1="${y1}" x2="${round(x)}" y2="${y2}"/>`;
}

function drawElement(element: DrawnElement, x: number, y: (wire: number) => number): string {
  const { box, marks, link, doubleLink } = element;
  const parts: string[] = [];
  if (link) parts.push(vertical(x, y(link[0]), y(link[1])));
  if (doubleLink) {
    for (const offset of [-1.5, 1.5])
      parts.push(vertical(x + offset, y(doubleLink[0]), y(doubleLink[1]), 'c'));
  }
  if (box) parts.push(drawBox(box, x, y));
  const left = box ? x - boxWidth(box) / 2 : x;
  for (const [wire, mark] of marks) {
    const inBox = box !== null && wire >= box.first && wire <= box.last;
    parts.push(drawMark(mark, inBox ? left : x, y(wire)));
  }
  return parts.join('');
}

function drawBox(box: DrawnBox, x: number, y: (wire: number) => number): string {
  const [top, bottom] = [y(box.first) - BOX_HEIGHT / 2, y(box.last) + BOX_HEIGHT / 2];
  const width = boxWidth(box);
  const left = round(x - width / 2);
  const operands = [...box.operands].map(
    ([wire, text]) => `<text class="small" x="${left + 4}" y="${y(wire)}">${escapeText(text)}</text>`,
  );
  const label =
    box.kind === 'measure'
      ? measureSign(x, y(box.first))
      : `<text x="${round(x)}" y="${(top + bottom) / 2}" text-anchor="middle">${escapeText(box.label)}</text>`;
  return `<rect class="${box.kind}" x="${left}" y="${top}" width="${round(width)}" height="${bottom - top}" rx="3"/>${operands.join('')}${label}`;
}

/** A dial with its hand. */
function measureSign(x: number, y: number): string {
  return `<path d="M${round(x - 9)} ${y + 5}a9 9 0 0 1 18 0M${round(x)} ${y + 5}l6 -11"/>`;
}

function drawMark(mark: Mark, x: number, y: number): string {
  switch (mark.kind) {
    case 'control':
      return `<circle class="${mark.open ? 'open' : 'dot'}" cx="${round(x)}" cy="${y}" r="4.5"/>`;
    case 'swap':
      return `<path d="M${round(x - 6)} ${y - 6}l12 12m0 -12l-12 12"/>`;
    case 'barrier':
      return vertical(x, y - WIRE_STEP / 2, y + WIRE_STEP / 2, 'barrier');
    case 'bit':
      return `<circle class="dot" cx="${round(x)}" cy="${y}" r="2.5"/><text class="small" x="${round(x + 6)}" y="${y + 10}">${escapeText(mark.label)}</text>`;
  }
}
