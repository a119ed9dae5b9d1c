import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Circuit } from '../../circuit/circuit.ts';
import type { ClassicalExpression } from '../../circuit/classical-expression.ts';
import type { GateInstruction, IfInstruction, Instruction } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { GATE_DEFINITIONS } from '../gate-definitions.ts';
import { BitNames } from './bit-names.ts';
import { formatNumber } from './format-angle.ts';
import { NameTable } from './name-table.ts';
import { checkDiagonal, expandOther, simplifyDiagonal, simplifyUnitary } from './simplify.ts';

/**
 * Writes a circuit as an OpenQASM 2.0 program. Gates outside of `qelib1.inc` come with a definition; matrices, diagonals and
 * other unitary instructions are decomposed. `parseOpenQasm2` reads the same gates back, angles to the last bit. Global phases,
 * which the language does not have and no measurement sees, become comments.
 *
 * @throws InvalidArgumentError for a circuit with free parameters or without qubits; UnsupportedError, naming it, for what the
 *   language lacks: control flow other than `if (register == integer)`, classical variables and assignments, delays.
 */
export function formatOpenQasm2(circuit: Circuit): string {
  if (circuit.qubitCount === 0) {
    throw new InvalidArgumentError('OpenQASM 2 has no empty registers', {
      expected: 'at least one qubit',
      actual: 0,
    });
  }
  if (circuit.variables.length > 0) refuse('classical variables', circuit.variables[0]!.name);
  const names = new NameTable(2);
  const qubits = new BitNames(circuit.qubitCount, circuit.quantumRegisters, 'q', names);
  const clbits = new BitNames(circuit.clbitCount, circuit.classicalRegisters, 'c', names);
  const writer = new Writer(qubits, clbits);
  const body: string[] = [];
  circuit.forEach((instruction) => {
    for (const line of writer.write(instruction)) body.push(line);
  });
  return `${[
    'OPENQASM 2.0;',
    'include "qelib1.inc";',
    ...[...writer.usedGates].sort().map((name) => GATE_DEFINITIONS[2][name]!),
    ...qubits.registers.map(({ name, size }) => `qreg ${name}[${size}];`),
    ...clbits.registers.map(({ name, size }) => `creg ${name}[${size}];`),
    ...body,
  ].join('\n')}\n`;
}

/** Gates under names that `qelib1.inc` has for them. */
const RENAMED: Readonly<Record<string, string>> = { rcccx: 'rc3x', c3sx: 'c3sqrtx' };
const CONTROLLED_X = ['x', 'cx', 'ccx', 'c3x', 'c4x'] as const;

function refuse(what: string, actual: string): never {
  throw new UnsupportedError(`OpenQASM 2 has no ${what}`, { actual, remedy: 'Write OpenQASM 3' });
}

class Writer {
  /** Gates that need a definition. */
  readonly usedGates = new Set<string>();
  readonly #qubits: BitNames;
  readonly #clbits: BitNames;

  constructor(qubits: BitNames, clbits: BitNames) {
    this.#qubits = qubits;
    this.#clbits = clbits;
  }

  write(instruction: Instruction): readonly string[] {
    switch (instruction.kind) {
      case 'gate':
        return this.#gate(instruction);
      case 'measure':
        return [
          `measure ${this.#operands(instruction.qubits)} -> ${this.#clbits.nameOf(instruction.clbit)};`,
        ];
      case 'reset':
        return [`reset ${this.#operands(instruction.qubits)};`];
      case 'barrier':
        return instruction.qubits.length === 0 ? [] : [`barrier ${this.#operands(instruction.qubits)};`];
      case 'unitary':
        return simplifyUnitary(instruction).flatMap((step) => this.write(step));
      case 'diagonal':
        return simplifyDiagonal(instruction).flatMap((step) => this.write(step));
      case 'permutation':
      case 'pauli-evolution':
      case 'controlled':
      case 'initialize':
        return expandOther(instruction).flatMap((step) => this.write(step));
      case 'if':
        return this.#if(instruction);
      default:
        return refuse(instruction.kind, instruction.kind);
    }
  }

  #gate({ name, qubits, parameters }: GateInstruction): readonly string[] {
    if (name === 'global_phase') return [`// global phase ${formatAngle(parameters[0]!)}`];
    if (name === 'mcx' || name === 'mcp') return this.#manyControls(name, qubits, parameters);
    const word = RENAMED[name] ?? name;
    if (Object.hasOwn(GATE_DEFINITIONS[2], word)) this.usedGates.add(word);
    const angles = parameters.map(formatAngle).join(',');
    return [`${word}${angles === '' ? '' : `(${angles})`} ${this.#operands(qubits)};`];
  }

  #manyControls(
    name: 'mcx' | 'mcp',
    qubits: readonly number[],
    parameters: readonly ParameterValue[],
  ): readonly string[] {
    if (name === 'mcp') {
      if (qubits.length === 2) return this.#gate({ kind: 'gate', name: 'cp', qubits, parameters });
      checkDiagonal(qubits);
      const phases = new Float64Array(2 ** qubits.length);
      phases[phases.length - 1] = boundAngle(parameters[0]!);
      return this.write({ kind: 'diagonal', qubits, phases });
    }
    const known = CONTROLLED_X[qubits.length - 1];
    if (known !== undefined) return this.#gate({ kind: 'gate', name: known, qubits, parameters: [] });
    const hadamard = this.#gate({ kind: 'gate', name: 'h', qubits: qubits.slice(-1), parameters: [] });
    return [...hadamard, ...this.#manyControls('mcp', qubits, [Math.PI]), ...hadamard];
  }

  /** `if (register == integer)` in front of every statement, none of which may change the register. */
  #if(instruction: IfInstruction): readonly string[] {
    if (instruction.otherwise !== undefined) refuse('else', 'if with else');
    const { register, value, clbits } = this.#condition(instruction.condition);
    const inner = instruction.then.instructions;
    const last = inner.length - 1;
    return inner.flatMap((step, index) => {
      if (step.kind === 'barrier') return this.write(step);
      if (step.kind === 'if') refuse('if within if', 'if');
      if (step.kind === 'measure' && clbits.includes(step.clbit) && index < last) {
        refuse('block of statements under one condition', 'a measurement that changes the condition');
      }
      const lines = this.write(step);
      return lines.map((line) => (line.startsWith('//') ? line : `if (${register} == ${value}) ${line}`));
    });
  }

  #condition(condition: ClassicalExpression) {
    const [left, right] =
      condition.kind === 'binary' && condition.operator === '=='
        ? [condition.left, condition.right]
        : [condition, null];
    const clbits = left.kind === 'bits' ? left.clbits : left.kind === 'bit' ? [left.clbit] : [];
    const register = clbits.length === 0 ? null : this.#clbits.registerOf(clbits);
    const value =
      right === null && clbits.length === 1 ? 1n : right?.kind === 'literal' ? BigInt(right.value) : -1n;
    if (register === null || value < 0n) {
      return refuse('conditions other than "register == integer"', condition.kind);
    }
    return { register: register.name, value, clbits };
  }

  #operands(qubits: readonly number[]): string {
    return qubits.map((qubit) => this.#qubits.nameOf(qubit)).join(',');
  }
}

function formatAngle(angle: ParameterValue): string {
  return formatNumber(boundAngle(angle));
}

function boundAngle(angle: ParameterValue): number {
  if (typeof angle === 'number') return angle;
  throw new InvalidArgumentError('OpenQASM 2 has no free parameters', {
    expected: 'a bound circuit',
    actual: angle.toString(),
    remedy: 'Bind the circuit first',
  });
}
