import { type LoweredCircuit, TapeCode } from '../lowering/lowered-circuit.ts';
import { isOdd } from '../planner/bits.ts';
import type { OperationValues } from './operation-values.ts';
import { beginRun, multiplyRun } from './run-gates.ts';
import { flipMatrix, multiplyByRun, multiplyFromLeft, setSigns } from './two-qubit-matrix.ts';

/** Of two equal halves (Hadamard) the flip is taken. */
const ALMOST_EQUAL = 1 - 1e-9;

/**
 * Follows the circuit once and computes the number of every operation, with units evaluated. The frame must hold what is pending
 * at the start; afterwards it holds what is pending at the end.
 */
export function replayTape(lowered: LoweredCircuit, values: OperationValues): void {
  const { tape, constants } = lowered;
  const { unitReal, unitImaginary, runs } = values;
  values.real.fill(1);
  values.imaginary.fill(0);
  values.starts.fill(0);
  for (let at = 0; at < values.starts.length; at += 4) values.starts[at] = 1;
  let at = 0;
  while (at < tape.length) {
    const code = tape[at]!;
    const first = tape[at + 1]!;
    switch (code) {
      case TapeCode.phase: {
        const unit = tape[at + 3]!;
        addPhase(values, first, tape[at + 2]!, unitReal[unit]!, unitImaginary[unit]!);
        at += 4;
        break;
      }
      case TapeCode.rotateZ:
        rotateZ(values, first, tape[at + 2]!, tape[at + 3]!);
        at += 4;
        break;
      case TapeCode.run:
        if (tape[at + 4] === 1) beginRun(runs, 4 * first);
        multiplyRun(runs, 4 * first, tape[at + 2]!, tape[at + 3]!, unitReal, unitImaginary, constants);
        at += 5;
        break;
      case TapeCode.flush:
        flushRun(values, first, tape[at + 2]!, tape[at + 3]!, tape[at + 4]!);
        at += 5;
        break;
      case TapeCode.flushX:
        flushRunX(values, first, tape[at + 2]!, tape[at + 3]!);
        at += 4;
        break;
      case TapeCode.start:
        startWire(values, first);
        at += 2;
        break;
      case TapeCode.controlledZ:
        controlledZ(values, first, tape[at + 2]!);
        at += 3;
        break;
      case TapeCode.flip:
        values.frameFlips ^= 1 << first;
        at += 2;
        break;
      case TapeCode.sign:
        addSign(values, first);
        at += 2;
        break;
      default:
        at = replayTerm(lowered, values, at);
    }
  }
}

function replayTerm(lowered: LoweredCircuit, values: OperationValues, at: number): number {
  const { tape, operations } = lowered;
  const { unitReal, unitImaginary } = values;
  const operation = tape[at + 1]!;
  const unit = tape[at + 2]!;
  switch (tape[at]) {
    case TapeCode.phaseTerm:
    case TapeCode.storedTerm:
      values.real[operation] = unitReal[unit]!;
      values.imaginary[operation] = unitImaginary[unit]!;
      values.flips[operation] =
        tape[at] === TapeCode.storedTerm ? 0 : values.frameFlips & operations.masks[operation]!;
      return at + 3;
    case TapeCode.parityTerm:
      reduceParity(values, operation, operations.masks[operation]!, unitReal[unit]!, unitImaginary[unit]!);
      return at + 3;
    case TapeCode.diagonalTerm:
      values.places[operation] = unit;
      values.flips[operation] = values.frameFlips & operations.masks[operation]!;
      return at + 3;
    case TapeCode.global:
      multiplyPhase(values, unitReal[operation]!, unitImaginary[operation]!);
      return at + 2;
    case TapeCode.finalSign:
      if (((values.frameSigns >>> operation) & 1) !== 0) {
        values.real[unit]! *= -1;
        values.imaginary[unit]! *= -1;
        values.frameSigns ^= 1 << operation;
      }
      return at + 3;
    case TapeCode.matrixBegin:
      beginMatrix(lowered, values, at);
      return at + 7;
    case TapeCode.matrixMultiply: {
      const wires = operations.wires.get(operation)!;
      const reversed = wires[0] === unit ? 0 : 1;
      multiplyFromLeft(
        lowered.constants[tape[at + 4]!]!,
        reversed,
        values.matrices,
        values.places[operation]!,
      );
      return at + 5;
    }
    default:
      takeRuns(lowered, values, at);
      return at + 5;
  }
}

function multiplyPhase(values: OperationValues, real: number, imaginary: number): void {
  const x = values.phaseReal;
  values.phaseReal = x * real - values.phaseImaginary * imaginary;
  values.phaseImaginary = x * imaginary + values.phaseImaginary * real;
}

/** A phase where the wire is 1, into its slot. */
function addPhase(
  values: OperationValues,
  wire: number,
  slot: number,
  real: number,
  imaginary: number,
): void {
  const x = values.real[slot]!;
  const y = values.imaginary[slot]!;
  let s = imaginary;
  if (((values.frameFlips >>> wire) & 1) !== 0) {
    multiplyPhase(values, real, imaginary);
    s = -s;
  }
  values.real[slot] = x * real - y * s;
  values.imaginary[slot] = x * s + y * real;
}

function rotateZ(values: OperationValues, wire: number, slot: number, unit: number): void {
  const c = values.unitReal[unit]!;
  const s = values.unitImaginary[unit]!;
  multiplyPhase(values, c, -s);
  addPhase(values, wire, slot, c * c - s * s, 2 * c * s);
}

/** Z, behind pending flips. */
function addSign(values: OperationValues, wire: number): void {
  values.frameSigns ^= 1 << wire;
  if (((values.frameFlips >>> wire) & 1) === 0) return;
  values.phaseReal = -values.phaseReal;
  values.phaseImaginary = -values.phaseImaginary;
}

function controlledZ(values: OperationValues, a: number, b: number): void {
  const flipA = (values.frameFlips >>> a) & 1;
  const flipB = (values.frameFlips >>> b) & 1;
  values.frameSigns ^= (flipB << a) ^ (flipA << b);
  if ((flipA & flipB) === 0) return;
  values.phaseReal = -values.phaseReal;
  values.phaseImaginary = -values.phaseImaginary;
}

/** Brings the half angle within a quarter turn: what is over is `(-i Z..Z)^k`. */
function reduceParity(values: OperationValues, operation: number, mask: number, c: number, s: number): void {
  let real = c;
  let imaginary = isOdd(values.frameFlips & mask) ? -s : s;
  if (Math.abs(imaginary) > Math.abs(real)) {
    // e^(-i h P) = (-i P) e^(-i (h - pi/2) P)
    const x = real;
    real = imaginary;
    imaginary = -x;
    multiplyPhase(values, 0, -1);
    values.frameSigns ^= mask;
  }
  if (real < 0) {
    real = -real;
    imaginary = -imaginary;
    values.phaseReal = -values.phaseReal;
    values.phaseImaginary = -values.phaseImaginary;
  }
  values.real[operation] = real;
  values.imaginary[operation] = imaginary;
}

/**
 * A run `g X^k diag(1, a) Ry diag(1, b)`, where `k` is chosen so that the tangent is at most 1: `b` goes to the slot before (or is a
 * sign), `a` to the slot after, `X` and signs to the frame. With `A` and `B` the phases of the run's two numbers, `g = A`, `a = B/A`,
 * `b = 1/(A B)`, and with `X` in front `g = B`, `a = A/B`, `b = -1/(A B)`.
 */
function flushRun(
  values: OperationValues,
  wire: number,
  rotation: number,
  before: number,
  after: number,
): void {
  const { runs } = values;
  const at = 4 * wire;
  const cSquared = runs[at]! * runs[at]! + runs[at + 1]! * runs[at + 1]!;
  const sSquared = runs[at + 2]! * runs[at + 2]! + runs[at + 3]! * runs[at + 3]!;
  const c = Math.sqrt(cSquared);
  const s = Math.sqrt(sSquared);
  const flip = s > c * ALMOST_EQUAL;
  const upper = flip ? at + 2 : at;
  const lower = flip ? at : at + 2;
  const large = flip ? s : c;
  const small = flip ? c : s;
  const gr = runs[upper]! / large;
  const gi = runs[upper + 1]! / large;
  // Where nothing is rotated any phase of the small number does.
  let hr = small > 0 ? runs[lower]! / small : gr;
  let hi = small > 0 ? runs[lower + 1]! / small : gi;
  // Where a slot is missing its phase is +-1 but for rounding, which must not go into the other one.
  if (after < 0) {
    const same = hr * gr + hi * gi >= 0;
    hr = same ? gr : -gr;
    hi = same ? gi : -gi;
  } else if (before < 0) {
    const same = hr * gr - hi * gi >= 0;
    hr = same ? gr : -gr;
    hi = same ? -gi : gi;
  }
  multiplyPhase(values, gr, gi);
  const sign = flip ? -1 : 1;
  addPhaseOrSign(values, wire, before, sign * (gr * hr - gi * hi), -sign * (gr * hi + gi * hr));
  if (before >= 0) reduceSlot(values, wire, before);
  const odd = ((values.frameFlips ^ values.frameSigns) >>> wire) & 1;
  values.real[rotation] = odd === 1 ? -small / large : small / large;
  values.imaginary[rotation] = (flip ? sSquared : cSquared) / (cSquared + sSquared);
  addPhaseOrSign(values, wire, after, hr * gr + hi * gi, hi * gr - hr * gi);
  if (flip) values.frameFlips ^= 1 << wire;
}

/** The image of the wire's value under a run, as it is stored behind the frame's flip: both are its first column, or both its second. */
function startWire({ runs, starts, frameFlips }: OperationValues, wire: number): void {
  const at = 4 * wire;
  // The second column is [-conj(q), conj(p)], which the flip turns round.
  const sign = ((frameFlips >>> wire) & 1) === 1 ? -1 : 1;
  starts[at] = runs[at]!;
  starts[at + 1] = sign * runs[at + 1]!;
  starts[at + 2] = sign * runs[at + 2]!;
  starts[at + 3] = runs[at + 3]!;
}

/** A run `cos h - i sin h X`: beyond a quarter turn `X` goes to the frame, as in {@link reduceParity}. */
function flushRunX(values: OperationValues, wire: number, rotation: number, before: number): void {
  if (before >= 0) reduceSlot(values, wire, before);
  let c = values.runs[4 * wire]!;
  let s = -values.runs[4 * wire + 3]!;
  if (Math.abs(s) > Math.abs(c)) {
    // e^(-i h X) = (-i X) e^(-i (h - pi/2) X)
    [c, s] = [s, -c];
    multiplyPhase(values, 0, -1);
    values.frameFlips ^= 1 << wire;
  }
  if (c < 0) multiplyPhase(values, -1, 0);
  const tangent = s / c;
  values.real[rotation] = ((values.frameSigns >>> wire) & 1) === 1 ? -tangent : tangent;
  values.imaginary[rotation] = (c * c) / (c * c + s * s);
}

/** Where there is no slot the phase is +-1 by the types of the gates. */
function addPhaseOrSign(
  values: OperationValues,
  wire: number,
  slot: number,
  real: number,
  imaginary: number,
): void {
  if (slot >= 0) addPhase(values, wire, slot, real, imaginary);
  else if (real < 0) addSign(values, wire);
}

/** Leaves at most a quarter turn in a slot; the half turn over is a sign, stored ahead of the rotation that follows. */
function reduceSlot(values: OperationValues, wire: number, slot: number): void {
  if (values.real[slot]! >= 0) return;
  values.real[slot]! *= -1;
  values.imaginary[slot]! *= -1;
  values.frameSigns ^= 1 << wire;
}

function beginMatrix(lowered: LoweredCircuit, values: OperationValues, at: number): void {
  const { tape } = lowered;
  const operation = tape[at + 1]!;
  const a = tape[at + 2]!;
  const b = tape[at + 3]!;
  const place = values.places[operation]!;
  const { matrices } = values;
  const signs = ((values.frameSigns >>> a) & 1) | (((values.frameSigns >>> b) & 1) << 1);
  const flips = ((values.frameFlips >>> a) & 1) | (((values.frameFlips >>> b) & 1) << 1);
  values.frameSigns &= ~((1 << a) | (1 << b));
  setSigns(matrices, place, signs, tape[at + 6] === 1);
  // What acts on the state acts on what is stored between flips.
  flipMatrix(matrices, place, flips);
  if (tape[at + 4] === 1) multiplyByRun(values.runs, 4 * a, 0, matrices, place);
  if (tape[at + 5] === 1) multiplyByRun(values.runs, 4 * b, 1, matrices, place);
}

function takeRuns(lowered: LoweredCircuit, values: OperationValues, at: number): void {
  const { tape } = lowered;
  const operation = tape[at + 1]!;
  const [a, b] = lowered.operations.wires.get(operation)!;
  const place = values.places[operation]!;
  if (tape[at + 2] === 1) multiplyByRun(values.runs, 4 * a!, 0, values.matrices, place);
  if (tape[at + 3] === 1) multiplyByRun(values.runs, 4 * b!, 1, values.matrices, place);
  if (tape[at + 4] !== 1) return;
  const flips = ((values.frameFlips >>> a!) & 1) | (((values.frameFlips >>> b!) & 1) << 1);
  flipMatrix(values.matrices, place, flips);
}
