import type { PoolingDescription } from '../../description/pooling.ts';
import type { TargetTraits } from '../../target/target.ts';
import { sweepTileColumns } from '../window/plan-sweep.ts';
import { windowGeometry } from '../window/window-geometry.ts';

/** A pooling whose tile is still to be chosen. */
export type PoolingRequest = Omit<PoolingDescription, 'tileColumns'>;

/** Tile widths of a pooling: the candidates of a search by measurement. Never empty. */
export function poolingTileColumns(
  { batch, input, window, outputRows }: PoolingRequest,
  traits: TargetTraits,
): number[] {
  return sweepTileColumns(windowGeometry(batch, input, window, input.channels, outputRows), false, traits);
}

/** A pooling with the tile width that is usually fastest. */
export function planPooling(request: PoolingRequest, traits: TargetTraits): PoolingDescription {
  const { kind, operation, batch, input, window, outputRows } = request;
  const tileColumns = poolingTileColumns(request, traits)[0]!;
  return { kind, operation, batch, input, window, outputRows, tileColumns };
}
