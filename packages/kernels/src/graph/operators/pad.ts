import { InvalidArgumentError, rowMajorStrides } from '@qedge/core';
import { checkInteger, checkPerAxis, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { walkRows } from './strided.ts';
import { newValue } from './value-data.ts';

/** The ways to fill what lies around a value. */
export const PAD_MODES = ['constant', 'reflect', 'edge'] as const;

/** Cells around a value: a constant, its mirror image (without the edge itself), or its edge. */
export const pad: OperatorDefinition<'pad'> = {
  kind: 'pad',

  infer({ before, after, mode }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    const { dtype, shape } = x!;
    checkPerAxis(before, 'The numbers before a value', shape.length);
    checkPerAxis(after, 'The numbers after a value', shape.length);
    if (!PAD_MODES.includes(mode)) {
      throw new InvalidArgumentError('Unknown padding', { expected: PAD_MODES.join(', '), actual: mode });
    }
    for (const [axis, size] of shape.entries()) {
      const most = Math.max(before[axis]!, after[axis]!);
      checkInteger(before[axis]!, 'The padding', 0);
      checkInteger(after[axis]!, 'The padding', 0);
      if (most === 0 || mode === 'constant' || (mode === 'edge' ? size > 0 : most < size)) continue;
      throw new InvalidArgumentError(`The axis is too short for padding with its ${mode}`, {
        expected: mode === 'edge' ? 'at least 1 element' : `more than ${most} elements`,
        actual: size,
      });
    }
    return [{ dtype, shape: shape.map((size, axis) => before[axis]! + size + after[axis]!) }];
  },

  evaluate({ before, after, mode, value }, inputs) {
    const { dtype, shape, data } = inputs[0]!;
    const output = newValue({
      dtype,
      shape: shape.map((size, axis) => before[axis]! + size + after[axis]!),
    });
    if (shape.length === 0) {
      output.data[0] = data[0]!;
      return [output];
    }
    const strides = rowMajorStrides(shape);
    // Per axis: the offset of each output index in the source, or -1 outside of it.
    const offsets = output.shape.map((size, axis) => {
      return Int32Array.from({ length: size }, (_, i) => {
        const index = sourceIndex(i - before[axis]!, shape[axis]!, mode);
        return index < 0 ? -1 : index * strides[axis]!;
      });
    });
    const last = offsets.at(-1)!;
    const outer = rowMajorStrides(output.shape);
    walkRows(output.shape, outer, outer, (at) => {
      let row = 0;
      for (let axis = 0; axis < shape.length - 1 && row >= 0; axis++) {
        const offset = offsets[axis]![Math.floor(at / outer[axis]!) % output.shape[axis]!]!;
        row = offset < 0 ? -1 : row + offset;
      }
      for (let i = 0; i < last.length; i++) {
        output.data[at + i] = row < 0 || last[i]! < 0 ? value : data[row + last[i]!]!;
      }
    });
    return [output];
  },
};

function sourceIndex(index: number, size: number, mode: (typeof PAD_MODES)[number]): number {
  if (index >= 0 && index < size) return index;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return index < 0 ? 0 : size - 1;
  return index < 0 ? -index : 2 * (size - 1) - index;
}
