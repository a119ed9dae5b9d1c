import { RunGate } from '../lowering/lowered-circuit.ts';

const GATE = new Float64Array(8);

/** Writes the matrix of a gate of a run. `unit` is the gate's first unit. */
function writeGate(
  gate: number,
  unit: number,
  real: Float64Array,
  imaginary: Float64Array,
  into: Float64Array,
): void {
  const c = real[unit]!;
  const s = imaginary[unit]!;
  into.fill(0);
  switch (gate) {
    case RunGate.h:
      into[0] = into[2] = into[4] = Math.SQRT1_2;
      into[6] = -Math.SQRT1_2;
      return;
    case RunGate.x:
      into[2] = into[4] = 1;
      return;
    case RunGate.y:
      into[3] = -1;
      into[5] = 1;
      return;
    case RunGate.z:
      into[0] = 1;
      into[6] = -1;
      return;
    case RunGate.rx:
      into[0] = into[6] = c;
      into[3] = into[5] = -s;
      return;
    case RunGate.ry:
      into[0] = into[6] = c;
      into[2] = -s;
      into[4] = s;
      return;
    case RunGate.rz:
      into[0] = into[6] = c;
      into[1] = -s;
      into[7] = s;
      return;
    case RunGate.phase:
      into[0] = 1;
      into[6] = c;
      into[7] = s;
      return;
    case RunGate.u:
      writeU(unit, real, imaginary, into);
      return;
    default:
      writeSquareRoot(gate === RunGate.sx ? 0.5 : -0.5, into);
      return;
  }
}

function writeU(unit: number, real: Float64Array, imaginary: Float64Array, into: Float64Array): void {
  const c = real[unit]!;
  const s = imaginary[unit]!;
  const phiRe = real[unit + 1]!;
  const phiIm = imaginary[unit + 1]!;
  const lambdaRe = real[unit + 2]!;
  const lambdaIm = imaginary[unit + 2]!;
  into[0] = c;
  into[2] = -s * lambdaRe;
  into[3] = -s * lambdaIm;
  into[4] = s * phiRe;
  into[5] = s * phiIm;
  into[6] = c * (phiRe * lambdaRe - phiIm * lambdaIm);
  into[7] = c * (phiRe * lambdaIm + phiIm * lambdaRe);
}

/** `sx` for sign 0.5, its inverse for -0.5. */
function writeSquareRoot(sign: number, into: Float64Array): void {
  into[0] = into[2] = into[4] = into[6] = 0.5;
  into[1] = into[7] = sign;
  into[3] = into[5] = -sign;
}

/** Multiplies the run of eight numbers at `at` from the left by a gate; a fresh run becomes the gate. */
export function multiplyRun(
  runs: Float64Array,
  at: number,
  gate: number,
  unit: number,
  fresh: boolean,
  unitReal: Float64Array,
  unitImaginary: Float64Array,
  constants: readonly Float64Array[],
): void {
  const g = gate === RunGate.matrix ? constants[unit]! : GATE;
  if (gate !== RunGate.matrix) writeGate(gate, unit, unitReal, unitImaginary, GATE);
  if (fresh) {
    for (let i = 0; i < 8; i++) runs[at + i] = g[i]!;
    return;
  }
  const [ar, ai, br, bi, cr, ci, dr, di] = [g[0]!, g[1]!, g[2]!, g[3]!, g[4]!, g[5]!, g[6]!, g[7]!];
  for (let column = 0; column < 4; column += 2) {
    const xr = runs[at + column]!;
    const xi = runs[at + column + 1]!;
    const yr = runs[at + column + 4]!;
    const yi = runs[at + column + 5]!;
    runs[at + column] = ar * xr - ai * xi + br * yr - bi * yi;
    runs[at + column + 1] = ar * xi + ai * xr + br * yi + bi * yr;
    runs[at + column + 4] = cr * xr - ci * xi + dr * yr - di * yi;
    runs[at + column + 5] = cr * xi + ci * xr + dr * yi + di * yr;
  }
}
