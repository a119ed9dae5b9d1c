import type { ClassicalType } from '../../circuit/classical-expression.ts';
import type { ArrayLiteral, Expression, IndexOperator } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { castClassical } from './cast.ts';
import { evaluate } from './evaluate.ts';
import { type Selection, select, selectItem } from './select.ts';
import { type ArrayValue, describeValue, isKnown, literal, type Value } from './value.ts';

/** An array of zeros. */
export function zeroArray(base: ClassicalType, shape: readonly number[]): ArrayValue {
  const count = shape.reduce((product, size) => product * size, 1);
  return { kind: 'array', base, shape, elements: new Array<Value>(count).fill(zeroOf(base)) };
}

/** 0, false or no bits. */
export function zeroOf(type: ClassicalType): Value {
  if (type.kind === 'float') return type.size === 64 ? 0 : literal(type, 0);
  return literal(type, type.kind === 'bool' ? false : 0n);
}

/** Evaluates `{a, b, {c}}`, whose form must be the shape. */
export function evaluateArrayLiteral(
  analysis: Analysis,
  node: ArrayLiteral,
  base: ClassicalType,
  shape: readonly number[],
): ArrayValue {
  const elements: Value[] = [];
  const walk = (item: ArrayLiteral | Expression, depth: number): void => {
    if (item.kind === 'array-literal') {
      if (shape[depth] !== item.elements.length) {
        analysis.fail(item.start, `${shape[depth] ?? 'no'} elements`, String(item.elements.length));
      }
      for (const element of item.elements) walk(element, depth + 1);
      return;
    }
    const value = evaluate(analysis, item);
    if (typeof value === 'object' && 'kind' in value && value.kind === 'array') {
      if (value.shape.join() !== shape.slice(depth).join()) {
        analysis.fail(item.start, `an array of ${shape.slice(depth).join(' x ')}`, describeValue(value));
      }
      for (const element of value.elements) elements.push(castClassical(analysis, element, base, item.start));
      return;
    }
    if (depth !== shape.length) analysis.fail(item.start, `${shape[depth]} elements in braces`, 'one value');
    elements.push(checkElement(analysis, castClassical(analysis, value, base, item.start), item.start));
  };
  walk(node, 0);
  analysis.count(elements.length, node.start);
  return { kind: 'array', base, shape, elements };
}

/** Elements must be known: the running program has no arrays. */
function checkElement(analysis: Analysis, value: Value, start: number): Value {
  if (isKnown(value)) return value;
  return analysis.refuse(start, 'arrays of values that only the running program knows are not supported');
}

/** A part of an array: offsets of its elements, row-major. */
interface View {
  readonly offsets: readonly number[];
  readonly shape: readonly number[];
}

/** Which elements a chain of index operators means. */
function viewArray(
  analysis: Analysis,
  shape: readonly number[],
  indices: readonly IndexOperator[],
  start: number,
): View {
  const count = shape.reduce((product, size) => product * size, 1);
  analysis.count(count, start);
  let view: View = { offsets: Array.from({ length: count }, (_, offset) => offset), shape };
  for (const index of indices) view = narrow(analysis, view, index);
  return view;
}

function narrow(analysis: Analysis, { offsets, shape }: View, index: IndexOperator): View {
  const items = index.kind === 'set' ? [index] : index.items;
  if (items.length > shape.length) {
    analysis.fail(index.start, `at most ${shape.length} indices`, `${items.length} indices`);
  }
  const selections = shape.map((size, dimension): Selection => {
    const item = items[dimension];
    if (item === undefined) return { positions: Array.from({ length: size }, (_, i) => i), single: false };
    return item.kind === 'set' ? select(analysis, item, size) : selectItem(analysis, item, size);
  });
  let places = [0];
  for (const [dimension, { positions }] of selections.entries()) {
    places = places.flatMap((place) => positions.map((position) => place * shape[dimension]! + position));
  }
  return {
    offsets: places.map((place) => offsets[place]!),
    shape: selections.filter(({ single }) => !single).map(({ positions }) => positions.length),
  };
}

/** An element, or an array of some of the elements. */
export function readArray(
  analysis: Analysis,
  array: ArrayValue,
  indices: readonly IndexOperator[],
  start: number,
): Value {
  const { offsets, shape } = viewArray(analysis, array.shape, indices, start);
  if (shape.length === 0) return array.elements[offsets[0]!]!;
  return {
    kind: 'array',
    base: array.base,
    shape,
    elements: offsets.map((offset) => array.elements[offset]!),
  };
}

/** The array with some elements replaced. */
export function writeArray(
  analysis: Analysis,
  array: ArrayValue,
  indices: readonly IndexOperator[],
  value: Value,
  start: number,
): ArrayValue {
  const { offsets, shape } = viewArray(analysis, array.shape, indices, start);
  const elements = [...array.elements];
  const isArray = typeof value === 'object' && 'kind' in value && value.kind === 'array';
  const sizes = isArray ? value.shape.join() : '';
  if (sizes !== shape.join()) {
    analysis.fail(
      start,
      shape.length === 0 ? 'one value' : `an array of ${shape.join(' x ')}`,
      describeValue(value),
    );
  }
  const parts = isArray ? value.elements : [value];
  for (const [index, offset] of offsets.entries()) {
    elements[offset] = checkElement(
      analysis,
      castClassical(analysis, parts[index]!, array.base, start),
      start,
    );
  }
  return { ...array, elements };
}
