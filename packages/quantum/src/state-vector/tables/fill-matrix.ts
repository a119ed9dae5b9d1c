import type { MatrixFill } from '../planner/table-plan.ts';
import { COEFFICIENT_NUMBERS } from '../vector-program.ts';
import type { OperationValues } from './operation-values.ts';

/** Writes the coefficients of a dense matrix for each row, source row and exchange of lanes. */
export function fillMatrix(
  fill: MatrixFill,
  values: OperationValues,
  scale: number,
  tables: Float32Array | Float64Array,
): void {
  const { rowBits, laneBits, lanes, laneCount } = fill;
  const place = values.places[fill.operation]!;
  const rows = 1 << (2 - lanes.length);
  const exchanges = 1 << lanes.length;
  let to = fill.start;
  for (let r = 0; r < rows; r++) {
    for (let s = 0; s < rows; s++) {
      for (let m = 0; m < exchanges; m++, to += COEFFICIENT_NUMBERS * laneCount) {
        for (let lane = 0; lane < laneCount; lane++) {
          let row = 0;
          let column = 0;
          for (let i = 0; i < 2; i++) {
            const rowBit = rowBits[i]!;
            const laneBit = laneBits[i]!;
            const own = rowBit >= 0 ? (r >>> rowBit) & 1 : (lane >>> lanes[laneBit]!) & 1;
            const source = rowBit >= 0 ? (s >>> rowBit) & 1 : own ^ ((m >>> laneBit) & 1);
            row |= own << i;
            column |= source << i;
          }
          const from = place + 2 * (4 * row + column);
          const real = scale * values.matrices[from]!;
          const imaginary = scale * values.matrices[from + 1]!;
          tables[to + lane] = real;
          tables[to + laneCount + lane] = real + imaginary;
          tables[to + 2 * laneCount + lane] = imaginary - real;
        }
      }
    }
  }
}
