import { FileFormatError, halfFloatToNumber, type QuantizationParameters } from '@qedge/core';
import type { Refusal, TensorEntry } from './header.ts';
import { scaleCount } from './scale-count.ts';
import { findQuantizationProblem } from './tensor-validation.ts';
import { unzigzag, VarintReader } from './varint.ts';

/**
 * Hands out scales and zero points in the order of the tensors. `plain`: float32 and int32. `compact`: scales as the header says, zero
 * points as variable-length numbers.
 */
export class ParameterReader {
  readonly #bytes: Uint8Array;
  readonly #form: 'plain' | 'compact';
  readonly #file: string;
  #position = 0;

  constructor(bytes: Uint8Array, form: 'plain' | 'compact', file: string) {
    this.#bytes = bytes;
    this.#form = form;
    this.#file = file;
  }

  /** The quantisation of the next tensor that has one. @throws FileFormatError */
  read({ quantization, shape, dtype }: TensorEntry, bad: Refusal): QuantizationParameters {
    if (typeof quantization !== 'object' || quantization === null) {
      throw bad('impossible quantisation parameters', 'an object', String(quantization));
    }
    const { bits, symmetric, axis, groupSize } = quantization;
    if (dtype !== 'int8' && dtype !== 'uint8') throw bad('codes of the wrong dtype', 'int8 or uint8', dtype);
    if (axis !== null && shape[axis] === undefined) {
      throw bad('an impossible quantisation axis', 'an axis', String(axis));
    }
    const count = scaleCount({ axis, ...(groupSize === undefined ? {} : { groupSize }) }, shape);
    if (!Number.isSafeInteger(count)) throw bad('impossible groups', 'a group size >= 1', String(groupSize));
    const scales = this.#readScales(count, quantization.scales);
    const zeroPoints = symmetric ? new Int32Array(count) : this.#readZeroPoints(count);
    const grouped = groupSize === undefined ? {} : { groupSize };
    const parameters = { bits, symmetric, scales, zeroPoints, axis, ...grouped };
    const problem = findQuantizationProblem(parameters, shape, dtype === 'int8');
    if (problem) throw bad('impossible quantisation parameters', problem.expected, problem.actual);
    return parameters;
  }

  /** @throws FileFormatError when parameters are left. */
  finish(): void {
    if (this.#position === this.#bytes.length) return;
    throw new FileFormatError(`${this.#file} has quantisation parameters that no tensor uses`, {
      expected: `${this.#position} bytes`,
      actual: `${this.#bytes.length} bytes`,
    });
  }

  #readScales(count: number, type: unknown): Float32Array {
    if (this.#form === 'compact' && type === 'float16') {
      return Float32Array.from(new Uint16Array(this.#take(2 * count)), halfFloatToNumber);
    }
    return new Float32Array(this.#take(4 * count));
  }

  #readZeroPoints(count: number): Int32Array {
    if (this.#form === 'plain') return new Int32Array(this.#take(4 * count));
    // A number takes a byte or more: too many of them are refused before memory is asked for.
    if (count > this.#bytes.length - this.#position) throw this.#tooFew(this.#position + count);
    const reader = new VarintReader(this.#bytes, this.#position);
    const zeroPoints = Int32Array.from({ length: count }, () => {
      const number = reader.next();
      if (number === null || number > 0xffffffff) throw this.#tooFew(this.#bytes.length + 1);
      return unzigzag(number);
    });
    this.#position = reader.position;
    return zeroPoints;
  }

  /** A copy of the next bytes, because the file need not be aligned. */
  #take(byteLength: number): ArrayBuffer {
    const end = this.#position + byteLength;
    if (end > this.#bytes.length) throw this.#tooFew(end);
    const copy = new Uint8Array(this.#bytes.subarray(this.#position, end));
    this.#position = end;
    return copy.buffer;
  }

  #tooFew(end: number): FileFormatError {
    return new FileFormatError(`${this.#file} has too few quantisation parameters`, {
      expected: `at least ${end} bytes`,
      actual: `${this.#bytes.length} bytes`,
    });
  }
}
