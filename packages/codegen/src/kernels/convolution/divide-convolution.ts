import type { ConvolutionDescription } from '../../description/convolution.ts';
import type { IndexRange } from '../../description/window.ts';

/** Rows per part below which a part has too many edges to be worth a thread. */
const FEWEST_ROWS = 2;

/**
 * Divides `total` neighbouring things from `from` into at most `parts` ranges of whole multiples of `step` (but for the last), whose
 * sizes differ by at most one step. Fewer ranges when there are fewer steps.
 */
export function divideRange({ from, count }: IndexRange, parts: number, step = 1): IndexRange[] {
  const steps = Math.ceil(count / step);
  const ranges: IndexRange[] = [];
  let first = 0;
  for (let i = 0; i < Math.min(parts, steps); i++) {
    const last = Math.round(((i + 1) * steps) / Math.min(parts, steps));
    const end = Math.min(last * step, count);
    ranges.push({ from: from + first, count: end - first });
    first = end;
  }
  return ranges;
}

/**
 * Divides a convolution into at most `parts` that threads can compute at the same time, on the same arguments: by output rows
 * where there are enough of them, else by panels of output channels, so that each thread reads its own weights. The results are the
 * same bits as of one kernel.
 */
export function divideConvolution(
  description: ConvolutionDescription,
  parts: number,
  lanes: number,
): ConvolutionDescription[] {
  const { outputRows, channelRange, groups, blocking } = description;
  const panelChannels = blocking.tileVectors * lanes;
  const rowsFit = outputRows.count >= parts * FEWEST_ROWS * blocking.tileRows;
  if (rowsFit || groups > 1 || channelRange.count < parts * panelChannels) {
    return divideRange(outputRows, parts, blocking.tileRows).map((rows) => ({
      ...description,
      outputRows: rows,
    }));
  }
  return divideRange(channelRange, parts, panelChannels).map((channels) => ({
    ...description,
    channelRange: channels,
  }));
}
