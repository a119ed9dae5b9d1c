import type { GemvBlocking, GemvDescription } from '../../description/gemv.ts';
import type { TargetTraits } from '../../target/target.ts';
import { gemvTileVectors } from './gemv-kernel.ts';

/** More rows at once are more streams than a core prefetches. */
const MOST_ROWS = 8;
/** More columns at once gain nothing. */
const MOST_COLUMNS = 4;

/** A blocking that is good without measuring: as many columns, then as many rows, as the registers hold. */
export function defaultGemvBlocking(
  { rows, columns }: Pick<GemvDescription, 'rows' | 'columns'>,
  traits: TargetTraits,
): GemvBlocking {
  const fits = (tileRows: number, tileColumns: number) => {
    return gemvTileVectors({ rows: tileRows, columns: tileColumns }, traits) <= traits.vectors;
  };
  let tileColumns = Math.min(columns, MOST_COLUMNS);
  while (tileColumns > 1 && !fits(Math.min(rows, 2), tileColumns)) tileColumns--;
  let tileRows = Math.min(rows, MOST_ROWS);
  while (tileRows > 1 && !fits(tileRows, tileColumns)) tileRows--;
  return { tileRows, tileColumns };
}
