import {
  elementCount,
  InvalidArgumentError,
  type Shape,
  ShapeMismatchError,
  UnsupportedError,
} from '@qedge/core';
import { ELEMENT_TYPE_TRAITS, type OnnxElementType } from './element-type.ts';
import { type ImportedValue, knownValue } from './imported-value.ts';
import type { OnnxModel, OnnxValueInfo } from './onnx-model.ts';

/** Numbers for an input that stays the same: one for a scalar, else row-major. */
export type OnnxConstant = number | boolean | readonly number[];

/** An input of the model: with its shape, or with its numbers. */
export interface BoundInput {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: Shape;
  /** Null for what is given when the model runs. */
  readonly known: ImportedValue | null;
}

/**
 * Shapes of all inputs: from the model, from what is given, and from sizes with names that others have.
 *
 * @throws InvalidArgumentError for names that are none and for shapes that are missing, ShapeMismatchError for contradictions.
 */
export function bindInputs(
  model: OnnxModel,
  shapes: Readonly<Record<string, Shape>>,
  constants: Readonly<Record<string, OnnxConstant>>,
): BoundInput[] {
  const names = model.inputs.map(({ name }) => name);
  for (const name of [...Object.keys(shapes), ...Object.keys(constants)]) {
    if (names.includes(name)) continue;
    throw new InvalidArgumentError('The model has no such input', { expected: names, actual: name });
  }
  const sizes = new Map<string, number>();
  for (const input of model.inputs)
    if (Object.hasOwn(shapes, input.name)) checkShape(input, shapes[input.name]!, sizes);
  return model.inputs.map((input) => {
    const { name } = input;
    const type = typeOf(input);
    const given = Object.hasOwn(shapes, name) ? shapes[name]! : null;
    if (!Object.hasOwn(constants, name)) {
      const shape = given ?? completeShape(input, sizes);
      return { name, type, shape, known: null };
    }
    const known = constantInput(input, type, given ?? declaredShape(input, sizes), constants[name]!);
    return { name, type, shape: known.shape, known };
  });
}

function typeOf({ name, type }: OnnxValueInfo): OnnxElementType {
  if (type !== null && ELEMENT_TYPE_TRAITS[type].runtime !== null) return type;
  throw new UnsupportedError(`Input ${name} is no tensor of numbers`, { actual: type ?? 'another type' });
}

/** Compares a given shape with the declared one and learns the named sizes. */
function checkShape(
  { name, shape: declared }: OnnxValueInfo,
  given: Shape,
  sizes: Map<string, number>,
): void {
  elementCount(given);
  const fits =
    declared === null ||
    (declared.length === given.length &&
      declared.every((size, axis) => {
        const expected = typeof size === 'string' ? sizes.get(size) : size;
        return expected === null || expected === undefined || expected === given[axis];
      }));
  if (!fits) {
    throw new ShapeMismatchError(`The shape of input ${name} contradicts the model`, {
      expected: declared!.map((size) =>
        typeof size === 'string' ? `${size} ${sizes.get(size) ?? ''}`.trim() : (size ?? 'any'),
      ),
      actual: given,
    });
  }
  for (const [axis, size] of (declared ?? []).entries())
    if (typeof size === 'string') sizes.set(size, given[axis]!);
}

/** The shape that the model declares, as far as it is known; null for a size that is not. */
function declaredShape(
  { shape }: OnnxValueInfo,
  sizes: ReadonlyMap<string, number>,
): (number | null)[] | null {
  if (shape === null) return null;
  return shape.map((size) => (typeof size === 'string' ? (sizes.get(size) ?? null) : size));
}

function completeShape(input: OnnxValueInfo, sizes: ReadonlyMap<string, number>): Shape {
  const shape = declaredShape(input, sizes);
  if (shape?.every((size) => size !== null)) return shape as number[];
  throw new InvalidArgumentError(`The shape of input ${input.name} is not known`, {
    expected:
      input.shape === null ? 'a shape' : `numbers for [${input.shape.map((size) => size ?? '?').join(', ')}]`,
    remedy: `Give inputShapes: { ${JSON.stringify(input.name)}: [...] }.`,
  });
}

/** One free size, if there is one, follows from the number of elements. */
function constantInput(
  { name }: OnnxValueInfo,
  type: OnnxElementType,
  declared: readonly (number | null)[] | null,
  value: OnnxConstant,
): ImportedValue {
  const numbers = typeof value === 'object' ? [...value] : [Number(value)];
  const shape = declared ?? (typeof value === 'object' ? [numbers.length] : []);
  const others = shape.reduce<number>((product, size) => product * (size ?? 1), 1);
  const whole = shape.map((size) => size ?? numbers.length / others);
  if (shape.filter((size) => size === null).length <= 1 && elementCountOrNone(whole) === numbers.length)
    return knownValue(type, whole, numbers);
  throw new ShapeMismatchError(`The constant for input ${name} has a wrong number of elements`, {
    expected: shape.map((size) => size ?? 'any'),
    actual: numbers.length,
  });
}

function elementCountOrNone(shape: Shape): number {
  return shape.every((size) => Number.isSafeInteger(size) && size >= 0) ? elementCount(shape) : -1;
}
