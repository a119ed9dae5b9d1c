import type { Circuit } from './circuit.ts';
import { gateDefinition } from './gate-definition.ts';
import type { Instruction } from './instruction.ts';
import type { ParameterValue } from './parameter.ts';

/** How a circuit is drawn. */
export interface DrawingOptions {
  /** Characters a line may take before the drawing continues below; default 110. */
  readonly maxWidth?: number;
}

/** Instructions side by side that share no wire of the drawing, with the text on each wire. */
interface Column {
  /** For each qubit the text on its wire, or undefined for a bare wire. */
  readonly cells: (string | undefined)[];
  /** For each qubit whether a line leads down from it to the next one. */
  readonly linked: boolean[];
}

/**
 * Draws a circuit as text, one line for each qubit with qubit 0 on top. `●` is a control, `×` an end of a swap, `M0` a measurement
 * into classical bit 0, `|0>` a reset and `░` a barrier. Angles are rounded to four digits.
 *
 * @example
 * drawCircuit(new Circuit(2).h(0).cx(0, 1));
 * // q0: ─H─●─
 * //        │
 * // q1: ───X─
 */
export function drawCircuit(circuit: Circuit, options: DrawingOptions = {}): string {
  const { maxWidth = 110 } = options;
  const labels = Array.from({ length: circuit.qubitCount }, (_, qubit) => `q${qubit}: `);
  const labelWidth = Math.max(0, ...labels.map((label) => label.length));
  const columns = arrangeColumns(circuit);
  const blocks: string[] = [];
  for (let next = 0; next < columns.length || blocks.length === 0; ) {
    const block: Column[] = [];
    let width = labelWidth + 1;
    do {
      const column = columns[next];
      if (column === undefined) break;
      block.push(column);
      width += columnWidth(column) + 1;
      next++;
    } while (next < columns.length && width + columnWidth(columns[next]!) + 1 <= maxWidth);
    blocks.push(drawBlock(block, labels, labelWidth));
  }
  return blocks.join('\n\n');
}

function arrangeColumns(circuit: Circuit): Column[] {
  const columns: Column[] = [];
  const next = new Int32Array(circuit.qubitCount);
  for (const instruction of circuit.instructions) {
    if (instruction.qubits.length === 0) continue;
    const [first, last] = [Math.min(...instruction.qubits), Math.max(...instruction.qubits)];
    const at = next.subarray(first, last + 1).reduce((latest, column) => Math.max(latest, column), 0);
    while (columns.length <= at) {
      columns.push({
        cells: Array.from({ length: circuit.qubitCount }, () => undefined),
        linked: Array.from({ length: circuit.qubitCount }, () => false),
      });
    }
    const { cells, linked } = columns[at]!;
    const texts = wireTexts(instruction);
    instruction.qubits.forEach((qubit, position) => {
      cells[qubit] = texts[position]!;
    });
    for (let qubit = first; qubit <= last; qubit++) {
      if (instruction.kind !== 'barrier') {
        cells[qubit] ??= '┼';
        linked[qubit] = qubit < last;
      }
      next[qubit] = at + 1;
    }
  }
  return columns;
}

/** What an instruction shows on each of its qubits. */
function wireTexts(instruction: Instruction): string[] {
  switch (instruction.kind) {
    case 'measure':
      return [`M${instruction.clbit}`];
    case 'reset':
      return ['|0>'];
    case 'barrier':
      return instruction.qubits.map(() => '░');
    case 'gate': {
      const { name, parameters, qubits } = instruction;
      const { controlCount } = gateDefinition(name);
      const angles = parameters.length === 0 ? '' : `(${parameters.map(formatAngle).join(',')})`;
      const base = (controlCount > 0 ? name.slice(controlCount) : name).toUpperCase();
      return qubits.map((_, position) => {
        if (position < controlCount) return '●';
        if (base === 'SWAP') return '×';
        if (name === 'cz') return '●';
        return `${base}${angles}`;
      });
    }
    default:
      return instruction.qubits.map(() => instruction.kind.toUpperCase());
  }
}

function formatAngle(angle: ParameterValue): string {
  if (typeof angle === 'number') return String(Number(angle.toPrecision(4)));
  return angle.toString().replace(/ /g, '').replace(/\d+\.\d+/g, (digits) => String(Number(Number(digits).toPrecision(4))));
}

function columnWidth({ cells }: Column): number {
  return Math.max(1, ...cells.map((cell) => cell?.length ?? 0));
}

function drawBlock(columns: readonly Column[], labels: readonly string[], labelWidth: number): string {
  const lines: string[] = [];
  labels.forEach((label, qubit) => {
    let wire = `${label.padEnd(labelWidth)}─`;
    let gap = ' '.repeat(labelWidth + 1);
    for (const column of columns) {
      const width = columnWidth(column);
      wire += `${centre(column.cells[qubit] ?? '', width, '─')}─`;
      gap += `${centre(column.linked[qubit] ? '│' : '', width, ' ')} `;
    }
    lines.push(wire);
    if (qubit + 1 < labels.length) lines.push(gap.trimEnd());
  });
  return lines.join('\n');
}

function centre(text: string, width: number, fill: string): string {
  const left = (width - text.length) >> 1;
  return fill.repeat(left) + text + fill.repeat(width - text.length - left);
}
