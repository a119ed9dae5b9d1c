import { elementCount, rowMajorStrides, type Shape, UnsupportedError, type ValueDType } from '@qedge/core';
import type { DecodedNumbers } from './decode-tensor.ts';
import { ELEMENT_TYPE_TRAITS, type OnnxElementType } from './element-type.ts';

/** Constants up to this size take part in constant folding. */
export const MAX_FOLDED_ELEMENTS = 2 ** 16;

/** Constants up to this size are computed at once: shapes, bounds, factors. */
const MAX_IMMEDIATE_ELEMENTS = 64;

/** Computations that may wait for each other. */
const MAX_DEPTH = 64;

/** Elements that loading a large constant may touch, in multiples of its own. */
const MAX_LOAD_FACTOR = 16;

/** Numbers that are known while importing, or that will be read or computed when they are needed. */
export class Constant {
  readonly type: OnnxElementType;
  readonly shape: Shape;
  readonly elements: number;
  /** ONNX's name of the tensor, or '' for one that was computed. */
  readonly label: string;
  readonly #load: () => DecodedNumbers;
  readonly #derived = new Map<string, Constant>();
  /** Computations that wait for each other before this one is there. */
  #depth = 0;
  /** Elements that loading touches. */
  #cost: number;
  #known: DecodedNumbers | null = null;

  /** `load` gives `elementCount(shape)` numbers; it may be called more than once. */
  constructor(type: OnnxElementType, shape: Shape, load: () => DecodedNumbers, label = '') {
    this.type = type;
    this.shape = shape;
    this.elements = elementCount(shape);
    this.label = label;
    this.#load = load;
    this.#cost = this.elements;
  }

  /** A constant of numbers that are there. */
  static of(type: OnnxElementType, shape: Shape, numbers: DecodedNumbers): Constant {
    const constant = new Constant(type, shape, () => numbers);
    constant.#known = numbers;
    return constant;
  }

  /**
   * What `compute` makes of other constants, in their order: at once for few numbers, else when it is needed. Null when that would take too long or grow:
   * then it is left to the graph.
   */
  static compute(
    type: OnnxElementType,
    shape: Shape,
    from: readonly Constant[],
    compute: (numbers: readonly DecodedNumbers[]) => DecodedNumbers,
  ): Constant | null {
    const load = () =>
      compute(from.map((each) => (each.elements <= MAX_FOLDED_ELEMENTS ? each.numbers() : each.load())));
    const made = new Constant(type, shape, load, from.find(({ label }) => label !== '')?.label);
    made.#depth = 1 + from.reduce((most, each) => Math.max(most, each.#depth), 0);
    made.#cost += from.reduce(
      (sum, each) => sum + (each.elements <= MAX_FOLDED_ELEMENTS ? each.elements : each.#cost),
      0,
    );
    if (made.elements <= MAX_FOLDED_ELEMENTS) {
      if (made.elements <= MAX_IMMEDIATE_ELEMENTS || made.#depth > MAX_DEPTH) made.numbers();
      return made;
    }
    const whole = from.reduce((sum, each) => sum + each.elements, 0);
    const slow = made.#depth > MAX_DEPTH || made.#cost > MAX_LOAD_FACTOR * made.elements;
    return slow || made.elements > whole ? null : made;
  }

  /** The numbers, kept for the next call: for constants of at most {@link MAX_FOLDED_ELEMENTS}. */
  numbers(): DecodedNumbers {
    this.#known ??= this.#load();
    this.#depth = 0;
    return this.#known;
  }

  /** The numbers, not kept. */
  load(): DecodedNumbers {
    return this.#known ?? this.#load();
  }

  /** The same numbers in another shape of as many elements. */
  reshaped(shape: Shape): Constant {
    return this.#derive(`shape ${shape.join()}`, this.type, shape, () => this.load());
  }

  /** `output axis i = input axis permutation[i]`, done when loaded. */
  transposed(permutation: readonly number[]): Constant {
    const strides = rowMajorStrides(this.shape);
    const shape = permutation.map((axis) => this.shape[axis]!);
    const order = permutation.map((axis) => strides[axis]!);
    const load = () => readStrided(this.load(), 0, shape, order);
    return this.#derive(`order ${permutation.join()}`, this.type, shape, load);
  }

  /** The same numbers under another type with the same numbers at run time. */
  as(type: OnnxElementType): Constant {
    return this.#derive(`type ${type}`, type, this.shape, () => this.load());
  }

  /** The same numbers as float32. */
  asFloat32(): Constant {
    const load = () => Float32Array.from(this.load());
    return this.type === 'float32' ? this : this.#derive('float32', 'float32', this.shape, load);
  }

  /** Later calls with the same `key` give the same constant, so that what several nodes read is kept once. */
  #derive(key: string, type: OnnxElementType, shape: Shape, load: () => DecodedNumbers): Constant {
    const known = this.#derived.get(key);
    if (known) return known;
    if (this.#depth >= MAX_DEPTH) {
      if (this.elements > MAX_FOLDED_ELEMENTS)
        throw new UnsupportedError(`Constant ${this.label} is rearranged more than ${MAX_DEPTH} times`);
      this.numbers();
    }
    const made = new Constant(type, shape, load, this.label);
    made.#depth = this.#depth + 1;
    made.#cost = this.#cost + this.elements;
    this.#derived.set(key, made);
    return made;
  }
}

/** Copies elements `offset + sum(index[i] * strides[i])` of `data` in row-major order of `shape`. */
export function readStrided<Numbers extends DecodedNumbers>(
  data: Numbers,
  offset: number,
  shape: Shape,
  strides: readonly number[],
): Numbers {
  const count = elementCount(shape);
  const result = new (data.constructor as new (length: number) => Numbers)(count);
  const last = shape.length - 1;
  const [width, stride] = last < 0 ? [1, 0] : [shape[last]!, strides[last]!];
  const index = new Array<number>(Math.max(0, last)).fill(0);
  let from = offset;
  for (let to = 0; to < count; ) {
    for (let at = from, end = to + width; to < end; to++, at += stride) result[to] = data[at]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * Numbers as they flow through the operator graph.
 *
 * @throws UnsupportedError for an integer that does not fit 32 bits.
 */
export function toRuntimeNumbers(
  name: string,
  numbers: DecodedNumbers,
  dtype: ValueDType,
): Float32Array | Int32Array | Int8Array | Uint8Array {
  if (dtype === 'float32') return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  if (dtype === 'uint8') return numbers instanceof Uint8Array ? numbers : Uint8Array.from(numbers);
  if (dtype === 'int8') return numbers instanceof Int8Array ? numbers : Int8Array.from(numbers);
  if (numbers instanceof Int32Array) return numbers;
  return Int32Array.from(numbers, (value) => {
    if (value >= -(2 ** 31) && value < 2 ** 31) return value;
    throw new UnsupportedError(`Constant ${name} holds an integer that 32 bits cannot`, {
      expected: '-2^31 to 2^31 - 1',
      actual: value,
    });
  });
}

/** The dtype of a type at run time; text has none, and never gets here. */
export function runtimeDType(type: OnnxElementType): ValueDType {
  return ELEMENT_TYPE_TRAITS[type].runtime ?? 'int32';
}
