import type { ConvolutionDescription } from '../../description/convolution.ts';
import {
  flattenPointwise,
  isPointwise,
  type WindowGeometry,
  windowGeometry,
} from '../window/window-geometry.ts';

/** The geometry that a convolution is computed in: pointwise ones take all their pixels as one row. */
export function convolutionGeometry(
  description: Pick<ConvolutionDescription, 'batch' | 'input' | 'window' | 'outputChannels' | 'outputRows'>,
): WindowGeometry {
  const { batch, input, window, outputChannels, outputRows } = description;
  const geometry = windowGeometry(batch, input, window, outputChannels, outputRows);
  return isPointwise(window) ? flattenPointwise(geometry) : geometry;
}
