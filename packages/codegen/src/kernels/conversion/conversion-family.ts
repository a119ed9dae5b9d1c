import { InvalidArgumentError, Random } from '@qedge/core';
import {
  CONVERSION_ARGUMENT_COUNT,
  CONVERSION_ARGUMENTS,
  type ConversionDescription,
  type NumberFormat,
} from '../../description/conversion.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import { requireSpan } from '../../description/row-layout.ts';
import {
  referenceDequantized,
  referenceHalfRounded,
  referenceHalfValue,
  referenceQuantized,
} from '../../reference/conversion.ts';
import { arrayTrial, drawFloats } from '../elements/array-trial.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitConversion, FORMAT_BYTES, isQuantized } from './emit-conversion.ts';

const FORMATS = Object.keys(FORMAT_BYTES) as readonly NumberFormat[];
const TRIAL_SCALE = 0.0625;

function readFormat(format: NumberFormat): (view: DataView, byteOffset: number) => number {
  return (view, at) => {
    if (format === 'float32') return view.getFloat32(at, true);
    if (format === 'int8') return view.getInt8(at);
    if (format === 'uint8') return view.getUint8(at);
    return referenceHalfValue(format, view.getUint16(at, true));
  };
}

/** Random content: every kind of float32, or any bits. */
function drawContent(random: Random, format: NumberFormat, length: number): ArrayBufferView {
  if (format === 'float32') return drawFloats(random, length, true);
  return Uint8Array.from({ length: length * FORMAT_BYTES[format] }, () => random.integer(256));
}

function expectConverted({ from, to }: ConversionDescription, x: number, zeroPoint: number): number {
  if (isQuantized(from)) return referenceDequantized(x, TRIAL_SCALE, zeroPoint);
  if (isQuantized(to)) return referenceQuantized(to, x, TRIAL_SCALE, zeroPoint);
  return to === 'float32' ? x : referenceHalfRounded(to as 'float16' | 'bfloat16', x);
}

/** {@link ConversionDescription}. */
export const CONVERSION: KernelFamily<ConversionDescription> = {
  kind: 'conversion',
  validate({ from, to, length }) {
    requireKnown('format', from, FORMATS);
    requireKnown('format', to, FORMATS);
    requireInteger('length of a conversion', length, 1);
    requireSpan('input', 1, length, length);
    if ((from === 'float32') !== (to === 'float32')) return;
    throw new InvalidArgumentError('A conversion is from or to float32', {
      expected: 'float32 on one side',
      actual: `${from} to ${to}`,
    });
  },
  key: ({ from, to, length }) => `conversion-${from}-${to}-${length}`,
  emit: emitConversion,
  trial(description, _traits, effort, seed) {
    const { from, to, length } = description;
    const random = new Random(seed);
    const content = drawContent(random, from, length);
    const zeroPoint = from === 'uint8' || to === 'uint8' ? 100 : -7;
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const readInput = readFormat(from);
    const result = {
      argument: CONVERSION_ARGUMENTS.output,
      rows: 1,
      width: length,
      stride: length,
      elementBytes: FORMAT_BYTES[to],
      read: readFormat(to),
      expectRow: () => (column: number) => {
        const x = readInput(view, column * FORMAT_BYTES[from]);
        return { value: expectConverted(description, x, zeroPoint), tolerance: 0 };
      },
    };
    const operands = [{ argument: CONVERSION_ARGUMENTS.input, content }];
    const scalars = [
      { argument: CONVERSION_ARGUMENTS.scale, type: 'float32' as const, value: TRIAL_SCALE },
      { argument: CONVERSION_ARGUMENTS.zeroPoint, type: 'int32' as const, value: zeroPoint },
    ];
    return arrayTrial({ argumentCount: CONVERSION_ARGUMENT_COUNT, operands, scalars, result }, effort, seed);
  },
};
