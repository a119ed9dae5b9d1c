import { type TangentFills, TangentSource } from '../planner/table-plan.ts';
import type { OperationValues } from './operation-values.ts';

/** Writes the tangents of rotations and single phases, and multiplies the squares of the cosines that they leave out into their groups. */
export function fillTangents(
  fills: TangentFills,
  values: OperationValues,
  scales: Float64Array,
  tables: Float32Array | Float64Array,
): void {
  const { operations, sources, starts, entries, widths, signStarts, signs, scaleGroups } = fills;
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
    if (width === 1) {
      tables[start] = tangent;
      if (entries[i] === 2) tables[start + 1] = -tangent;
      continue;
    }
    const from = signStarts[i]!;
    for (let lane = 0; lane < width; lane++) tables[start + lane] = tangent * signs[from + lane]!;
    if (entries[i] === 1) continue;
    for (let lane = 0; lane < width; lane++) tables[start + width + lane] = -tangent * signs[from + lane]!;
  }
}
