/** @file A float64 simulator that applies matrices gate by gate, written independently of the engine, for tests only. */
import { gateDefinition } from '../../src/circuit/gate-definition.ts';
import type { Instruction } from '../../src/circuit/instruction.ts';
import {
  type ParameterBinding,
  ParameterExpression,
  type ParameterValue,
} from '../../src/circuit/parameter.ts';
import { createPlainState, type PlainState } from './program-interpreter.ts';

/** The state after unitary instructions, from |0...0> or from `state`. */
export function simulatePlainly(
  instructions: readonly Instruction[],
  qubitCount: number,
  values: ParameterBinding = {},
  state: PlainState = createPlainState(qubitCount),
): PlainState {
  const angleOf = (value: ParameterValue) =>
    value instanceof ParameterExpression ? value.evaluate(values) : value;
  for (const instruction of instructions) apply(instruction, state, angleOf, 0, 0);
  return state;
}

/** Acts where the bits of `mask` are `wanted`. */
function apply(
  instruction: Instruction,
  state: PlainState,
  angleOf: (value: ParameterValue) => number,
  mask: number,
  wanted: number,
): void {
  switch (instruction.kind) {
    case 'gate': {
      const { name, qubits, parameters } = instruction;
      const gate = gateDefinition(name);
      const matrix = gate.matrix(parameters.map(angleOf));
      const targets = Math.log2(Math.sqrt(matrix.length / 2));
      let controls = mask;
      for (const control of qubits.slice(0, qubits.length - targets)) controls |= 1 << control;
      applyMatrix(
        matrix,
        qubits.slice(qubits.length - targets),
        state,
        controls,
        wanted | (controls & ~mask),
      );
      return;
    }
    case 'unitary':
      applyMatrix(instruction.matrix, instruction.qubits, state, mask, wanted);
      return;
    case 'diagonal':
      applyDiagonal(instruction.phases, instruction.qubits, state, mask, wanted);
      return;
    case 'permutation':
      applyPermutation(instruction.permutation, instruction.qubits, state);
      return;
    case 'pauli-evolution':
      for (const [letters, coefficient] of instruction.terms) {
        applyEvolution(letters, coefficient * angleOf(instruction.time), instruction.qubits, state);
      }
      return;
    case 'controlled': {
      const { controls, controlState, body } = instruction;
      const inner = controls.reduce((sum, control) => sum | (1 << control), 0);
      const values = controls.reduce((sum, control, i) => sum | (controlState[i]! << control), 0);
      apply(body, state, angleOf, mask | inner, wanted | values);
      return;
    }
    case 'barrier':
      return;
    default:
      throw new Error(`Not unitary: ${instruction.kind}`);
  }
}

const spread = (local: number, qubits: readonly number[]) =>
  qubits.reduce((sum, qubit, i) => sum | (((local >> i) & 1) << qubit), 0);

function applyMatrix(
  matrix: Float64Array,
  qubits: readonly number[],
  { real, imaginary }: PlainState,
  mask: number,
  wanted: number,
): void {
  const size = 2 ** qubits.length;
  const offsets = Array.from({ length: size }, (_, local) => spread(local, qubits));
  const taken = spread(size - 1, qubits);
  for (let base = 0; base < real.length; base++) {
    if ((base & taken) !== 0 || (base & mask) !== wanted) continue;
    const x = offsets.map((offset) => real[base | offset]!);
    const y = offsets.map((offset) => imaginary[base | offset]!);
    for (let row = 0; row < size; row++) {
      let [re, im] = [0, 0];
      for (let column = 0; column < size; column++) {
        const a = matrix[2 * (row * size + column)]!;
        const b = matrix[2 * (row * size + column) + 1]!;
        re += a * x[column]! - b * y[column]!;
        im += a * y[column]! + b * x[column]!;
      }
      real[base | offsets[row]!] = re;
      imaginary[base | offsets[row]!] = im;
    }
  }
}

function applyDiagonal(
  phases: Float64Array,
  qubits: readonly number[],
  { real, imaginary }: PlainState,
  mask: number,
  wanted: number,
): void {
  for (let i = 0; i < real.length; i++) {
    if ((i & mask) !== wanted) continue;
    const angle = phases[qubits.reduce((sum, qubit, bit) => sum | (((i >> qubit) & 1) << bit), 0)]!;
    const [x, y] = [real[i]!, imaginary[i]!];
    real[i] = x * Math.cos(angle) - y * Math.sin(angle);
    imaginary[i] = x * Math.sin(angle) + y * Math.cos(angle);
  }
}

function applyPermutation(
  permutation: readonly number[],
  qubits: readonly number[],
  { real, imaginary }: PlainState,
): void {
  const [x, y] = [real.slice(), imaginary.slice()];
  const all = spread(-1, qubits);
  for (let i = 0; i < x.length; i++) {
    let to = i & ~all;
    permutation.forEach((target, from) => {
      to |= ((i >> qubits[from]!) & 1) << qubits[target]!;
    });
    real[to] = x[i]!;
    imaginary[to] = y[i]!;
  }
}

/** `cos(angle) - i sin(angle) P`. */
function applyEvolution(
  letters: string,
  angle: number,
  qubits: readonly number[],
  { real, imaginary }: PlainState,
): void {
  const [x, y] = [real.slice(), imaginary.slice()];
  for (let i = 0; i < x.length; i++) {
    // P|j> = phase |i>
    let j = i;
    let [re, im] = [1, 0];
    for (let q = 0; q < qubits.length; q++) {
      const bit = (i >> qubits[q]!) & 1;
      if (letters[q] === 'X' || letters[q] === 'Y') j ^= 1 << qubits[q]!;
      if (letters[q] === 'Y') [re, im] = bit === 1 ? [-im, re] : [im, -re];
      if (letters[q] === 'Z' && bit === 1) [re, im] = [-re, -im];
    }
    const [px, py] = [x[j]! * re - y[j]! * im, x[j]! * im + y[j]! * re];
    real[i] = Math.cos(angle) * x[i]! + Math.sin(angle) * py;
    imaginary[i] = Math.cos(angle) * y[i]! - Math.sin(angle) * px;
  }
}
