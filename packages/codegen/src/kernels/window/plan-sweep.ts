import type { TargetTraits } from '../../target/target.ts';
import { sweepRegisterCounts } from './emit-window-sweep.ts';
import type { WindowGeometry } from './window-geometry.ts';

/** Enough sums to hide the latency of an addition or multiply-add; more make code and edges longer. */
const ENOUGH_COLUMNS = 8;
const MOST_COLUMNS = 16;

/**
 * Tile widths of a depthwise convolution or a pooling, the one that is usually fastest first: the candidates of a search by
 * measurement. They divide a row evenly. Never empty.
 */
export function sweepTileColumns(
  geometry: WindowGeometry,
  weighted: boolean,
  traits: TargetTraits,
): number[] {
  const { columns, outputColumns } = geometry;
  const widths = new Set<number>();
  for (let most = Math.min(MOST_COLUMNS, outputColumns); most >= 1; most--) {
    const width = Math.ceil(outputColumns / Math.ceil(outputColumns / most));
    if (sweepRegisterCounts(columns, width, weighted, traits, true)) widths.add(width);
  }
  if (widths.size === 0) return [1];
  const enough = [...widths].filter((width) => width <= ENOUGH_COLUMNS);
  const more = [...widths].filter((width) => width > ENOUGH_COLUMNS);
  return [...enough, ...more.reverse()];
}
