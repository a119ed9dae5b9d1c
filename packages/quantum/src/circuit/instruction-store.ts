import { BudgetExceededError } from '@qedge/core';
import { GATE_NAMES, type GateName } from './gate-definition.ts';
import type { Instruction } from './instruction.ts';
import type { ParameterExpression, ParameterValue } from './parameter.ts';

/** Opcodes below this are positions in `GATE_NAMES`. */
const MEASURE = 250;
const RESET = 251;
const BARRIER = 252;
/** The instruction is kept as an object. */
const ATTACHED = 255;

const GATE_OPCODES: ReadonlyMap<string, number> = new Map(GATE_NAMES.map((name, code) => [name, code]));

type NumberArray = Uint8Array | Uint32Array | Float64Array;

/** Instructions, operands or angles of one circuit: more would take gigabytes. */
const MOST_ENTRIES = 2 ** 28;

function checkRoom(length: number): void {
  if (length <= MOST_ENTRIES) return;
  throw new BudgetExceededError('The circuit is too long', {
    expected: `at most ${MOST_ENTRIES} instructions, operands and angles each`,
    actual: length,
    remedy: 'Put what repeats into a loop',
  });
}

/** The same numbers in an array of at least `length`, at least twice as long as before where it must grow. */
function withRoom<Values extends NumberArray>(values: Values, length: number): Values {
  if (length <= values.length) return values;
  checkRoom(length);
  const Type = values.constructor as new (length: number) => Values;
  const grown = new Type(Math.max(length, 2 * values.length));
  grown.set(values as never);
  return grown;
}

/**
 * Instructions in order of time, gates in about 25 bytes: an opcode, qubits, angles. Measurements keep their classical bit behind
 * the qubit. Instructions with matrices, tables or circuits are kept as they are.
 */
export class InstructionStore {
  #count = 0;
  #opcodes = new Uint8Array(17);
  /** Where the operands of each instruction begin; those of `i` end where those of `i + 1` begin. */
  #operandStarts = new Uint32Array(17);
  #operands = new Uint32Array(32);
  #angleStarts = new Uint32Array(17);
  /** NaN where the angle is an expression. */
  #angles = new Float64Array(16);
  readonly #expressions = new Map<number, ParameterExpression>();
  readonly #attached = new Map<number, Instruction>();

  get count(): number {
    return this.#count;
  }

  /** Instructions that are kept as objects, in order. */
  get attached(): Iterable<Instruction> {
    return this.#attached.values();
  }

  /** Bytes that the arrays take. */
  get byteLength(): number {
    const arrays = [...[this.#opcodes, this.#operandStarts, this.#operands, this.#angleStarts, this.#angles]];
    return arrays.reduce((bytes, array) => bytes + array.byteLength, 0);
  }

  /** Appends a gate that was checked. */
  pushGate(name: GateName, qubits: readonly number[], angles: readonly ParameterValue[]): void {
    this.#push(GATE_OPCODES.get(name)!, qubits, angles);
  }

  /** Appends an instruction that was checked. */
  push(instruction: Instruction): void {
    switch (instruction.kind) {
      case 'gate':
        this.pushGate(instruction.name, instruction.qubits, instruction.parameters);
        break;
      case 'measure':
        this.#push(MEASURE, [instruction.qubits[0], instruction.clbit], []);
        break;
      case 'reset':
        this.#push(RESET, instruction.qubits, []);
        break;
      case 'barrier':
        this.#push(BARRIER, instruction.qubits, []);
        break;
      default:
        this.#attached.set(this.#count, instruction);
        this.#push(ATTACHED, instruction.qubits, []);
    }
  }

  #push(opcode: number, operands: readonly number[], angles: readonly ParameterValue[]): void {
    const at = this.#count;
    const [firstOperand, firstAngle] = [this.#operandStarts[at]!, this.#angleStarts[at]!];
    const [operandEnd, angleEnd] = [firstOperand + operands.length, firstAngle + angles.length];
    if (at + 2 > this.#operandStarts.length) {
      this.#opcodes = withRoom(this.#opcodes, at + 2);
      this.#operandStarts = withRoom(this.#operandStarts, at + 2);
      this.#angleStarts = withRoom(this.#angleStarts, at + 2);
    }
    if (operandEnd > this.#operands.length) this.#operands = withRoom(this.#operands, operandEnd);
    if (angleEnd > this.#angles.length) this.#angles = withRoom(this.#angles, angleEnd);
    this.#opcodes[at] = opcode;
    for (let i = 0; i < operands.length; i++) this.#operands[firstOperand + i] = operands[i]!;
    for (let i = 0; i < angles.length; i++) {
      const angle = angles[i]!;
      if (typeof angle === 'number') this.#angles[firstAngle + i] = angle;
      else {
        this.#angles[firstAngle + i] = Number.NaN;
        this.#expressions.set(firstAngle + i, angle);
      }
    }
    this.#operandStarts[at + 1] = operandEnd;
    this.#angleStarts[at + 1] = angleEnd;
    this.#count = at + 1;
  }

  /** The instruction at a place, as an object. */
  read(index: number): Instruction {
    const opcode = this.#opcodes[index]!;
    if (opcode === ATTACHED) return this.#attached.get(index)!;
    const qubits: number[] = [];
    for (let i = this.#operandStarts[index]!; i < this.#operandStarts[index + 1]!; i++) {
      qubits.push(this.#operands[i]!);
    }
    switch (opcode) {
      case MEASURE:
        return { kind: 'measure', qubits: [qubits[0]!], clbit: qubits[1]! };
      case RESET:
        return { kind: 'reset', qubits: [qubits[0]!] };
      case BARRIER:
        return { kind: 'barrier', qubits };
    }
    const parameters: ParameterValue[] = [];
    for (let i = this.#angleStarts[index]!; i < this.#angleStarts[index + 1]!; i++) {
      const angle = this.#angles[i]!;
      parameters.push(Number.isNaN(angle) ? this.#expressions.get(i)! : angle);
    }
    return { kind: 'gate', name: GATE_NAMES[opcode]!, qubits, parameters };
  }

  /** The name of an instruction without making an object. */
  nameAt(index: number): string {
    const opcode = this.#opcodes[index]!;
    switch (opcode) {
      case MEASURE:
        return 'measure';
      case RESET:
        return 'reset';
      case BARRIER:
        return 'barrier';
      case ATTACHED:
        return this.#attached.get(index)!.kind;
      default:
        return GATE_NAMES[opcode]!;
    }
  }

  /** @throws BudgetExceededError when so many copies in a row are too long. */
  checkRepeated(times: number): void {
    const [operands, angles] = [this.#operandStarts[this.#count]!, this.#angleStarts[this.#count]!];
    checkRoom(Math.max(this.#count, operands, angles) * times);
  }

  /** Appends everything of another store. */
  append(other: InstructionStore): void {
    const [operandOffset, angleOffset, offset] = [
      ...[this.#operandStarts[this.#count]!, this.#angleStarts[this.#count]!, this.#count],
    ];
    const count = offset + other.#count;
    this.#opcodes = withRoom(this.#opcodes, count + 1);
    this.#operandStarts = withRoom(this.#operandStarts, count + 1);
    this.#angleStarts = withRoom(this.#angleStarts, count + 1);
    const operandCount = other.#operandStarts[other.#count]!;
    const angleCount = other.#angleStarts[other.#count]!;
    this.#operands = withRoom(this.#operands, operandOffset + operandCount);
    this.#angles = withRoom(this.#angles, angleOffset + angleCount);
    this.#opcodes.set(other.#opcodes.subarray(0, other.#count), offset);
    this.#operands.set(other.#operands.subarray(0, operandCount), operandOffset);
    this.#angles.set(other.#angles.subarray(0, angleCount), angleOffset);
    for (let i = 1; i <= other.#count; i++) {
      this.#operandStarts[offset + i] = operandOffset + other.#operandStarts[i]!;
      this.#angleStarts[offset + i] = angleOffset + other.#angleStarts[i]!;
    }
    for (const [index, expression] of [...other.#expressions]) {
      this.#expressions.set(angleOffset + index, expression);
    }
    for (const [index, instruction] of [...other.#attached]) this.#attached.set(offset + index, instruction);
    this.#count = count;
  }

  /** Replaces expressions and attached instructions in place. */
  rewrite(
    ofExpression: (expression: ParameterExpression) => ParameterValue,
    ofAttached: (instruction: Instruction) => Instruction,
  ): void {
    for (const [index, expression] of [...this.#expressions]) {
      const value = ofExpression(expression);
      if (typeof value === 'number') {
        this.#angles[index] = value;
        this.#expressions.delete(index);
      } else this.#expressions.set(index, value);
    }
    for (const [index, instruction] of [...this.#attached])
      this.#attached.set(index, ofAttached(instruction));
  }

  /** True for the same instructions; `sameAttached` compares those that are kept as objects. */
  equals(other: InstructionStore, sameAttached: (a: Instruction, b: Instruction) => boolean): boolean {
    if (this.#count !== other.#count) return false;
    const sameNumbers = (a: NumberArray, b: NumberArray, length: number) => {
      for (let i = 0; i < length; i++) if (!Object.is(a[i], b[i])) return false;
      return true;
    };
    const flat =
      sameNumbers(this.#opcodes, other.#opcodes, this.#count) &&
      sameNumbers(this.#operandStarts, other.#operandStarts, this.#count + 1) &&
      sameNumbers(this.#operands, other.#operands, this.#operandStarts[this.#count]!) &&
      sameNumbers(this.#angles, other.#angles, this.#angleStarts[this.#count]!);
    if (!flat) return false;
    for (const [index, expression] of this.#expressions) {
      if (!expression.equals(other.#expressions.get(index)!)) return false;
    }
    for (const [index, instruction] of this.#attached) {
      if (!sameAttached(instruction, other.#attached.get(index)!)) return false;
    }
    return true;
  }
}
