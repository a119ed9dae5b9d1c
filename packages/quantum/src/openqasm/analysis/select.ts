import type { Expression, IndexOperator, RangeExpression } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { evaluateInteger } from './evaluate.ts';

/** Which of `size` things an index means. */
export interface Selection {
  readonly positions: readonly number[];
  /** True for a plain index, which leaves no register. */
  readonly single: boolean;
}

/** The positions of an index operator with one item. */
export function select(analysis: Analysis, index: IndexOperator, size: number): Selection {
  if (index.kind === 'set') {
    const positions = index.elements.map((element) => selectOne(analysis, element, size));
    return { positions, single: false };
  }
  const [item] = index.items;
  if (index.items.length !== 1 || item === undefined) {
    analysis.fail(index.start, 'one index', `${index.items.length} indices`);
  }
  return selectItem(analysis, item, size);
}

/** The positions of one item between brackets. */
export function selectItem(analysis: Analysis, item: Expression | RangeExpression, size: number): Selection {
  if (item.kind !== 'range') return { positions: [selectOne(analysis, item, size)], single: true };
  const step = item.step === null ? 1 : evaluateInteger(analysis, item.step, 'a step');
  if (step === 0) analysis.fail(item.start, 'a step other than 0', '0');
  const ends = step > 0 ? [0, size - 1] : [size - 1, 0];
  const first = item.first === null ? ends[0]! : selectOne(analysis, item.first, size);
  const last = item.last === null ? ends[1]! : selectOne(analysis, item.last, size);
  const positions: number[] = [];
  for (let at = first; step > 0 ? at <= last : at >= last; at += step) positions.push(at);
  if (positions.length === 0) analysis.fail(item.start, 'a range that is not empty', `${first} to ${last}`);
  analysis.count(positions.length, item.start);
  return { positions, single: false };
}

/** A position; negative indices count from the end. */
function selectOne(analysis: Analysis, expression: Expression, size: number): number {
  const index = evaluateInteger(analysis, expression, 'an index');
  const position = index < 0 ? index + size : index;
  if (!(position >= 0 && position < size)) {
    const negative = analysis.source.version === 3 ? ` or -${size}..-1` : '';
    analysis.fail(expression.start, `an index in 0..${size - 1}${negative}`, String(index));
  }
  return position;
}
