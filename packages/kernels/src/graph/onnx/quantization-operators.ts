import { elementCount } from '@qedge/core';
import { Constant } from './constant.ts';
import { convolve } from './convolution-operators.ts';
import { elementTypeOf, type OnnxElementType } from './element-type.ts';
import { constantValue, type ImportedValue, knownValue } from './imported-value.ts';
import { multiply } from './matrix-operators.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { apply, asFloat, asTyped, at, choose, combine, number, pointwise } from './pointwise.ts';
import { reduce } from './reduction-operators.ts';
import { expand, reshape } from './structure.ts';
import { imagesBack, imagesOf } from './window.ts';

/** The axis of scales: null for one scale. */
function scaleAxis(
  context: NodeContext,
  x: ImportedValue,
  scale: ImportedValue,
  axis: number,
): number | null {
  if (elementCount(scale.shape) === 1) return null;
  context.refuse(scale.shape.length !== 1, 'scales in blocks');
  return context.axis(axis, x.shape.length);
}

/** One number as a value without axes, several as a line. */
function parameter(context: NodeContext, value: ImportedValue): ImportedValue {
  const count = elementCount(value.shape);
  return reshape(context, value, count === 1 ? [] : [count]);
}

/** Codes of numbers. */
function quantize(
  context: NodeContext,
  x: ImportedValue,
  scale: ImportedValue,
  zero: ImportedValue | null,
  asked: { readonly axis: number; readonly type?: OnnxElementType },
): ImportedValue {
  const type = zero?.type ?? asked.type ?? 'uint8';
  context.refuse(type !== 'uint8' && type !== 'int8', `codes of ${type}`);
  const axis = scaleAxis(context, x, scale, asked.axis);
  const none = knownValue(type, [1], [0]);
  const zeros = zero ?? (axis === null ? none : expand(context, none, [x.shape[axis]!]));
  const dtype = type === 'int8' ? 'int8' : 'uint8';
  return context.emit(
    { kind: 'quantize', axis, dtype },
    [
      asFloat(context, x),
      asFloat(context, parameter(context, scale)),
      parameter(context, asTyped(context, zeros)),
    ],
    type,
  );
}

/** Numbers of codes. */
function dequantize(
  context: NodeContext,
  codes: ImportedValue,
  scale: ImportedValue,
  zero: ImportedValue | null,
  along: number,
): ImportedValue {
  const axis = scaleAxis(context, codes, scale, along);
  const inputs = [asTyped(context, codes), asFloat(context, parameter(context, scale))];
  return context.emit(
    { kind: 'dequantize', axis },
    zero ? [...inputs, parameter(context, zero)] : inputs,
    'float32',
  );
}

const quantizeLinear: ImportOperator = (context) => {
  context.refuse(context.integer('block_size', 0) !== 0, 'blocks');
  const type = elementTypeOf(context.integer('output_dtype', 0)) ?? 'uint8';
  const axis = context.integer('axis', 1);
  return quantize(context, context.input(0), context.input(1), context.optional(2), { axis, type });
};

const dequantizeLinear: ImportOperator = (context) => {
  context.refuse(context.integer('block_size', 0) !== 0, 'blocks');
  return dequantize(
    context,
    context.input(0),
    context.input(1),
    context.optional(2),
    context.integer('axis', 1),
  );
};

/** Codes 0 to 255 over the range of the input, widened to hold 0. Outputs: codes, scale, zero point. */
const dynamicQuantizeLinear: ImportOperator = (context) => {
  const x = context.input(0);
  const axes = x.shape.map((_, axis) => axis);
  const least = reduce(context, x, 'minimum', axes, false);
  const most = reduce(context, x, 'maximum', axes, false);
  const low = combine(at(0), 'minimum', number(0));
  const range = combine(combine(at(1), 'maximum', number(0)), 'subtract', low);
  const step = combine(range, 'divide', number(255));
  const scale = pointwise(context, choose(step, step, number(1)), [least, most], 'float32');
  const zero = pointwise(
    context,
    apply(
      {
        apply: { kind: 'clip', low: 0, high: 255 },
        to: combine(combine(number(0), 'subtract', low), 'divide', at(1)),
      },
      'round',
    ),
    [least, scale],
    'uint8',
  );
  const codes = asTyped(context, zero);
  return [quantize(context, x, scale, codes, { axis: 0 }), scale, codes];
};

const UNIT = knownValue('float32', [], [1]);

/** Sums of products of codes, exact up to 2^24: floats without scales. */
const matmulInteger: ImportOperator = (context) => {
  const [a, b, zeroA, zeroB] = [context.input(0), context.input(1), context.optional(2), context.optional(3)];
  const left = withoutZero(context, a, zeroA, a.shape.length - 2);
  const right = withoutZero(context, b, zeroB, b.shape.length - 1);
  return asTyped(context, { ...multiply(context, left, right), type: 'int32' });
};

/** Codes minus their zero point. */
function withoutZero(
  context: NodeContext,
  codes: ImportedValue,
  zero: ImportedValue | null,
  axis: number,
): ImportedValue {
  const count = zero === null ? 1 : elementCount(zero.shape);
  const scale = count === 1 ? UNIT : expand(context, reshape(context, UNIT, [1]), [count]);
  return dequantize(context, codes, scale, zero, axis);
}

const convolutionInteger: ImportOperator = (context) => {
  const [x, weights, zeroX, zeroW] = [
    context.input(0),
    context.input(1),
    context.optional(2),
    context.optional(3),
  ];
  const images = imagesOf(context, withoutZero(context, x, zeroX, 0));
  const y = convolve(context, images, withoutZero(context, weights, zeroW, 0), null, null);
  return imagesBack(context, asTyped(context, { ...y, type: 'int32' }), x.shape.length);
};

const quantizedMatmul: ImportOperator = (context) => {
  const [a, b] = [context.input(0), context.input(3)];
  const left = dequantize(context, a, context.input(1), context.input(2), a.shape.length - 2);
  const right = dequantize(context, b, context.input(4), context.input(5), b.shape.length - 1);
  const product = multiply(context, left, right);
  return quantize(context, product, context.input(6), context.input(7), { axis: product.shape.length - 1 });
};

/** Inputs: x, its scale and zero point, weights, theirs, scale and zero point of the output, bias in units of both scales. */
const quantizedConvolution: ImportOperator = (context) => {
  const [x, weights, bias] = [context.input(0), context.input(3), context.optional(8)];
  const images = imagesOf(context, dequantize(context, x, context.input(1), context.input(2), 0));
  const filters = dequantize(context, weights, context.input(4), context.input(5), 0);
  const shift = bias && scaledBias(context, bias, context.input(1), context.input(4));
  const y = convolve(context, images, filters, shift, null);
  return imagesBack(
    context,
    quantize(context, y, context.input(6), context.input(7), { axis: 3 }),
    x.shape.length,
  );
};

/** `bias * scale of x * scale of weights`. */
function scaledBias(
  context: NodeContext,
  bias: ImportedValue,
  scaleX: ImportedValue,
  scaleW: ImportedValue,
): ImportedValue {
  const [numbers, x, w] = [bias.constant, scaleX.constant, scaleW.constant];
  if (numbers === null || x === null || w === null) {
    const product = combine(at(0), 'multiply', combine(at(1), 'multiply', at(2)));
    return pointwise(
      context,
      product,
      [bias, parameter(context, scaleX), parameter(context, scaleW)],
      'float32',
    );
  }
  const load = () => {
    const [factor, factors] = [x.load()[0]!, w.load()];
    return Float32Array.from(
      numbers.load(),
      (each, index) => each * factor * factors[index % factors.length]!,
    );
  };
  return constantValue(new Constant('float32', bias.shape, load, numbers.label));
}

/** Operators on integer codes. */
export const QUANTIZATION_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  'com.microsoft.QuantizeLinear': quantizeLinear,
  'com.microsoft.DequantizeLinear': dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matmulInteger,
  ConvInteger: convolutionInteger,
  QLinearMatMul: quantizedMatmul,
  QLinearConv: quantizedConvolution,
};
