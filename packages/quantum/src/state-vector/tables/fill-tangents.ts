import { type TangentFills, TangentSource } from '../planner/table-plan.ts';
import type { OperationValues } from './operation-values.ts';

/** Writes the tangents of rotations and single phases, and multiplies the squares of the cosines that they leave out into their groups. */
export function fillTangents(
  fills: TangentFills,
  values: OperationValues,
  scales: Float64Array,
  tables: Float32Array | Float64Array,
): void {
  const { operations, sources, starts, entries, widths, laneSigns, scaleGroups } = fills;
  for (let i = 0; i < fills.count; i++) {
    const operation = operations[i]!;
    const real = values.real[operation]!;
    const imaginary = values.imaginary[operation]!;
    const source = sources[i]!;
    let tangent = real;
    let square = imaginary;
    if (source === TangentSource.parity) {
      tangent = imaginary / real;
      square = (real * real) / (real * real + imaginary * imaginary);
    } else if (source === TangentSource.phase) {
      // diag(1, e^(i f)) = e^(i f/2) Rz(f), with |f| <= pi/2
      tangent = imaginary / (1 + real);
      square = (1 + real) / 2;
      const cosine = Math.sqrt(square);
      const sine = cosine * tangent;
      const phase = values.phaseReal;
      values.phaseReal = phase * cosine - values.phaseImaginary * sine;
      values.phaseImaginary = phase * sine + values.phaseImaginary * cosine;
    }
    scales[scaleGroups[i]!]! *= square;
    const start = starts[i]!;
    const width = widths[i]!;
    if (width === 1) tables[start] = tangent;
    else writeLanes(tables, start, width, laneSigns[i]!, tangent);
    if (entries[i] === 1) continue;
    if (width === 1) tables[start + 1] = -tangent;
    else writeLanes(tables, start + width, width, laneSigns[i]!, -tangent);
  }
}

function writeLanes(
  tables: Float32Array | Float64Array,
  start: number,
  width: number,
  signs: number,
  tangent: number,
): void {
  for (let lane = 0; lane < width; lane++) {
    // 1 or -1
    tables[start + lane] = tangent * (1 - (((signs >>> lane) & 1) << 1));
  }
}
