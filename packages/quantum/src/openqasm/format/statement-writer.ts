import type { Circuit } from '../../circuit/circuit.ts';
import type { ClassicalVariable } from '../../circuit/classical-expression.ts';
import { formatType } from '../../circuit/classical-type.ts';
import { type ForInstruction, type Instruction, isUnitaryKind } from '../../circuit/instruction.ts';
import type { BitNames } from './bit-names.ts';
import type { ClassicalWriter } from './classical-writer.ts';
import { formatDigits } from './format-angle.ts';
import { expandOther } from './simplify.ts';
import type { UnitaryWriter } from './unitary-writer.ts';

const INDENT = '  ';

/** Writes the statements of OpenQASM 3 programs. */
export class StatementWriter {
  readonly #unitaries: UnitaryWriter;
  readonly #classical: ClassicalWriter;
  readonly #qubits: BitNames;
  readonly #clbits: BitNames;

  constructor(unitaries: UnitaryWriter, classical: ClassicalWriter, qubits: BitNames, clbits: BitNames) {
    this.#unitaries = unitaries;
    this.#classical = classical;
    this.#qubits = qubits;
    this.#clbits = clbits;
  }

  /** `uint[8] count = 3;` for a variable whose word was chosen. */
  declaration({ name, type, initial }: ClassicalVariable): string {
    const { word } = this.#classical.variable(name)!;
    const value = initial === undefined ? '' : ` = ${this.#classical.expression(initial)}`;
    return `${formatType(type)} ${word}${value};`;
  }

  /** The instructions of a circuit, one a line. */
  body(circuit: Circuit, indent: string): string[] {
    const lines: string[] = [];
    circuit.forEach((instruction) => {
      for (const line of this.#instruction(instruction)) lines.push(indent + line);
    });
    return lines;
  }

  /** A body in braces; variables of its own are declared at its beginning. */
  #block(circuit: Circuit): string[] {
    const own = circuit.variables.filter(({ name }) => this.#classical.variable(name) === null);
    for (const { name, type } of own) this.#classical.declare(name, type);
    return [
      ...own.map((variable) => INDENT + this.declaration(variable)),
      ...this.body(circuit, INDENT),
      '}',
    ];
  }

  #instruction(instruction: Instruction): string[] {
    if (isUnitaryKind(instruction)) return this.#unitaries.write(instruction);
    const operands = () => instruction.qubits.map((qubit) => this.#qubits.nameOf(qubit)).join(', ');
    switch (instruction.kind) {
      case 'measure':
        return [`${this.#clbits.nameOf(instruction.clbit)} = measure ${operands()};`];
      case 'reset':
        return [`reset ${operands()};`];
      case 'barrier':
        // Without operands it would stand across all qubits.
        return instruction.qubits.length === 0 ? [] : [`barrier ${operands()};`];
      case 'delay':
        if (instruction.qubits.length === 0) return [];
        return [`delay[${formatDigits(instruction.duration)}${instruction.unit}] ${operands()};`];
      case 'initialize':
        return expandOther(instruction).flatMap((step) => this.#instruction(step));
      case 'break':
      case 'continue':
        return [`${instruction.kind};`];
      case 'assign': {
        const { target, value } = instruction;
        return [`${this.#classical.target(target)} = ${this.#classical.expression(value)};`];
      }
      default:
        return this.#controlFlow(instruction);
    }
  }

  #controlFlow(instruction: Extract<Instruction, { kind: 'if' | 'while' | 'for' | 'switch' }>): string[] {
    const classical = this.#classical;
    switch (instruction.kind) {
      case 'if': {
        const { condition, then, otherwise } = instruction;
        const lines = [`if (${classical.expression(condition)}) {`, ...this.#block(then)];
        if (otherwise === undefined) return lines;
        return [...lines.slice(0, -1), '} else {', ...this.#block(otherwise)];
      }
      case 'while':
        return [`while (${classical.expression(instruction.condition)}) {`, ...this.#block(instruction.body)];
      case 'for':
        return this.#for(instruction);
      case 'switch': {
        const cases = instruction.cases.flatMap(([labels, body]) => {
          const head = labels === 'default' ? 'default {' : `case ${labels.join(', ')} {`;
          return [head, ...this.#block(body)].map((line) => INDENT + line);
        });
        return [`switch (${classical.expression(instruction.subject)}) {`, ...cases, '}'];
      }
    }
  }

  #for({ variable, values, body }: ForInstruction): string[] {
    const classical = this.#classical;
    const type = variable?.type ?? ({ kind: 'int', size: 64 } as const);
    // Two loops may use one name; a body sees the variable that is chosen last.
    const word = classical.declare(variable?.name ?? 'round', type);
    const read = (value: Parameters<ClassicalWriter['expression']>[0]) => classical.expression(value);
    const list =
      'start' in values
        ? `[${read(values.start)}:${read(values.step)}:${read(values.stop)}]`
        : `{${values.map(read).join(', ')}}`;
    if (list === '{}') return [];
    return [`for ${formatType(type)} ${word} in ${list} {`, ...this.#block(body)];
  }
}
