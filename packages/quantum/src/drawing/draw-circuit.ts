import { InvalidArgumentError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { arrangeCircuit } from './arrange-circuit.ts';
import {
  type Column,
  type DrawnBox,
  type DrawnElement,
  largestOf,
  type Mark,
  type Wire,
} from './drawn-element.ts';

/** How a circuit is drawn as text. */
export interface DrawingOptions {
  /** Characters a line may take before the drawing continues below, default 110; a column that is wider stands alone. */
  readonly maxWidth?: number;
}

/** Three lines of characters for one wire within one column. */
interface Cell {
  top: string;
  middle: string;
  bottom: string;
}

/**
 * Draws a circuit as text with box-drawing characters, as known from Qiskit: qubit 0 on top, one double wire for each classical
 * register. `■` is a control on 1, `o` on 0, `X` an end of a swap, `M` a measurement, `░` a barrier. Blocks of control flow begin
 * and end with a box that carries their number. All lines have the same length.
 *
 * @throws InvalidArgumentError for a width below 1; UnsupportedError for more than 10,000,000 wires times columns.
 * @example
 * drawCircuit(new Circuit(2).h(0).cx(0, 1));
 * //     ┌───┐
 * // q0: ┤ H ├──■──
 * //     └───┘┌─┴─┐
 * // q1: ─────┤ X ├
 * //          └───┘
 */
export function drawCircuit(circuit: Circuit, options: DrawingOptions = {}): string {
  const { maxWidth = 110 } = options;
  if (!(maxWidth >= 1)) {
    throw new InvalidArgumentError('A drawing needs room', { expected: 'maxWidth >= 1', actual: maxWidth });
  }
  const { wires, columns, heading } = arrangeCircuit(circuit);
  const labelWidth = largestOf(wires, ({ label }) => widthOf(label));
  const labels = wires.map(({ label }) => ' '.repeat(labelWidth - widthOf(label)) + label);
  const drawn = columns.map((column) => drawColumn(column, wires));
  const folds = foldColumns(drawn, labelWidth, maxWidth);
  const lines = folds.flatMap((fold, index) => {
    const first = index === 0;
    const begin = first ? labels : wires.map(() => '«'.padEnd(labelWidth));
    return drawFold(wires, fold, begin, first ? ' ' : '«', folds.length > 1 && index + 1 < folds.length);
  });
  if (heading !== '') lines.unshift(heading);
  const width = largestOf(lines, widthOf);
  return lines.map((line) => line + ' '.repeat(width - widthOf(line))).join('\n');
}

const widthOf = (text: string) => [...text].length;

/** Divides columns among lines. */
function foldColumns(columns: readonly Cell[][], labelWidth: number, maxWidth: number): Cell[][][] {
  const folds: Cell[][][] = [[]];
  let used = labelWidth + 1;
  for (const column of columns) {
    const width = widthOf(column[0]!.middle);
    const current = folds.at(-1)!;
    if (current.length > 0 && used + width > maxWidth) {
      folds.push([column]);
      used = labelWidth + 1 + width;
    } else {
      current.push(column);
      used += width;
    }
  }
  return folds;
}

function drawFold(
  wires: readonly Wire[],
  columns: readonly Cell[][],
  labels: readonly string[],
  margin: string,
  goesOn: boolean,
): string[] {
  const lines: string[] = [];
  const tail = goesOn ? '»' : '';
  let above: string | null = null;
  wires.forEach((_, index) => {
    const join = (part: keyof Cell) => columns.map((column) => column[index]![part]).join('');
    const side = margin + ' '.repeat(widthOf(labels[index]!) - 1);
    const top = side + join('top') + tail;
    const merged = above === null ? null : mergeLines(above, top);
    if (above !== null) {
      if (merged === null) lines.push(above, top);
      else lines.push(merged);
    } else lines.push(top);
    lines.push(labels[index]! + join('middle') + tail);
    above = side + join('bottom') + tail;
  });
  if (above !== null) lines.push(above);
  return lines;
}

/** A line that meets the edge of a box, from above or from below. */
const JOINTS: ReadonlySet<string> = new Set(['│┴', '┬│', '╥║']);

/** Two lines in one where nothing covers anything else; null where that cannot be. */
function mergeLines(above: string, below: string): string | null {
  const [upper, lower] = [[...above], [...below]];
  let merged = '';
  for (let i = 0; i < upper.length; i++) {
    const [a, b] = [upper[i]!, lower[i]!];
    if (a === b || b === ' ' || JOINTS.has(`${a}${b}`)) merged += a === '│' ? b.replace(' ', a) : a;
    else if (a === ' ') merged += b;
    else return null;
  }
  return merged;
}

function drawColumn(column: Column, wires: readonly Wire[]): Cell[] {
  const cells: (Cell | undefined)[] = wires.map(() => undefined);
  const width = largestOf(column, elementWidth);
  for (const element of column) drawElement(element, wires, cells, elementWidth(element));
  return wires.map(({ kind }, index) => {
    const fill = kind === 'qubit' ? '─' : '═';
    const { top, middle, bottom } = cells[index] ?? { top: '', middle: '', bottom: '' };
    return {
      top: centre(top, width, ' '),
      middle: centre(middle, width, fill),
      bottom: centre(bottom, width, ' '),
    };
  });
}

function elementWidth({ box, marks }: DrawnElement): number {
  let width = 3;
  if (box) width = widthOf(box.label) + 4 + (box.operands.size > 0 ? operandWidth(box) : 0);
  for (const mark of marks.values()) if (mark.kind === 'bit') width = Math.max(width, widthOf(mark.label));
  return width;
}

function operandWidth({ operands }: DrawnBox): number {
  return largestOf(operands.values(), widthOf);
}

function drawElement(
  element: DrawnElement,
  wires: readonly Wire[],
  cells: (Cell | undefined)[],
  width: number,
): void {
  const { box, marks, link, doubleLink } = element;
  for (let wire = element.first; wire <= element.last; wire++) {
    const mark = marks.get(wire);
    if (box && wire >= box.first && wire <= box.last) {
      cells[wire] = boxCell(box, wire, element, width);
      continue;
    }
    const fill = wires[wire]!.kind === 'qubit' ? '─' : '═';
    const inLink = link !== null && wire >= link[0] && wire <= link[1];
    const inDouble = doubleLink !== null && wire > doubleLink[0] && wire <= doubleLink[1];
    if (mark?.kind === 'barrier') {
      cells[wire] = threeLines('░', '░', '░', fill, width);
    } else if (inLink) {
      const up = wire > link[0] ? '│' : ' ';
      const down = wire < link[1] ? '│' : ' ';
      cells[wire] = threeLines(up, markCharacter(mark) ?? '┼', down, fill, width);
    } else if (inDouble) {
      const isEnd = mark?.kind === 'bit';
      const isLast = wire === doubleLink[1];
      const crossing = fill === '─' ? '╫' : isEnd ? (isLast ? '╩' : '╬') : '╬';
      const below = isEnd && isLast ? mark.label || ' ' : '║';
      cells[wire] = threeLines('║', crossing, below, fill, width);
    } else if (mark) {
      cells[wire] = threeLines(' ', markCharacter(mark)!, ' ', fill, width);
    }
  }
}

function markCharacter(mark: Mark | undefined): string | null {
  switch (mark?.kind) {
    case 'control':
      return mark.open ? 'o' : '■';
    case 'swap':
      return 'X';
    case 'barrier':
      return '░';
    default:
      return null;
  }
}

function threeLines(top: string, middle: string, bottom: string, fill: string, width: number): Cell {
  return {
    top: centre(top, width, ' '),
    middle: centre(middle, width, fill),
    bottom: centre(bottom, width, ' '),
  };
}

/** The part of a box on one of its wires. */
function boxCell(box: DrawnBox, wire: number, element: DrawnElement, width: number): Cell {
  const inner = width - 2;
  const isTop = wire === box.first;
  const isBottom = wire === box.last;
  const joinsUp = element.link !== null && element.link[0] < box.first;
  const joinsDown = element.link !== null && element.link[1] > box.last;
  const edge = (left: string, right: string, joint: string | null) =>
    `${left}${centre(joint ?? '─', inner, '─')}${right}`;
  const blank = `│${' '.repeat(inner)}│`;
  const named = `│${nameLine(box, '', inner)}│`;
  const lower = element.doubleLink ? '╥' : joinsDown ? '┬' : null;
  // The label stands on the middle wire, or between the two that are nearest to the middle.
  const span = box.last - box.first;
  const middle = box.first + span / 2;
  const onWire = wire === middle;
  const mark = element.marks.get(wire);
  const left = markCharacter(mark) ?? '┤';
  const operand = box.operands.get(wire) ?? '';
  return {
    top: isTop ? edge('┌', '┐', joinsUp ? '┴' : null) : blank,
    middle: `${left}${onWire ? nameLine(box, operand, inner) : operand.padEnd(inner)}├`,
    bottom: isBottom ? edge('└', '┘', lower) : wire === middle - 0.5 ? named : blank,
  };
}

function nameLine(box: DrawnBox, operand: string, inner: number): string {
  const start = box.operands.size > 0 ? operandWidth(box) : 0;
  return operand.padEnd(start) + centre(box.label, inner - start, ' ');
}

function centre(text: string, width: number, fill: string): string {
  const room = Math.max(0, width - widthOf(text));
  const left = room >> 1;
  return fill.repeat(left) + text + fill.repeat(room - left);
}
