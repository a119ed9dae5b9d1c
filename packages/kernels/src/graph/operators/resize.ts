import { InvalidArgumentError } from '@qedge/core';
import { checkChoice, checkDtype, checkFinite, checkInteger, checkRank, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { resizeTable } from './resize-coordinates.ts';
import { newFloats } from './value-data.ts';

/** The ways to interpolate. */
export const RESIZE_MODES = ['nearest', 'linear', 'cubic'] as const;
/** The ways to find a cell's place in the source. */
export const RESIZE_COORDINATES = [
  'half-pixel',
  'pytorch-half-pixel',
  'asymmetric',
  'align-corners',
  'half-pixel-symmetric',
] as const;
/** The ways to round to the nearest cell. */
export const NEAREST_ROUNDINGS = ['round-prefer-floor', 'round-prefer-ceil', 'floor', 'ceil'] as const;

/** Images of another size. What counts 0 is multiplied all the same: an infinite or NaN cell beside makes NaN. */
export const resize: OperatorDefinition<'resize'> = {
  kind: 'resize',

  infer({ size, scales, mode, coordinates, nearest, cubicCoefficient }, inputs) {
    const [images] = takeInputs(inputs, ['images']);
    checkDtype(images!, 'images', 'float32');
    checkRank(images!, 'images', 4);
    for (const cells of size) checkInteger(cells, 'The new size', 1);
    for (const scale of scales) {
      if (!(scale > 0)) {
        throw new InvalidArgumentError('A scale is not positive', { expected: '> 0', actual: scale });
      }
      checkFinite(scale, 'The scale');
    }
    checkFinite(cubicCoefficient, 'The cubic coefficient');
    checkChoice(mode, 'mode of a resize', RESIZE_MODES);
    checkChoice(coordinates, 'coordinates of a resize', RESIZE_COORDINATES);
    checkChoice(nearest, 'nearest of a resize', NEAREST_ROUNDINGS);
    const [batch, height, width, channels] = images!.shape as [number, number, number, number];
    if (height * width === 0) {
      throw new InvalidArgumentError('An empty image has no other size', {
        expected: 'at least 1 x 1',
        actual: [height, width],
      });
    }
    return [{ dtype: 'float32', shape: [batch, ...size, channels] }];
  },

  evaluate(operator, inputs) {
    const { shape, data: source } = inputs[0]!;
    const [batch, height, width, channels] = shape as [number, number, number, number];
    const [rows, columns] = operator.size;
    const { value, data } = newFloats([batch, rows, columns, channels]);
    const down = resizeTable(operator, height, 0);
    const across = resizeTable(operator, width, 1);
    const sums = new Float64Array(channels);
    for (let at = 0, pixel = 0; at < data.length; at += channels, pixel++) {
      const column = pixel % columns;
      const row = Math.floor(pixel / columns) % rows;
      const image = Math.floor(pixel / (rows * columns));
      sums.fill(0);
      for (let i = 0; i < down.taps; i++) {
        for (let j = 0; j < across.taps; j++) {
          const weight = down.weights[row * down.taps + i]! * across.weights[column * across.taps + j]!;
          const y = image * height + down.cells[row * down.taps + i]!;
          const from = (y * width + across.cells[column * across.taps + j]!) * channels;
          for (let c = 0; c < channels; c++) sums[c]! += weight * source[from + c]!;
        }
      }
      data.set(sums, at);
    }
    return [value];
  },
};
