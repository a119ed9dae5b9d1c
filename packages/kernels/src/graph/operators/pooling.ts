import { checkChoice, checkDtype, checkRank, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { newFloats } from './value-data.ts';
import { checkWindow, windowOutput } from './window.ts';

/** The operations of pooling. */
export const POOLING_OPERATIONS = ['max', 'average', 'average-with-padding'] as const;

/**
 * Largest or mean cells under windows. The largest passes over NaN, as in TensorFlow.js. A window without a cell of the image gives -Infinity,
 * 0 / 0 or 0.
 */
export const pooling: OperatorDefinition<'pooling'> = {
  kind: 'pooling',

  infer({ operation, window }, inputs) {
    const [images] = takeInputs(inputs, ['images']);
    checkDtype(images!, 'images', 'float32');
    checkRank(images!, 'images', 4);
    checkWindow(window);
    checkChoice(operation, 'pooling', POOLING_OPERATIONS);
    const [batch, height, width, channels] = images!.shape as [number, number, number, number];
    return [{ dtype: 'float32', shape: [batch, ...windowOutput(height, width, window), channels] }];
  },

  evaluate({ operation, window }, inputs) {
    const images = inputs[0]!;
    const [batch, height, width, channels] = images.shape as [number, number, number, number];
    const [rows, columns] = windowOutput(height, width, window);
    const { value, data } = newFloats([batch, rows, columns, channels]);
    const cells = new Float64Array(channels);
    const max = operation === 'max';
    const taps = window.size[0] * window.size[1];
    let at = 0;
    for (let image = 0; image < batch; image++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, at += channels) {
          cells.fill(max ? Number.NEGATIVE_INFINITY : 0);
          let inside = 0;
          for (let tap = 0; tap < taps; tap++) {
            const tapRow = Math.floor(tap / window.size[1]);
            const tapColumn = tap % window.size[1];
            const y = row * window.strides[0] + tapRow * window.dilations[0] - window.padding[0];
            const x = column * window.strides[1] + tapColumn * window.dilations[1] - window.padding[1];
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            inside++;
            const pixel = ((image * height + y) * width + x) * channels;
            for (let i = 0; i < channels; i++) {
              const cell = images.data[pixel + i]!;
              if (!max) cells[i]! += cell;
              else if (cell > cells[i]!) cells[i] = cell;
            }
          }
          const divisor = max ? 1 : operation === 'average' ? inside : taps;
          for (let i = 0; i < channels; i++) data[at + i] = cells[i]! / divisor;
        }
      }
    }
    return [value];
  },
};
