import { RunGate } from '../lowering/lowered-circuit.ts';

/**
 * Multiplies a run of one-qubit gates from the left by one more. The run is the image of |0>, four numbers at `at`: of determinant 1,
 * its second column follows. `unit` is the gate's first unit.
 */
export function multiplyRun(
  runs: Float64Array,
  at: number,
  gate: number,
  unit: number,
  unitReal: Float64Array,
  unitImaginary: Float64Array,
  constants: readonly Float64Array[],
): void {
  const c = unitReal[unit]!;
  const s = unitImaginary[unit]!;
  switch (gate) {
    case RunGate.ry:
      rotateRunY(runs, at, c, s);
      return;
    case RunGate.rz:
      rotateRunZ(runs, at, c, s);
      return;
    case RunGate.h:
      multiplyMatrix(runs, at, 0, -Math.SQRT1_2, 0, -Math.SQRT1_2);
      return;
    case RunGate.x:
      multiplyMatrix(runs, at, 0, 0, 0, -1);
      return;
    case RunGate.z:
      rotateRunZ(runs, at, 0, 1);
      return;
    case RunGate.rx:
      multiplyMatrix(runs, at, c, 0, 0, -s);
      return;
    case RunGate.u:
      rotateRunZ(runs, at, unitReal[unit + 2]!, unitImaginary[unit + 2]!);
      rotateRunY(runs, at, c, s);
      rotateRunZ(runs, at, unitReal[unit + 1]!, unitImaginary[unit + 1]!);
      return;
    default: {
      const matrix = constants[unit]!;
      multiplyMatrix(runs, at, matrix[0]!, matrix[1]!, matrix[2]!, matrix[3]!);
    }
  }
}

/** Begins a run: the identity. */
export function beginRun(runs: Float64Array, at: number): void {
  runs[at] = 1;
  runs[at + 1] = runs[at + 2] = runs[at + 3] = 0;
}

function rotateRunY(runs: Float64Array, at: number, c: number, s: number): void {
  const ar = runs[at]!;
  const ai = runs[at + 1]!;
  const br = runs[at + 2]!;
  const bi = runs[at + 3]!;
  runs[at] = c * ar - s * br;
  runs[at + 1] = c * ai - s * bi;
  runs[at + 2] = s * ar + c * br;
  runs[at + 3] = s * ai + c * bi;
}

function rotateRunZ(runs: Float64Array, at: number, c: number, s: number): void {
  const ar = runs[at]!;
  const ai = runs[at + 1]!;
  const br = runs[at + 2]!;
  const bi = runs[at + 3]!;
  runs[at] = c * ar + s * ai;
  runs[at + 1] = c * ai - s * ar;
  runs[at + 2] = c * br - s * bi;
  runs[at + 3] = c * bi + s * br;
}

/** `[[p, -conj(q)], [q, conj(p)]]`. */
function multiplyMatrix(
  runs: Float64Array,
  at: number,
  pr: number,
  pi: number,
  qr: number,
  qi: number,
): void {
  const ar = runs[at]!;
  const ai = runs[at + 1]!;
  const br = runs[at + 2]!;
  const bi = runs[at + 3]!;
  runs[at] = pr * ar - pi * ai - (qr * br + qi * bi);
  runs[at + 1] = pr * ai + pi * ar - (qr * bi - qi * br);
  runs[at + 2] = qr * ar - qi * ai + (pr * br + pi * bi);
  runs[at + 3] = qr * ai + qi * ar + (pr * bi - pi * br);
}
