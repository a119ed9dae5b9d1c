import type { TangentFill } from '../planner/table-plan.ts';
import type { OperationValues } from './operation-values.ts';

/** Writes the tangents of rotations and single phases, and multiplies the cosines that they leave out into their groups. */
export function fillTangents(
  fills: readonly TangentFill[],
  values: OperationValues,
  scales: Float64Array,
  tables: Float32Array | Float64Array,
): void {
  for (let i = 0; i < fills.length; i++) {
    const fill = fills[i]!;
    const tangent = takeTangent(fill, values, scales);
    const { start, width } = fill;
    if (width === 1) {
      tables[start] = tangent;
      if (fill.entries === 2) tables[start + 1] = -tangent;
      continue;
    }
    const signs = fill.laneSigns;
    for (let lane = 0; lane < width; lane++) {
      tables[start + lane] = ((signs >>> lane) & 1) !== 0 ? -tangent : tangent;
    }
    if (fill.entries === 1) continue;
    for (let lane = 0; lane < width; lane++) tables[start + width + lane] = -tables[start + lane]!;
  }
}

function takeTangent(fill: TangentFill, values: OperationValues, scales: Float64Array): number {
  const real = values.real[fill.operation]!;
  const imaginary = values.imaginary[fill.operation]!;
  if (fill.source === 'rotation') {
    scales[fill.scaleGroup]! *= imaginary;
    return real;
  }
  if (fill.source === 'parity') {
    scales[fill.scaleGroup]! *= real;
    return imaginary / real;
  }
  // diag(1, e^(i f)) = e^(i f/2) Rz(f), with |f| <= pi/2
  const cosine = Math.sqrt((1 + real) / 2);
  const tangent = imaginary / (1 + real);
  const sine = cosine * tangent;
  const phase = values.phaseReal;
  values.phaseReal = phase * cosine - values.phaseImaginary * sine;
  values.phaseImaginary = phase * sine + values.phaseImaginary * cosine;
  scales[fill.scaleGroup]! *= cosine;
  return tangent;
}
