import {
  CONVERSION_ARGUMENTS,
  type ConversionDescription,
  type NumberFormat,
} from '../../description/conversion.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import type { NarrowFormat, Target, Vector } from '../../target/target.ts';
import { emitElementLoop, WORD_BYTES } from '../elements/element-loop.ts';

/** Bytes per number. */
export const FORMAT_BYTES: Readonly<Record<NumberFormat, number>> = {
  float32: WORD_BYTES,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
};

/** Far outside of every code, so that clamping to it changes no saturated code, and far inside of int32. */
const MOST_QUOTIENT = 1024;
const PORTIONS_PER_TURN = 4;

/** True for formats whose numbers stand for `(code - zeroPoint) * scale`. */
export function isQuantized(format: NumberFormat): format is 'int8' | 'uint8' {
  return format === 'int8' || format === 'uint8';
}

type EmitValue = (value: Vector) => void;

function emitDequantize(target: Target<unknown>, scale: Vector, zeroPoint: Vector): EmitValue {
  return (value) => {
    target.integer('subtract', value, value, zeroPoint);
    target.convert('int32-to-float32', value, value);
    target.float('multiply', value, value, scale);
  };
}

function emitQuantize(
  target: Target<unknown>,
  scale: Vector,
  zeroPoint: Vector,
  [least, most]: readonly [Vector, Vector],
): EmitValue {
  target.constant(least, -MOST_QUOTIENT);
  target.constant(most, MOST_QUOTIENT);
  return (value) => {
    target.float('divide', value, value, scale);
    target.zeroNaN(value, value);
    target.float('max', value, value, least);
    target.float('min', value, value, most);
    target.convert('float32-to-int32', value, value);
    target.integer('add', value, value, zeroPoint);
  };
}

/** Claims what the arithmetic between the formats needs; returns what changes a value in place. */
function prepareArithmetic(target: Target<unknown>, { from, to }: ConversionDescription): EmitValue {
  if (!isQuantized(from) && !isQuantized(to)) return () => {};
  const [scale, zeroPoint] = target.vectors('scale and zero point', 2) as [Vector, Vector];
  const field = (index: number) => ({ base: target.block, offset: index * ARGUMENT_BYTES });
  target.splat(scale, field(CONVERSION_ARGUMENTS.scale));
  target.splat(zeroPoint, field(CONVERSION_ARGUMENTS.zeroPoint));
  if (isQuantized(from)) return emitDequantize(target, scale, zeroPoint);
  return emitQuantize(target, scale, zeroPoint, target.vectors('bounds', 2) as [Vector, Vector]);
}

/** Load, widen, compute, narrow, store. */
export function emitConversion(target: Target<unknown>, description: ConversionDescription): void {
  const { from, to, length } = description;
  const [value] = target.vectors('value', 1) as [Vector];
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, CONVERSION_ARGUMENTS.input);
  target.argument(output, CONVERSION_ARGUMENTS.output);
  const compute = prepareArithmetic(target, description);
  const streams = [
    { pointer: input, elementBytes: FORMAT_BYTES[from] },
    { pointer: output, elementBytes: FORMAT_BYTES[to] },
  ];
  emitElementLoop(target, length, streams, PORTIONS_PER_TURN, (portions) => {
    for (const { element, lanes } of portions) {
      const source = { base: input, offset: element * FORMAT_BYTES[from] };
      const place = { base: output, offset: element * FORMAT_BYTES[to] };
      if (from === 'float32') target.load(value, source, lanes);
      else target.loadNarrow(from satisfies NarrowFormat, value, source, lanes);
      compute(value);
      if (to === 'float32') target.store(value, place, lanes);
      else target.storeNarrow(to satisfies NarrowFormat, value, place, lanes);
    }
  });
}
