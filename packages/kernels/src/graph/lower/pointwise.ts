import { MAP_ARGUMENT_COUNT, MAP_ARGUMENTS, type MapDescription, MOST_MAP_INPUTS } from '@qedge/codegen';
import { elementCount, type PointwiseExpression, type Shape } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from '../../engine/binding.ts';
import { rowMajorStrides } from '../../engine/copy.ts';
import { requireArray } from '../../engine/operands.ts';
import { divide } from '../../engine/split-work.ts';
import { broadcastStrides } from '../operators/strided.ts';
import { limitInputs } from './limit-inputs.ts';
import type { Lowering } from './lowering.ts';

/** Numbers of a shape. */
export interface ShapedFloats {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Numbers of a box: of all indices 0 the first of `data`. */
export interface StridedFloats {
  readonly data: Float32Array;
  /** In elements, one per axis of the box. */
  readonly strides: readonly number[];
}

/** Operations that one function or operation of an expression counts as. */
const OPERATIONS_PER_PART = 6;

/** Elements of a vector of the widest target: parts of a row start at one. */
const VECTOR_ELEMENTS = 16;

/** An expression in the elements of inputs that broadcast to the output. */
export function pointwiseSteps(
  context: BindingContext,
  expression: PointwiseExpression,
  inputs: readonly ShapedFloats[],
  output: ShapedFloats,
): KernelSteps {
  const operands = inputs.map(({ shape, data }) => {
    return { data, strides: broadcastStrides(shape, output.shape) };
  });
  const target = { data: output.data, strides: rowMajorStrides(output.shape) };
  return stridedPointwiseSteps(context, expression, output.shape, operands, target);
}

/** An expression in the elements of strided inputs. The output may be an input of the same strides. */
export function stridedPointwiseSteps(
  context: BindingContext,
  expression: PointwiseExpression,
  sizes: Shape,
  inputs: readonly StridedFloats[],
  output: StridedFloats,
): KernelSteps {
  if (elementCount(sizes) === 0) return [];
  return context.arena.reuse(() => {
    const temporary = (): StridedFloats => ({
      data: context.arena.temporaryArray(Float32Array, elementCount(sizes), 'a part of an expression'),
      strides: rowMajorStrides(sizes),
    });
    return limitInputs(expression, inputs, output, MOST_MAP_INPUTS, temporary).flatMap((part) => {
      return mapSteps(context, part.expression, sizes, part.inputs, part.output);
    });
  });
}

/** One axis of a box, with the strides of the output and of every input. */
interface MapAxis {
  readonly size: number;
  readonly strides: readonly number[];
}

/** The same box with the fewest axes: neighbours that continue each other in every operand become one. */
function mergeAxes(sizes: Shape, operands: readonly StridedFloats[]): MapAxis[] {
  const merged: MapAxis[] = [];
  for (const [index, size] of sizes.entries()) {
    if (size === 1) continue;
    const axis = { size, strides: operands.map(({ strides }) => strides[index]!) };
    const outer = merged.at(-1);
    const continues = outer?.strides.every((stride, operand) => stride === axis.strides[operand]! * size);
    if (outer && continues) merged[merged.length - 1] = { ...axis, size: outer.size * size };
    else merged.push(axis);
  }
  return merged;
}

/** The kernels of one expression: a step for each box of three axes. */
function mapSteps(
  context: BindingContext,
  expression: PointwiseExpression,
  sizes: Shape,
  inputs: readonly StridedFloats[],
  output: StridedFloats,
): KernelPart[][] {
  const operands = [output, ...inputs];
  const addresses = operands.map(({ data }, index) => {
    return requireArray(context.arena, index === 0 ? 'output' : `input ${index - 1}`, 'Float32Array', data);
  });
  const axes = mergeAxes(sizes, operands);
  const none: MapAxis = { size: 1, strides: operands.map(() => 0) };
  // A column of a box with one column has any stride; 1 is what rows of one element are stored with.
  const isRow = axes.at(-1)?.strides.every((stride, index) => stride === 1 || (index > 0 && stride === 0));
  const column = isRow
    ? axes.pop()!
    : { ...none, strides: operands.map((_, index) => (index === 0 ? 1 : 0)) };
  const row = axes.pop() ?? none;
  const outer = axes.pop() ?? none;
  const threads = worthwhileThreads(
    context,
    elementCount(sizes) * countParts(expression) * OPERATIONS_PER_PART,
  );
  const cuts = cutBox({ outer, row, column }, threads);
  return startsOf(axes, operands.length).map((start) => {
    return cuts.map(({ box, offset }) => {
      const places = addresses.map((address, index) => address + 4 * (start[index]! + offset[index]!));
      return { description: describe(expression, box), fields: fieldsOf(places) };
    });
  });
}

interface MapBox {
  readonly outer: MapAxis;
  readonly row: MapAxis;
  readonly column: MapAxis;
}

function describe(expression: PointwiseExpression, { outer, row, column }: MapBox): MapDescription {
  const [outerStride, ...outerStrides] = outer.strides;
  const [rowStride, ...rowStrides] = row.strides;
  return {
    kind: 'map',
    ...{ outer: outer.size, rows: row.size, width: column.size, expression },
    inputs: column.strides.slice(1).map((columnStride, index) => ({
      outerStride: outerStrides[index]!,
      rowStride: rowStrides[index]!,
      columnStride: columnStride as 0 | 1,
    })),
    // Rows that are not repeated have any stride that is long enough.
    output: {
      rowStride: row.size === 1 ? column.size : rowStride!,
      outerStride: outer.size === 1 ? row.size * Math.max(rowStride!, column.size) : outerStride!,
    },
  };
}

function fieldsOf([output, ...inputs]: readonly number[]) {
  const named = inputs.map((address, index) => [MAP_ARGUMENTS.firstInput + index, address] as const);
  return blockFields(MAP_ARGUMENT_COUNT, { ...Object.fromEntries(named), [MAP_ARGUMENTS.output]: output! });
}

/** Parts for as many threads, along the longest of the three axes. */
function cutBox(box: MapBox, threads: number): { readonly box: MapBox; readonly offset: number[] }[] {
  const { outer, row, column } = box;
  const longest =
    outer.size >= threads ? 'outer' : row.size >= threads || row.size > column.size ? 'row' : 'column';
  const axis = box[longest];
  const multiple = longest === 'column' ? VECTOR_ELEMENTS : 1;
  return divide(axis.size, threads, multiple).map(({ from, count }) => ({
    box: { ...box, [longest]: { ...axis, size: count } },
    offset: axis.strides.map((stride) => stride * from),
  }));
}

/** Elements before each box that the axes count out. */
function startsOf(axes: readonly MapAxis[], operands: number): number[][] {
  return axes.reduce<number[][]>(
    (starts, { size, strides }) => {
      return starts.flatMap((start) => {
        return Array.from({ length: size }, (_, index) =>
          start.map((at, operand) => at + index * strides[operand]!),
        );
      });
    },
    [new Array<number>(operands).fill(0)],
  );
}

/** Functions and operations of an expression. */
function countParts(expression: PointwiseExpression): number {
  if ('apply' in expression) return 1 + countParts(expression.to);
  if ('operation' in expression) return 1 + countParts(expression.a) + countParts(expression.b);
  if ('condition' in expression) {
    return (
      1 + [expression.condition, expression.a, expression.b].reduce((sum, part) => sum + countParts(part), 0)
    );
  }
  return 1;
}

/** Expressions of elements. */
export function lowerPointwise(node: Lowering<'pointwise'>): KernelSteps {
  const place = ({ shape, floats }: { readonly shape: Shape; readonly floats: Float32Array }) => {
    return { shape, data: floats };
  };
  const inputs = node.inputs.map((input) => place(input!));
  return pointwiseSteps(node.context, node.operator.expression, inputs, place(node.outputs[0]!));
}
