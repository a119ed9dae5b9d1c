import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { physicalIndex, readAmplitudes, writeAmplitudes } from '../amplitudes/amplitude-access.ts';
import {
  qubitsWithMemory,
  type StateFrame,
  type StoredState,
  selectQubits,
} from '../amplitudes/stored-state.ts';
import type { InitialState } from '../simulator.ts';
import { basisBits, StateVector } from '../state-vector.ts';

/** Qubits that an initial state needs memory for. @throws what {@link checkInitialState} throws. */
export function markInitialQubits(initial: InitialState | undefined, active: boolean[]): void {
  if (initial === undefined) return;
  checkInitialState(initial, active.length);
  const isUsed = qubitsUsed(initial, active.length);
  for (let qubit = 0; qubit < active.length; qubit++) if (isUsed(qubit)) active[qubit] = true;
}

/** Which qubits may be other than |0>. */
function qubitsUsed(initial: InitialState, qubitCount: number): (qubit: number) => boolean {
  if (initial.kind === 'basis') return basisBits(initial.basis, qubitCount);
  if (initial.kind !== 'state' || !(initial.state instanceof StateVector)) return () => true;
  const { qubits } = initial.state.frame;
  return (qubit) => qubits[qubit]! >= 0;
}

/** How far from 1 a norm may be: what single precision makes of it. */
const NORM_TOLERANCE = 1e-5;

/** @throws InvalidArgumentError or ShapeMismatchError for a state that does not fit so many qubits or is not normalised. */
export function checkInitialState(initial: InitialState, qubitCount: number): void {
  switch (initial.kind) {
    case 'basis':
      basisBits(initial.basis, qubitCount);
      break;
    case 'product':
      checkCount(initial.qubits.length, qubitCount, 'qubits');
      for (const amplitudes of initial.qubits) {
        checkCount(amplitudes.length, 4, 'numbers for each qubit');
        checkNorm(amplitudes);
      }
      break;
    case 'amplitudes':
      checkCount(initial.amplitudes.length, 2 * 2 ** qubitCount, 'numbers');
      checkNorm(initial.amplitudes);
      break;
    case 'state':
      checkCount(initial.state.qubitCount, qubitCount, 'qubits');
      break;
    default:
      throw new InvalidArgumentError('Unknown kind of initial state', {
        expected: 'basis, product, amplitudes or state',
        actual: (initial as { kind?: unknown }).kind,
      });
  }
}

function checkCount(actual: number, expected: number, what: string): void {
  if (actual === expected) return;
  throw new ShapeMismatchError('The initial state does not fit the circuit', {
    expected: `${expected} ${what}`,
    actual,
  });
}

function checkNorm(amplitudes: ArrayLike<number>): void {
  let norm = 0;
  for (let i = 0; i < amplitudes.length; i++) norm += amplitudes[i]! ** 2;
  if (Math.abs(norm - 1) <= NORM_TOLERANCE) return;
  throw new InvalidArgumentError('An initial state is not normalised', {
    expected: 'a norm of 1',
    actual: norm,
  });
}

/** Amplitudes are copied so many at a time. */
const PIECE_QUBITS = 16;

/** Fills a stored state. Qubits of the frame without memory are |0> in the initial state. */
export function writeInitialState(
  initial: InitialState | undefined,
  state: StoredState,
  frame: StateFrame,
): void {
  const qubitCount = frame.qubits.length;
  if (initial === undefined || initial.kind === 'basis') {
    const isSet = initial === undefined ? () => false : basisBits(initial.basis, qubitCount);
    state.setBasisState(physicalIndex(frame, isSet));
    return;
  }
  state.setBasisState(0);
  const used = qubitsWithMemory(frame);
  const usedFrame = selectQubits(frame, used);
  const pieceQubits = Math.min(PIECE_QUBITS, used.length);
  const count = 2 ** pieceQubits;
  const pieceOf = pieceReader(initial, used, pieceQubits);
  for (let first = 0; first < 2 ** used.length; first += count) {
    writeAmplitudes(state, usedFrame, first, pieceOf(first));
  }
}

/** A function that gives `2^pieceQubits` amplitudes of the state of some qubits, interleaved, until it is called again. */
function pieceReader(
  initial: Exclude<InitialState, { kind: 'basis' }>,
  used: readonly number[],
  pieceQubits: number,
): (first: number) => Float64Array {
  if (initial.kind === 'product') return (first) => productPiece(initial.qubits, first, pieceQubits);
  const length = 2 * 2 ** pieceQubits;
  if (initial.kind === 'state' && initial.state instanceof StateVector) {
    const { stored } = initial.state;
    const frame = selectQubits(initial.state.frame, used);
    const piece = new Float64Array(length);
    return (first) => {
      readAmplitudes(stored, frame, first, piece);
      return piece;
    };
  }
  const list = initial.kind === 'state' ? initial.state.amplitudes() : initial.amplitudes;
  return (first) => list.subarray(2 * first, 2 * first + length);
}

/** Amplitudes `first .. first + 2^pieceQubits - 1` of a product state, interleaved. */
function productPiece(
  qubits: readonly (readonly [number, number, number, number])[],
  first: number,
  pieceQubits: number,
): Float64Array {
  const piece = new Float64Array(2 * 2 ** pieceQubits);
  let [re, im] = [1, 0];
  for (let qubit = pieceQubits; qubit < qubits.length; qubit++) {
    const bit = Math.floor(first / 2 ** qubit) % 2;
    const [factorRe, factorIm] = [qubits[qubit]![2 * bit]!, qubits[qubit]![2 * bit + 1]!];
    [re, im] = [re * factorRe - im * factorIm, re * factorIm + im * factorRe];
  }
  piece[0] = re;
  piece[1] = im;
  for (let qubit = 0; qubit < pieceQubits; qubit++) {
    const [zeroRe, zeroIm, oneRe, oneIm] = qubits[qubit]!;
    const half = 2 * 2 ** qubit;
    for (let i = 0; i < half; i += 2) {
      const [a, b] = [piece[i]!, piece[i + 1]!];
      piece[half + i] = oneRe * a - oneIm * b;
      piece[half + i + 1] = oneRe * b + oneIm * a;
      piece[i] = zeroRe * a - zeroIm * b;
      piece[i + 1] = zeroRe * b + zeroIm * a;
    }
  }
  return piece;
}
