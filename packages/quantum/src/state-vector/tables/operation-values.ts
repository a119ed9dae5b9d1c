import { type LoweredCircuit, OperationKind } from '../lowering/lowered-circuit.ts';

/** The numbers of a lowered circuit for one set of parameters. Reused from one set to the next. */
export interface OperationValues {
  /** `e^(i angle)` of every unit. */
  readonly unitReal: Float64Array;
  readonly unitImaginary: Float64Array;
  /**
   * Per operation. Rotation: tangent with its sign, square of the cosine (exact for Hadamard). Phase: `e^(i angle)`. Parity: `e^(i h)` of `exp(-i h (-1)^parity)`,
   * `|h| <= pi/4`.
   */
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
  /** Phases and diagonals: wires whose stored bit is the other one. */
  readonly flips: Int32Array;
  /** Diagonals: number of their constant. Matrices: where their 32 numbers begin. */
  readonly places: Int32Array;
  /** `[matrices, 4, 4, 2]` in terms of what is stored. */
  readonly matrices: Float64Array;
  /** `[wires, 2, 2]`: images of |0> under runs of one-qubit gates that are being collected. */
  readonly runs: Float64Array;
  /** `[wires, 2, 2]`: amplitudes of |0> and |1> that wires start with, as they are stored. */
  readonly starts: Float64Array;
  /** The frame: pending flips and signs, a bit per wire, and the phase of everything. */
  frameFlips: number;
  frameSigns: number;
  phaseReal: number;
  phaseImaginary: number;
}

/** Memory for the numbers of a circuit. */
export function createOperationValues(lowered: LoweredCircuit): OperationValues {
  const { operations, units } = lowered;
  const places = new Int32Array(operations.count).fill(-1);
  let matrixLength = 0;
  for (let i = 0; i < operations.count; i++) {
    if (operations.kinds[i] !== OperationKind.matrix) continue;
    places[i] = matrixLength;
    matrixLength += 32;
  }
  return {
    unitReal: units.real.slice(),
    unitImaginary: units.imaginary.slice(),
    real: new Float64Array(operations.count),
    imaginary: new Float64Array(operations.count),
    flips: new Int32Array(operations.count),
    places,
    matrices: new Float64Array(matrixLength),
    runs: new Float64Array(4 * lowered.activeQubits.length),
    starts: new Float64Array(4 * lowered.activeQubits.length),
    frameFlips: 0,
    frameSigns: 0,
    phaseReal: 1,
    phaseImaginary: 0,
  };
}

/** Computes the units that depend on parameters. */
export function evaluateUnits(
  lowered: LoweredCircuit,
  values: ArrayLike<number>,
  into: OperationValues,
): void {
  const { units, parameters, coefficients, offsets } = lowered.units.linear;
  const { unitReal, unitImaginary } = into;
  for (let i = 0; i < units.length; i++) {
    const angle = coefficients[i]! * values[parameters[i]!]! + offsets[i]!;
    unitReal[units[i]!] = Math.cos(angle);
    unitImaginary[units[i]!] = Math.sin(angle);
  }
  for (const { unit, factor, evaluate } of lowered.units.general) {
    const angle = factor * evaluate(values);
    unitReal[unit] = Math.cos(angle);
    unitImaginary[unit] = Math.sin(angle);
  }
}
