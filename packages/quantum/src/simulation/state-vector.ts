import { CapabilityUnavailableError, InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import type { PauliSum } from '../operator/pauli-sum.ts';
import { amplitudeAt, physicalIndex, readAmplitudes } from './amplitudes/amplitude-access.ts';
import { innerProduct } from './amplitudes/inner-product.ts';
import { marginalProbabilities } from './amplitudes/marginal.ts';
import { squaredNorm } from './amplitudes/measure-bit.ts';
import { reducedDensityMatrix } from './amplitudes/reduced-density-matrix.ts';
import {
  copyFrame,
  qubitsWithMemory,
  type StateFrame,
  type StoredState,
  selectQubits,
} from './amplitudes/stored-state.ts';
import { allocateState, tryAllocateState } from './engine/allocate-state.ts';
import type { StateEngine } from './engine/state-engine.ts';
import { hermitianEigenvalues } from './observables/hermitian-eigenvalues.ts';
import { pauliExpectation } from './observables/pauli-expectation.ts';
import { pauliVariance } from './observables/pauli-variance.ts';
import type { BasisState, DensityMatrix, QuantumState } from './quantum-state.ts';
import { checkShots, drawIndices } from './sampling/draw-indices.ts';
import { mapOutcomes } from './sampling/map-outcomes.ts';
import { Sample, wordCount } from './sampling/sample.ts';

/** Amplitudes as a list of numbers are refused beyond these: 2^27 of 16 bytes are 2 GiB. */
const MOST_LISTED_QUBITS = 27;
/** A density matrix of 12 qubits has 2^24 entries: 256 MiB. */
const MOST_KEPT_QUBITS = 12;

const NO_CLBITS = new Uint8Array(0);

/**
 * A pure state: `2^qubitCount` complex amplitudes, those of qubits that no gate touched left out. Index bit `q` is the value of
 * qubit `q`.
 */
export class StateVector implements QuantumState {
  readonly qubitCount: number;
  readonly clbits: Uint8Array;
  /** The amplitudes as the engine stores them; for code that works on whole states. */
  readonly stored: StoredState;
  #frame: StateFrame;
  readonly #engine: StateEngine;

  /** Takes ownership of the stored state. Simulators make states. */
  constructor(engine: StateEngine, stored: StoredState, frame: StateFrame, clbits: Uint8Array = NO_CLBITS) {
    this.qubitCount = frame.qubits.length;
    this.clbits = clbits;
    this.stored = stored;
    this.#frame = frame;
    this.#engine = engine;
  }

  /** Where each qubit is in the stored state. */
  get frame(): StateFrame {
    return this.#frame;
  }

  /** For code that changed the stored amplitudes: what they mean now. */
  moveFrame(frame: StateFrame): void {
    this.#frame = frame;
  }

  /** The same state, which this object gives up, with other classical bits. */
  withClbits(clbits: Uint8Array): StateVector {
    return new StateVector(this.#engine, this.stored, this.#frame, clbits);
  }

  /** True for states in the memory of an engine. */
  isOn(engine: StateEngine): boolean {
    return this.#engine === engine;
  }

  amplitude(basis: BasisState): [number, number] {
    const isSet = basisBits(basis, this.qubitCount);
    return amplitudeAt(this.stored, this.frame, physicalIndex(this.frame, isSet));
  }

  amplitudes(): Float64Array {
    if (this.qubitCount > MOST_LISTED_QUBITS) {
      throw new CapabilityUnavailableError('The amplitudes are too many for one list', {
        expected: `at most ${MOST_LISTED_QUBITS} qubits`,
        actual: this.qubitCount,
        remedy: 'Ask for single amplitudes, probabilities of some qubits, samples or expectation values',
        facts: { bytesNeeded: 16 * 2 ** this.qubitCount },
      });
    }
    const list = new Float64Array(2 * 2 ** this.qubitCount);
    readAmplitudes(this.stored, this.frame, 0, list);
    return list;
  }

  probabilities(qubits?: readonly number[]): Float64Array {
    const chosen = qubits ?? Array.from({ length: this.qubitCount }, (_, qubit) => qubit);
    this.#checkQubits(chosen, MOST_LISTED_QUBITS);
    return marginalProbabilities(this.stored, this.frame, chosen);
  }

  sample(shots: number, { seed = 0 }: { readonly seed?: number } = {}): Sample {
    checkShots(shots);
    const drawn = drawIndices(this.stored, this.frame, shots, new Random(seed));
    const bits = Array.from({ length: this.qubitCount }, (_, qubit) => [qubit]);
    const fixed = new Uint32Array(wordCount(this.qubitCount));
    const outcomes = mapOutcomes(drawn, this.frame, bits, this.qubitCount, fixed);
    return Sample.fromOutcomes(this.qubitCount, outcomes, drawn.frequencies);
  }

  expectation(observable: PauliSum): number;
  expectation(observables: readonly PauliSum[]): Float64Array;
  expectation(observables: PauliSum | readonly PauliSum[]): number | Float64Array {
    if ('terms' in observables) {
      checkWidth(observables, this.qubitCount, 'The observable');
      return pauliExpectation(observables, this.stored, this.frame, () =>
        tryAllocateState(this.#engine, this.stored.memory.layout.qubitCount),
      );
    }
    return Float64Array.from(observables, (observable) => this.expectation(observable));
  }

  variance(observable: PauliSum): number {
    checkWidth(observable, this.qubitCount, 'The observable');
    const scratch = allocateState(this.#engine, this.stored.memory.layout.qubitCount);
    try {
      return pauliVariance(observable, this.stored, this.frame, scratch);
    } finally {
      scratch.dispose();
    }
  }

  normSquared(): number {
    return squaredNorm(this.stored);
  }

  innerProduct(other: QuantumState): [number, number] {
    if (other.qubitCount !== this.qubitCount) {
      throw new ShapeMismatchError('The states have different numbers of qubits', {
        expected: this.qubitCount,
        actual: other.qubitCount,
      });
    }
    if (!(other instanceof StateVector)) return innerProductOfLists(this.amplitudes(), other.amplitudes());
    if (!sameFrame(this, other)) return innerProductInPieces(this, other);
    const [re, im] = innerProduct(this.stored, other.stored);
    const turn = other.frame.phase - this.frame.phase;
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    return [cos * re - sin * im, cos * im + sin * re];
  }

  fidelity(other: QuantumState): number {
    const [re, im] = this.innerProduct(other);
    return re * re + im * im;
  }

  partialTrace(qubits: readonly number[]): DensityMatrix {
    this.#checkQubits(qubits, MOST_KEPT_QUBITS);
    return {
      qubitCount: qubits.length,
      entries: reducedDensityMatrix(this.stored, this.frame, qubits),
    };
  }

  purity(qubits: readonly number[]): number {
    // For a Hermitian matrix the trace of the square is the sum of the squared magnitudes.
    return this.#smallerSide(qubits).entries.reduce((sum, entry) => sum + entry * entry, 0);
  }

  entropy(qubits: readonly number[]): number {
    const { qubitCount, entries } = this.#smallerSide(qubits);
    return hermitianEigenvalues(entries, 2 ** qubitCount).reduce(
      (sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum),
      0,
    );
  }

  /** A copy with memory of its own. */
  clone(): StateVector {
    const copy = allocateState(this.#engine, this.stored.memory.layout.qubitCount);
    copy.copyFrom(this.stored);
    return new StateVector(this.#engine, copy, copyFrame(this.frame), this.clbits.slice());
  }

  dispose(): void {
    this.stored.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Both sides of a cut have the same spectrum but for zeros. */
  #smallerSide(qubits: readonly number[]): DensityMatrix {
    this.#checkQubits(qubits, this.qubitCount);
    const active = (list: readonly number[]) => list.filter((qubit) => this.frame.qubits[qubit]! >= 0);
    const chosen = active(qubits);
    const all = Array.from({ length: this.qubitCount }, (_, qubit) => qubit);
    const others = active(all.filter((qubit) => !qubits.includes(qubit)));
    return this.partialTrace(chosen.length <= others.length ? chosen : others);
  }

  #checkQubits(qubits: readonly number[], most: number): void {
    const isQubit = (qubit: number) => Number.isInteger(qubit) && qubit >= 0 && qubit < this.qubitCount;
    if (!qubits.every(isQubit) || new Set(qubits).size !== qubits.length) {
      throw new InvalidArgumentError('A list of qubits does not fit the state', {
        expected: `different integers in 0..${this.qubitCount - 1}`,
        actual: qubits,
      });
    }
    if (qubits.length <= most) return;
    throw new CapabilityUnavailableError('The result would be too large', {
      expected: `at most ${most} qubits`,
      actual: qubits.length,
    });
  }
}

/** Which qubits are 1 in a basis state. @throws InvalidArgumentError for one that there is not. */
export function basisBits(basis: BasisState, qubitCount: number): (qubit: number) => boolean {
  if (typeof basis === 'string') {
    if (basis.length === qubitCount && /^[01]*$/.test(basis)) {
      return (qubit) => basis[qubitCount - 1 - qubit] === '1';
    }
  } else if (typeof basis === 'bigint' || Number.isSafeInteger(basis)) {
    const index = BigInt(basis);
    if (index >= 0n && index >> BigInt(qubitCount) === 0n) {
      return (qubit) => ((index >> BigInt(qubit)) & 1n) === 1n;
    }
  }
  throw new InvalidArgumentError('There is no such basis state', {
    expected: `${qubitCount} characters of 0 and 1, or an integer in 0..2^${qubitCount} - 1`,
    actual: String(basis),
  });
}

/** @throws ShapeMismatchError unless an observable or a state has so many qubits. */
export function checkWidth(thing: Pick<PauliSum, 'qubitCount'>, qubitCount: number, what: string): void {
  if (thing.qubitCount === qubitCount) return;
  throw new ShapeMismatchError(`${what} has another number of qubits`, {
    expected: `${qubitCount} qubits`,
    actual: thing.qubitCount,
  });
}

function sameFrame(a: StateVector, b: StateVector): boolean {
  const { layout } = a.stored.memory;
  const other = b.stored.memory.layout;
  return (
    layout.qubitCount === other.qubitCount &&
    layout.laneQubits === other.laneQubits &&
    layout.element === other.element &&
    a.frame.qubits.join() === b.frame.qubits.join() &&
    a.frame.flips.join() === b.frame.flips.join()
  );
}

/** Amplitudes are copied out and compared so many at a time. */
const PIECE = 2 ** 16;

function innerProductInPieces(a: StateVector, b: StateVector): [number, number] {
  // A qubit without memory in either state is |0> there, so that what the other state has at 1 adds nothing.
  const shared = qubitsWithMemory(a.frame).filter((qubit) => b.frame.qubits[qubit]! >= 0);
  const [leftFrame, rightFrame] = [selectQubits(a.frame, shared), selectQubits(b.frame, shared)];
  const total = 2 ** shared.length;
  const count = Math.min(PIECE, total);
  const [left, right] = [new Float64Array(2 * count), new Float64Array(2 * count)];
  let [re, im] = [0, 0];
  for (let first = 0; first < total; first += count) {
    readAmplitudes(a.stored, leftFrame, first, left);
    readAmplitudes(b.stored, rightFrame, first, right);
    const [pieceRe, pieceIm] = innerProductOfLists(left, right);
    re += pieceRe;
    im += pieceIm;
  }
  return [re, im];
}

function innerProductOfLists(a: Float64Array, b: Float64Array): [number, number] {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  return [re, im];
}
