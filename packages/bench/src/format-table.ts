import { InvalidArgumentError } from '@qedge/core';

/** One cell: numbers are aligned right and shown with four significant digits. */
export type TableCell = string | number;

/**
 * A Markdown table (GitHub's dialect) that also reads well as plain text.
 *
 * @param rows records with the same keys in the same order; the keys of the first are the headings
 * @returns lines without a trailing newline; an empty string for no rows.
 * @throws InvalidArgumentError when a row has other keys than the first.
 */
export function formatTable(rows: readonly Readonly<Record<string, TableCell>>[]): string {
  const first = rows[0];
  if (first === undefined) return '';
  const headings = Object.keys(first);
  for (const [index, row] of rows.entries()) {
    const keys = Object.keys(row);
    if (keys.length !== headings.length || !headings.every((heading) => Object.hasOwn(row, heading))) {
      throw new InvalidArgumentError(`Row ${index} does not fit the table`, {
        expected: headings,
        actual: keys,
      });
    }
  }
  const numeric = headings.map((heading) => rows.every((row) => typeof row[heading] === 'number'));
  const cells = rows.map((row) => headings.map((heading) => showCell(row[heading]!)));
  const titles = headings.map(escapeCell);
  const widths = titles.map((title, column) =>
    Math.max(3, title.length, ...cells.map((row) => row[column]!.length)),
  );
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, column) => pad(text, widths[column]!, numeric[column]!)).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    numeric[column] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [line(titles), line(rule), ...cells.map(line)].join('\n');
}

function showCell(cell: TableCell): string {
  if (typeof cell === 'string') return escapeCell(cell);
  if (Number.isSafeInteger(cell)) return String(cell);
  return Number.isFinite(cell) ? String(Number(cell.toPrecision(4))) : String(cell);
}

function escapeCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\r?\n/g, ' ');
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}
