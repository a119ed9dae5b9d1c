import {
  elementCount,
  InvalidArgumentError,
  rowMajorStrides,
  type Shape,
  ShapeMismatchError,
  shapesEqual,
} from '@qedge/core';
import { Constant, MAX_FOLDED_ELEMENTS, readStrided, runtimeDType } from './constant.ts';
import type { DecodedNumbers } from './decode-tensor.ts';
import type { OnnxElementType } from './element-type.ts';
import { broadcastShapes, broadcastStrides } from './fold-pointwise.ts';
import { constantValue, type ImportedValue, isFoldable, knownValue } from './imported-value.ts';
import type { NodeContext } from './node-context.ts';
import { asTyped, at, pointwise } from './pointwise.ts';

/** The same numbers in another shape; constants stay constants, of any size. */
export function reshape(context: NodeContext, value: ImportedValue, shape: Shape): ImportedValue {
  if (shapesEqual(shape, value.shape)) return value;
  if (elementCount(shape) !== elementCount(value.shape)) {
    throw new ShapeMismatchError('A reshape changes the number of elements', {
      expected: `a shape of as many elements as [${value.shape.join(', ')}]`,
      actual: `[${shape.join(', ')}]`,
    });
  }
  if (value.constant !== null) return constantValue(value.constant.reshaped(shape));
  return context.emit({ kind: 'reshape', shape }, [value], value.type);
}

/** `output axis i = input axis permutation[i]`; constants stay constants, permuted when they are loaded. */
export function transpose(
  context: NodeContext,
  value: ImportedValue,
  permutation: readonly number[],
): ImportedValue {
  const rank = value.shape.length;
  const valid =
    permutation.length === rank &&
    new Set(permutation).size === rank &&
    permutation.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);
  if (!valid) {
    throw new InvalidArgumentError('A transposition is no permutation of the axes', {
      expected: `each of 0 to ${rank - 1} once`,
      actual: permutation,
    });
  }
  if (permutation.every((axis, index) => axis === index)) return value;
  if (value.constant !== null) return constantValue(value.constant.transposed(permutation));
  return context.emit({ kind: 'transpose', permutation }, [value], value.type);
}

/** Images `[n, c, h, w]` as `[n, h, w, c]`. */
export function toChannelsLast(context: NodeContext, value: ImportedValue): ImportedValue {
  return value.channelsLast ?? transpose(context, value, [0, 2, 3, 1]);
}

/** Images `[n, h, w, c]` as `[n, c, h, w]`; later nodes find the former. */
export function toChannelsFirst(context: NodeContext, value: ImportedValue): ImportedValue {
  return { ...transpose(context, value, [0, 3, 1, 2]), channelsLast: value };
}

/** Elements `starts + i * steps` of each axis, `i < sizes`. */
export function slice(
  context: NodeContext,
  value: ImportedValue,
  starts: readonly number[],
  steps: readonly number[],
  sizes: readonly number[],
): ImportedValue {
  if (shapesEqual(sizes, value.shape) && steps.every((step) => step === 1)) return value;
  if (![...starts, ...steps, ...sizes].every(Number.isSafeInteger))
    throw new InvalidArgumentError('A slice has bounds that are no integers', {
      actual: [starts, steps, sizes],
    });
  const strides = rowMajorStrides(value.shape);
  const offset = starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  const order = strides.map((stride, axis) => stride * steps[axis]!);
  const known = computed(value.type, sizes, [value], ([numbers]) =>
    readStrided(numbers!, offset, sizes, order),
  );
  return known ?? context.emit({ kind: 'slice', starts, steps, sizes }, [value], value.type);
}

/** Part of one axis. */
export function sliceAxis(
  context: NodeContext,
  value: ImportedValue,
  axis: number,
  start: number,
  size: number,
): ImportedValue {
  const starts = value.shape.map((_, index) => (index === axis ? start : 0));
  const sizes = value.shape.map((whole, index) => (index === axis ? size : whole));
  const steps = value.shape.map(() => 1);
  return slice(context, value, starts, steps, sizes);
}

/** Values joined along an axis. */
export function concatenate(
  context: NodeContext,
  values: readonly ImportedValue[],
  axis: number,
): ImportedValue {
  const [first] = values;
  if (values.length === 1) return first!;
  const fits = values.every(({ shape }) => {
    return (
      shape.length === first!.shape.length && shape.every((size, i) => i === axis || size === first!.shape[i])
    );
  });
  if (!fits) {
    throw new ShapeMismatchError('Values cannot be joined', {
      expected: `equal shapes but for axis ${axis}`,
      actual: values.map(({ shape }) => `[${shape.join(', ')}]`).join(' and '),
    });
  }
  const along = values.reduce((sum, each) => sum + each.shape[axis]!, 0);
  const shape = first!.shape.map((size, index) => (index === axis ? along : size));
  const outer = elementCount(shape.slice(0, axis));
  const known = computed(first!.type, shape, values, (parts) => {
    const joined = arrayLike(parts[0]!, elementCount(shape));
    let to = 0;
    for (let row = 0; row < outer; row++) {
      for (const part of parts) {
        const length = part.length / outer;
        joined.set(part.subarray(row * length, (row + 1) * length), to);
        to += length;
      }
    }
    return joined;
  });
  return known ?? emitConcatenation(context, values, axis);
}

/** What is known of constants without the graph; null when one is not known or when it is too much. */
function computed(
  type: OnnxElementType,
  shape: Shape,
  values: readonly ImportedValue[],
  compute: (numbers: readonly DecodedNumbers[]) => DecodedNumbers,
): ImportedValue | null {
  const constants = values.map(({ constant }) => constant);
  if (constants.some((each) => each === null)) return null;
  const made = Constant.compute(type, shape, constants as Constant[], compute);
  return made && constantValue(made);
}

/** An array of the same kind. */
function arrayLike(numbers: DecodedNumbers, length: number): DecodedNumbers {
  return new (numbers.constructor as new (length: number) => DecodedNumbers)(length);
}

function emitConcatenation(
  context: NodeContext,
  values: readonly ImportedValue[],
  axis: number,
): ImportedValue {
  const type = values[0]!.type;
  const dtypes = new Set(values.map(({ dtype }) => dtype));
  const alike = dtypes.size === 1 ? values : values.map((each) => asTyped(context, each));
  return context.emit({ kind: 'concatenate', axis }, alike, type);
}

/** Rows of `value` along an axis; `indices` are counted from the end where negative. */
export function gather(
  context: NodeContext,
  value: ImportedValue,
  indices: ImportedValue,
  axis: number,
): ImportedValue {
  const shape = [...value.shape.slice(0, axis), ...indices.shape, ...value.shape.slice(axis + 1)];
  const size = value.shape[axis]!;
  if (isFoldable(indices)) checkIndices(indices.constant.numbers(), size);
  const inner = elementCount(value.shape.slice(axis + 1));
  const outer = elementCount(value.shape.slice(0, axis));
  const known = isFoldable(indices)
    ? computed(value.type, shape, [value, indices], ([from, rows]) => {
        const gathered = arrayLike(from!, elementCount(shape));
        let to = 0;
        for (let block = 0; block < outer; block++) {
          for (const index of rows!) {
            const start = (block * size + (index < 0 ? index + size : index)) * inner;
            gathered.set(from!.subarray(start, start + inner), to);
            to += inner;
          }
        }
        return gathered;
      })
    : null;
  return known ?? context.emit({ kind: 'gather', axis }, [value, asTyped(context, indices)], value.type);
}

function checkIndices(indices: ArrayLike<number> & Iterable<number>, size: number): void {
  for (const index of indices) {
    if (index >= -size && index < size) continue;
    throw new InvalidArgumentError('An index is out of range', {
      expected: `-${size} to ${size - 1}`,
      actual: index,
    });
  }
}

/** The value repeated to a shape that it broadcasts to. */
export function expand(context: NodeContext, value: ImportedValue, shape: Shape): ImportedValue {
  if (shapesEqual(shape, value.shape)) return value;
  const fits = broadcastShapes([value.shape, shape]);
  if (fits === null || !shapesEqual(fits, shape)) {
    throw new ShapeMismatchError('A value does not broadcast', {
      expected: `[${shape.join(', ')}]`,
      actual: `[${value.shape.join(', ')}]`,
    });
  }
  const strides = broadcastStrides(value.shape, shape.length);
  const known =
    elementCount(shape) > MAX_FOLDED_ELEMENTS
      ? null
      : computed(value.type, shape, [value], ([numbers]) => readStrided(numbers!, 0, shape, strides));
  return known ?? context.emit({ kind: 'expand', shape }, [value], value.type);
}

/** The value as another type, as ONNX's Cast. Half floats keep the precision of float32. */
export function cast(context: NodeContext, value: ImportedValue, type: OnnxElementType): ImportedValue {
  if (value.type === type) return value;
  if (type === 'bool') {
    return pointwise(
      context,
      {
        condition: { operation: 'equal', a: at(0), b: { constant: 0 } },
        a: { constant: 0 },
        b: { constant: 1 },
      },
      [value],
      'bool',
    );
  }
  const dtype = runtimeDType(type);
  if (isFoldable(value)) {
    const numbers = value.constant.numbers();
    return knownValue(type, value.shape, dtype === 'float32' ? numbers : Array.from(numbers, Math.trunc));
  }
  if (value.dtype !== dtype) return context.emit({ kind: 'cast', dtype }, [value], type);
  return value.constant === null ? { ...value, type } : constantValue(value.constant.as(type));
}
