import { InvalidArgumentError, type Random, ShapeMismatchError, UseAfterReleaseError } from '@qedge/core';
import type { PauliSum } from '../operator/pauli-sum.ts';
import { countOutcomes, formatBits, type SampleCounts } from './sample-counts.ts';

/**
 * The amplitudes of a pure state: `2^qubitCount` complex numbers. Index bit `q` is the value of qubit `q`.
 * The holder gives the memory back with `dispose()`; using the vector afterwards throws.
 */
export class StateVector implements Disposable {
  readonly qubitCount: number;
  /** The classical bits that measurements wrote, one byte each. */
  readonly clbits: Uint8Array;
  #re: Float64Array | null;
  #im: Float64Array | null;

  /** Takes ownership of the arrays. @throws ShapeMismatchError unless both have `2^qubitCount` entries. */
  constructor(re: Float64Array, im: Float64Array, clbits: Uint8Array = new Uint8Array(0)) {
    const qubitCount = Math.log2(re.length);
    if (!Number.isInteger(qubitCount) || im.length !== re.length) {
      throw new ShapeMismatchError('A state vector has an impossible length', {
        expected: 'two arrays of the same power of two',
        actual: [re.length, im.length],
      });
    }
    this.qubitCount = qubitCount;
    this.clbits = clbits;
    this.#re = re;
    this.#im = im;
  }

  /** `|index>` on `qubitCount` qubits. @throws InvalidArgumentError for an index out of range. */
  static basisState(qubitCount: number, index = 0): StateVector {
    const size = 2 ** qubitCount;
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new InvalidArgumentError('A basis state is out of range', {
        expected: `an integer in 0..${size - 1}`,
        actual: index,
      });
    }
    const re = new Float64Array(size);
    re[index] = 1;
    return new StateVector(re, new Float64Array(size));
  }

  /** Real parts; borrowed. @throws UseAfterReleaseError after `dispose`. */
  get re(): Float64Array {
    return this.#re ?? released();
  }

  /** Imaginary parts; borrowed. @throws UseAfterReleaseError after `dispose`. */
  get im(): Float64Array {
    return this.#im ?? released();
  }

  /** The probability of every basis state, `[2^qubitCount]`. */
  probabilities(): Float64Array {
    const { re, im } = this;
    return re.map((real, index) => real * real + im[index]! * im[index]!);
  }

  /** The square of the norm, 1 up to rounding. */
  normSquared(): number {
    const { re, im } = this;
    let sum = 0;
    for (let i = 0; i < re.length; i++) sum += re[i]! * re[i]! + im[i]! * im[i]!;
    return sum;
  }

  /** Measures all qubits `shots` times on copies of the state; see {@link SampleCounts} for the bit order. */
  sample(shots: number, random: Random): SampleCounts {
    return countOutcomes(this.sampleIndices(shots, random), (index) => formatBits(index, this.qubitCount));
  }

  /** Basis-state indices of `shots` measurements of all qubits. @throws InvalidArgumentError for negative or broken shots. */
  sampleIndices(shots: number, random: Random): Uint32Array {
    checkShots(shots);
    const cumulative = this.probabilities();
    for (let i = 1; i < cumulative.length; i++) cumulative[i] = cumulative[i]! + cumulative[i - 1]!;
    const total = cumulative[cumulative.length - 1]!;
    return Uint32Array.from({ length: shots }, () => firstAbove(cumulative, random.uniform() * total));
  }

  /** `<state| observable |state>`. @throws ShapeMismatchError when the numbers of qubits differ. */
  expectation(observable: PauliSum): number {
    return observable.expectation(this.re, this.im);
  }

  /** `<this|other>` as `[re, im]`. @throws ShapeMismatchError when the numbers of qubits differ. */
  innerProduct(other: StateVector): [number, number] {
    const [a, b, c, d] = [this.re, this.im, other.re, other.im];
    if (a.length !== c.length) {
      throw new ShapeMismatchError('The states have different numbers of qubits', {
        expected: this.qubitCount,
        actual: other.qubitCount,
      });
    }
    let [re, im] = [0, 0];
    for (let i = 0; i < a.length; i++) {
      re += a[i]! * c[i]! + b[i]! * d[i]!;
      im += a[i]! * d[i]! - b[i]! * c[i]!;
    }
    return [re, im];
  }

  /** `|<this|other>|^2`. @throws ShapeMismatchError when the numbers of qubits differ. */
  fidelity(other: StateVector): number {
    const [re, im] = this.innerProduct(other);
    return re * re + im * im;
  }

  /** Gives the memory back. Harmless when repeated. */
  dispose(): void {
    this.#re = null;
    this.#im = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws InvalidArgumentError unless `shots` is an integer >= 0. */
export function checkShots(shots: number): void {
  if (Number.isSafeInteger(shots) && shots >= 0) return;
  throw new InvalidArgumentError('A number of shots is out of range', {
    expected: 'an integer >= 0',
    actual: shots,
  });
}

function released(): never {
  throw new UseAfterReleaseError('A state vector was used after dispose()');
}

/** The first index whose cumulative value lies above `value`, by bisection; never one with probability 0. */
function firstAbove(cumulative: Float64Array, value: number): number {
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
