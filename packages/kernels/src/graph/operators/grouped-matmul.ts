import { InvalidArgumentError, type OperatorOf, ShapeMismatchError } from '@qedge/core';
import { checkDtype, checkInteger, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition, ValueData } from './operator-definition.ts';
import { scalarFunction, storeActivated } from './pointwise-function.ts';
import { newFloats } from './value-data.ts';

const REQUIRED = ['a', 'codes', 'scales'];
const OPTIONAL = ['zero points', 'bias'];

/** A product with weights of 4 or 8 bits that are scaled in groups. */
export const groupedMatmul: OperatorDefinition<'grouped-matmul'> = {
  kind: 'grouped-matmul',

  infer({ bits, groupSize, columns, activation }, inputs) {
    const [a, codes, scales, zeroPoints, bias] = takeInputs(inputs, REQUIRED, OPTIONAL);
    if (bits !== 4 && bits !== 8) {
      throw new InvalidArgumentError('Unknown width of codes', { expected: '4 or 8 bits', actual: bits });
    }
    checkInteger(groupSize, 'The group size', 1);
    checkInteger(columns, 'The number of columns', 1);
    if (!Number.isInteger((groupSize * bits) / 8)) {
      throw new InvalidArgumentError('A group does not fill bytes', {
        expected: 'an even group size',
        actual: groupSize,
      });
    }
    for (const each of [a!, scales!, bias!]) checkDtype(each, 'operands of a grouped product', 'float32');
    checkDtype(codes!, 'codes', 'uint8');
    checkDtype(zeroPoints!, 'zero points', 'uint8');
    if (a!.shape.length === 0) {
      throw new ShapeMismatchError('The left operand has no axis', {
        expected: '[..., k]',
        actual: a!.shape,
      });
    }
    const groups = Math.ceil(a!.shape.at(-1)! / groupSize);
    checkShape(codes!, 'codes', [columns, groups, (groupSize * bits) / 8]);
    checkShape(scales!, 'scales', [columns, groups]);
    checkShape(zeroPoints!, 'zero points', [columns, Math.ceil((groups * bits) / 8)]);
    checkShape(bias!, 'numbers of the bias', [columns]);
    if (activation !== null) scalarFunction(activation);
    return [{ dtype: 'float32', shape: [...a!.shape.slice(0, -1), columns] }];
  },

  evaluate(operator, inputs) {
    const [a, codes, scales, zeroPoints, bias] = takeInputs(inputs, REQUIRED, OPTIONAL);
    const { columns, activation } = operator;
    const k = a!.shape.at(-1)!;
    const weights = decodeWeights(operator, k, codes!, scales!, zeroPoints!);
    const { value, data } = newFloats([...a!.shape.slice(0, -1), columns]);
    const sums = new Float64Array(columns);
    for (let row = 0; row * columns < data.length; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = bias === null ? 0 : bias!.data[column]!;
        for (let i = 0; i < k; i++) sum += a!.data[row * k + i]! * weights[column * k + i]!;
        sums[column] = sum;
      }
      storeActivated(sums, activation, data, row * columns);
    }
    return [value];
  },
};

/** The weights `[columns, k]` as numbers. */
function decodeWeights(
  { bits, groupSize, columns }: OperatorOf<'grouped-matmul'>,
  k: number,
  codes: ValueData,
  scales: ValueData,
  zeroPoints: ValueData | null,
): Float64Array {
  const weights = new Float64Array(columns * k);
  const [, groups, groupBytes] = codes.shape as [number, number, number];
  const code = (bytes: ValueData['data'], from: number, i: number) => {
    return bits === 8 ? bytes[from + i]! : (bytes[from + (i >> 1)]! >> (4 * (i & 1))) & 15;
  };
  const zeroBytes = Math.ceil((groups * bits) / 8);
  for (let column = 0; column < columns; column++) {
    for (let group = 0; group < groups; group++) {
      const scale = scales.data[column * groups + group]!;
      const zero = zeroPoints ? code(zeroPoints.data, column * zeroBytes, group) : 2 ** (bits - 1);
      const from = (column * groups + group) * groupBytes;
      for (let i = 0; i < groupSize && group * groupSize + i < k; i++) {
        weights[column * k + group * groupSize + i] = (code(codes.data, from, i) - zero) * scale;
      }
    }
  }
  return weights;
}
