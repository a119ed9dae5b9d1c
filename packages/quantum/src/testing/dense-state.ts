/** @file States by the definition: every instruction as its whole matrix, amplitude by amplitude. For small circuits. */
import { InvalidArgumentError } from '@qedge/core';
import type { Circuit } from '../circuit/circuit.ts';
import { type Instruction, isUnitaryKind } from '../circuit/instruction.ts';
import { instructionMatrix } from '../circuit/instruction-matrix.ts';
import type { PauliSum } from '../operator/pauli-sum.ts';

/** The amplitudes `[2^n, 2]` that a circuit of bound unitary instructions makes of a state (default |0...0>). */
export function denseState(circuit: Circuit, start?: Float64Array): Float64Array {
  let state = start?.slice() ?? basisAmplitudes(circuit.qubitCount, 0);
  for (const instruction of circuit.instructions) {
    if (instruction.kind === 'barrier' || instruction.kind === 'delay') continue;
    state = applyDense(instruction, state);
  }
  return state;
}

/** `|index>`. */
export function basisAmplitudes(qubitCount: number, index: number): Float64Array {
  const state = new Float64Array(2 * 2 ** qubitCount);
  state[2 * index] = 1;
  return state;
}

function applyDense(instruction: Instruction, state: Float64Array): Float64Array {
  if (!isUnitaryKind(instruction)) {
    throw new InvalidArgumentError('Not a unitary instruction', { actual: instruction.kind });
  }
  const { qubits } = instruction;
  const matrix = instructionMatrix(instruction);
  const size = 2 ** qubits.length;
  const image = new Float64Array(state.length);
  for (let index = 0; index < state.length / 2; index++) {
    const row = qubits.reduce((sum, qubit, bit) => sum + (((index >> qubit) & 1) << bit), 0);
    for (let column = 0; column < size; column++) {
      const from = qubits.reduce(
        (moved, qubit, bit) => (moved & ~(1 << qubit)) | (((column >> bit) & 1) << qubit),
        index,
      );
      const at = 2 * (row * size + column);
      image[2 * index] =
        image[2 * index]! + matrix[at]! * state[2 * from]! - matrix[at + 1]! * state[2 * from + 1]!;
      image[2 * index + 1] =
        image[2 * index + 1]! + matrix[at]! * state[2 * from + 1]! + matrix[at + 1]! * state[2 * from]!;
    }
  }
  return image;
}

const PAULI_IMAGES: Readonly<
  Record<string, (bit: number) => readonly [flip: number, re: number, im: number]>
> = {
  I: () => [0, 1, 0],
  X: () => [1, 1, 0],
  Y: (bit) => [1, 0, bit === 0 ? 1 : -1],
  Z: (bit) => [0, bit === 0 ? 1 : -1, 0],
};

/** `sum |state>`, letter by letter. */
export function densePauliImage(sum: PauliSum, state: Float64Array): Float64Array {
  const image = new Float64Array(state.length);
  for (const [string, coefficient] of sum.terms) {
    for (let index = 0; index < state.length / 2; index++) {
      let [to, re, im] = [index, coefficient, 0];
      [...string].forEach((letter, qubit) => {
        const [flip, factorRe, factorIm] = PAULI_IMAGES[letter]!((index >> qubit) & 1);
        if (flip === 1) to ^= 1 << qubit;
        [re, im] = [re * factorRe - im * factorIm, re * factorIm + im * factorRe];
      });
      image[2 * to] = image[2 * to]! + re * state[2 * index]! - im * state[2 * index + 1]!;
      image[2 * to + 1] = image[2 * to + 1]! + re * state[2 * index + 1]! + im * state[2 * index]!;
    }
  }
  return image;
}

/** `<a|b>` as `[re, im]`. */
export function denseInner(a: Float64Array, b: Float64Array): [number, number] {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  return [re, im];
}
