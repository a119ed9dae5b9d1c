import { InvalidArgumentError, ShapeMismatchError, type WindowSpec } from '@qedge/core';
import { checkInteger } from './input-checks.ts';

/** @throws InvalidArgumentError when a window has no size, step or spacing, or negative padding. */
export function checkWindow(window: WindowSpec): void {
  for (const size of window.size) checkInteger(size, 'The size of the window', 1);
  for (const stride of window.strides) checkInteger(stride, 'The stride of the window', 1);
  for (const dilation of window.dilations) checkInteger(dilation, 'The dilation of the window', 1);
  for (const padding of window.padding) checkInteger(padding, 'The padding of the window', 0);
}

/** Height and width that a window makes of an image. @throws ShapeMismatchError when it is larger than the padded image. */
export function windowOutput(height: number, width: number, window: WindowSpec): [number, number] {
  const { size, strides, dilations, padding } = window;
  const [top, left, bottom, right] = padding;
  const along = (cells: number, around: number, axis: 0 | 1) => {
    const extent = (size[axis] - 1) * dilations[axis] + 1;
    if (cells + around < extent) {
      throw new ShapeMismatchError('The window is larger than the image', {
        expected: `at least ${extent} cells with padding`,
        actual: cells + around,
      });
    }
    return Math.floor((cells + around - extent) / strides[axis]) + 1;
  };
  return [along(height, top + bottom, 0), along(width, left + right, 1)];
}

/** @throws InvalidArgumentError when channels do not divide into groups. */
export function checkGroups(groups: number, channels: number, outputs: number): void {
  checkInteger(groups, 'The number of groups', 1);
  if (channels % groups === 0 && outputs % groups === 0) return;
  throw new InvalidArgumentError('The channels do not divide into groups', {
    expected: `channels and outputs that ${groups} divides`,
    actual: [channels, outputs],
  });
}
