/** @file Runs any circuit once, straight from the meaning of its instructions: a reference for what control flow does. */
import type { Random } from '@qedge/core';
import type { Circuit } from '../src/circuit/circuit.ts';
import type { ClassicalExpression } from '../src/circuit/classical-expression.ts';
import { ClassicalMemory } from '../src/circuit/classical-memory.ts';
import { evaluateClassical, isTrue, numberOf } from '../src/circuit/evaluate-classical.ts';
import { expandInstruction } from '../src/circuit/expand-instruction.ts';
import { type ForInstruction, type Instruction, isUnitaryKind } from '../src/circuit/instruction.ts';
import { matrixOf } from '../src/circuit/instruction-matrix.ts';
import type { ParameterValue } from '../src/circuit/parameter.ts';

/** What is left when a circuit has run. */
export interface DynamicRun {
  /** `[2^n, 2]`, bit `q` of an index belonging to qubit `q`. */
  readonly amplitudes: Float64Array;
  readonly bits: readonly number[];
  readonly variables: Readonly<Record<string, string>>;
}

type Jump = 'break' | 'continue' | null;

class Machine {
  readonly amplitudes: Float64Array;
  readonly memory: ClassicalMemory;
  readonly #random: Random;
  readonly #parameters: Readonly<Record<string, number>>;
  #steps = 0;

  constructor(circuit: Circuit, random: Random, parameters: Readonly<Record<string, number>>) {
    this.amplitudes = new Float64Array(2 * 2 ** circuit.qubitCount);
    this.amplitudes[0] = 1;
    this.memory = new ClassicalMemory(circuit.clbitCount, circuit.variables);
    this.#random = random;
    this.#parameters = parameters;
  }

  run(circuit: Circuit): Jump {
    for (const instruction of circuit.instructions) {
      if (++this.#steps > 10_000) throw new Error('the circuit does not end');
      const jump = this.#step(instruction);
      if (jump !== null) return jump;
    }
    return null;
  }

  #step(instruction: Instruction): Jump {
    if (isUnitaryKind(instruction)) {
      const bound = bindAngles(instruction, (angle) => this.#angle(angle));
      this.#apply(matrixOf([bound], bound.qubits), bound.qubits);
      return null;
    }
    switch (instruction.kind) {
      case 'measure':
        this.memory.bits[instruction.clbit] = this.#measure(instruction.qubits[0]);
        return null;
      case 'reset':
        if (this.#measure(instruction.qubits[0]) === 1) {
          this.#apply(Float64Array.of(0, 0, 1, 0, 1, 0, 0, 0), instruction.qubits);
        }
        return null;
      case 'initialize':
        for (const step of expandInstruction(instruction)!) this.#step(step);
        return null;
      case 'assign':
        this.memory.assign(instruction.target, this.#evaluate(instruction.value));
        return null;
      case 'if':
        if (isTrue(this.#evaluate(instruction.condition))) return this.#body(instruction.then);
        return instruction.otherwise ? this.#body(instruction.otherwise) : null;
      case 'while':
        while (isTrue(this.#evaluate(instruction.condition))) {
          if (this.#body(instruction.body) === 'break') break;
        }
        return null;
      case 'for':
        this.#for(instruction);
        return null;
      case 'switch': {
        const value = Number(this.#evaluate(instruction.subject).value);
        const found = instruction.cases.find(([labels]) => labels === 'default' || labels.includes(value));
        return found ? this.#body(found[1]) : null;
      }
      case 'break':
      case 'continue':
        return instruction.kind;
      default:
        return null;
    }
  }

  #for({ variable, values, body }: ForInstruction): void {
    const items = 'start' in values ? this.#range(values) : values.map((value) => this.#evaluate(value));
    for (const item of items) {
      if (variable) {
        this.memory.declare({ ...variable, initial: { kind: 'literal', ...item } });
      }
      if (this.#body(body) === 'break') return;
    }
  }

  #range({ start, stop, step }: Exclude<ForInstruction['values'], readonly ClassicalExpression[]>) {
    const [from, to, by] = [start, stop, step].map((part) => this.#evaluate(part).value as bigint);
    const items = [];
    for (let at = from!; by! > 0n ? at <= to! : at >= to!; at += by!) {
      items.push({ type: { kind: 'int', size: 64 } as const, value: at });
    }
    return items;
  }

  #body(body: Circuit): Jump {
    for (const variable of body.variables) {
      if (!this.memory.variables.has(variable.name)) this.memory.declare(variable);
    }
    return this.run(body);
  }

  #evaluate(expression: ClassicalExpression) {
    return evaluateClassical(expression, this.memory);
  }

  #angle(angle: ParameterValue): number {
    if (typeof angle === 'number') return angle;
    const values: Record<string, number> = { ...this.#parameters };
    for (const [name, value] of this.memory.variables) values[name] = numberOf(value);
    return angle.evaluate(values);
  }

  #apply(matrix: Float64Array, qubits: readonly number[]): void {
    applyToColumn(this.amplitudes, matrix, qubits);
  }

  /** Measures and collapses. */
  #measure(qubit: number): number {
    let one = 0;
    const { amplitudes } = this;
    const weight = (i: number) => amplitudes[2 * i]! ** 2 + amplitudes[2 * i + 1]! ** 2;
    for (let i = 0; i < amplitudes.length / 2; i++) if ((i >> qubit) & 1) one += weight(i);
    // Certain outcomes take no random number, so that a run does not depend on rounding.
    const outcome = one < 1e-9 ? 0 : one > 1 - 1e-9 ? 1 : Number(this.#random.uniform() < one);
    const scale = 1 / Math.sqrt(outcome === 1 ? one : 1 - one);
    for (let i = 0; i < amplitudes.length / 2; i++) {
      const factor = ((i >> qubit) & 1) === outcome ? scale : 0;
      amplitudes[2 * i]! *= factor;
      amplitudes[2 * i + 1]! *= factor;
    }
    return outcome;
  }
}

function bindAngles<Unitary extends Instruction>(
  instruction: Unitary,
  bind: (angle: ParameterValue) => number,
): Unitary {
  if (instruction.kind === 'gate') return { ...instruction, parameters: instruction.parameters.map(bind) };
  if (instruction.kind === 'pauli-evolution') return { ...instruction, time: bind(instruction.time) };
  if (instruction.kind === 'controlled') return { ...instruction, body: bindAngles(instruction.body, bind) };
  return instruction;
}

/** Multiplies a vector by a matrix on some qubits. */
function applyToColumn(amplitudes: Float64Array, matrix: Float64Array, qubits: readonly number[]): void {
  const size = 2 ** qubits.length;
  const mask = qubits.reduce((bits, qubit) => bits | (1 << qubit), 0);
  for (let base = 0; base < amplitudes.length / 2; base++) {
    if (base & mask) continue;
    const places = Array.from({ length: size }, (_, index) =>
      qubits.reduce((place, qubit, bit) => place | (((index >> bit) & 1) << qubit), base),
    );
    const old = places.map((place) => [amplitudes[2 * place]!, amplitudes[2 * place + 1]!] as const);
    for (const [row, place] of places.entries()) {
      let [re, im] = [0, 0];
      for (const [column, [x, y]] of old.entries()) {
        const at = 2 * (row * size + column);
        re += matrix[at]! * x - matrix[at + 1]! * y;
        im += matrix[at]! * y + matrix[at + 1]! * x;
      }
      amplitudes[2 * place] = re;
      amplitudes[2 * place + 1] = im;
    }
  }
}

/** Runs a circuit once. Measurements draw from `random` in order, unless their outcome is certain. */
export function runDynamicCircuit(
  circuit: Circuit,
  random: Random,
  parameters: Readonly<Record<string, number>> = {},
): DynamicRun {
  const machine = new Machine(circuit, random, parameters);
  machine.run(circuit);
  const variables = Object.fromEntries(
    circuit.variables.map(({ name }) => [name, String(machine.memory.read(name).value)]),
  );
  return { amplitudes: machine.amplitudes, bits: [...machine.memory.bits], variables };
}

/** The largest difference of two vectors of numbers. */
export function largestDifference(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

/** The same up to a global phase: 0 for equal states. */
export function phaseFreeDifference(a: Float64Array, b: Float64Array): number {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  const norm = Math.hypot(re, im);
  if (norm === 0) return 1;
  const [c, s] = [re / norm, im / norm];
  const turned = new Float64Array(a.length);
  for (let i = 0; i < a.length; i += 2) {
    turned[i] = c * a[i]! - s * a[i + 1]!;
    turned[i + 1] = c * a[i + 1]! + s * a[i]!;
  }
  return largestDifference(turned, b);
}
