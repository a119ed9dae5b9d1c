import type { GateName } from '../../circuit/gate-definition.ts';
import type {
  DiagonalInstruction,
  GateInstruction,
  Instruction,
  UnitaryInstruction,
  UnitaryKind,
} from '../../circuit/instruction.ts';
import type { ParameterExpression, ParameterValue } from '../../circuit/parameter.ts';
import { GATE_DEFINITIONS } from '../gate-definitions.ts';
import type { BitNames } from './bit-names.ts';
import type { ClassicalWriter } from './classical-writer.ts';
import { formatDigits, formatNumber, formatParameterExpression } from './format-angle.ts';
import type { NameTable } from './name-table.ts';
import { checkDiagonal, expandOther, simplifyUnitary } from './simplify.ts';

/** Modifiers in front of a gate, and the qubits that they add. */
interface Controls {
  readonly modifiers: string;
  readonly qubits: readonly number[];
}

const NO_CONTROLS: Controls = { modifiers: '', qubits: [] };

/** Gates under names that `stdgates.inc` has for something else or not at all. */
const RENAMED: Readonly<Partial<Record<GateName, GateName>>> = { u1: 'p', u3: 'u', cu1: 'cp' };

/** Writes unitary instructions of OpenQASM 3, and collects the definitions that they need. */
export class UnitaryWriter {
  /** Gates of circuits that need a definition. */
  readonly usedGates = new Set<string>();
  readonly definitions: string[] = [];
  /** Words of matrices and diagonals by their content. */
  readonly #defined = new Map<string, string>();
  readonly #qubits: { nameOf(qubit: number): string };
  readonly #classical: ClassicalWriter;
  readonly #names: NameTable;
  readonly #parameters: ReadonlyMap<string, string>;

  constructor(
    qubits: BitNames,
    classical: ClassicalWriter,
    names: NameTable,
    parameters: ReadonlyMap<string, string>,
  ) {
    this.#qubits = qubits;
    this.#classical = classical;
    this.#names = names;
    this.#parameters = parameters;
  }

  /** The statements of an instruction. */
  write(instruction: UnitaryKind): string[] {
    return this.#write(instruction, NO_CONTROLS, this.#qubits);
  }

  #write(instruction: Instruction, controls: Controls, qubits: { nameOf(qubit: number): string }): string[] {
    switch (instruction.kind) {
      case 'gate':
        return [this.#gate(instruction, controls, qubits)];
      case 'controlled':
        return this.#write(instruction.body, addControls(controls, instruction), qubits);
      case 'unitary':
      case 'diagonal': {
        const name = this.#define(instruction);
        return [this.#statement(controls, name, [], instruction.qubits, qubits)];
      }
      default:
        return expandOther(instruction).flatMap((step) => this.#write(step, controls, qubits));
    }
  }

  #gate(
    { name, qubits, parameters }: GateInstruction,
    controls: Controls,
    names: { nameOf(qubit: number): string },
  ): string {
    if (name === 'global_phase') return this.#statement(controls, 'gphase', parameters, [], names);
    if (name === 'mcx' || name === 'mcp') {
      const own = qubits.length - 1;
      const all = {
        modifiers: `${controls.modifiers}ctrl(${own}) @ `,
        qubits: [...controls.qubits, ...qubits.slice(0, own)],
      };
      return this.#statement(all, name === 'mcx' ? 'x' : 'p', parameters, qubits.slice(own), names);
    }
    // u2 of stdgates.inc has another phase.
    const angles = name === 'u2' ? [Math.PI / 2, ...parameters] : parameters;
    const word = name === 'u2' ? 'u' : (RENAMED[name] ?? name);
    if (Object.hasOwn(GATE_DEFINITIONS[3], word)) this.usedGates.add(word);
    return this.#statement(controls, word, angles, qubits, names);
  }

  #statement(
    controls: Controls,
    name: string,
    angles: readonly ParameterValue[],
    qubits: readonly number[],
    names: { nameOf(qubit: number): string },
  ): string {
    const values = angles.length === 0 ? '' : `(${angles.map((angle) => this.#angle(angle)).join(', ')})`;
    const operands = [...controls.qubits, ...qubits].map((qubit) => names.nameOf(qubit)).join(', ');
    return `${controls.modifiers}${name}${values}${operands === '' ? '' : ` ${operands}`};`;
  }

  #angle(angle: ParameterValue): string {
    if (typeof angle === 'number') return formatNumber(angle);
    return formatParameterExpression(angle, (name) => this.#wordOf(name, angle));
  }

  /** The program's word for a parameter, or for the value of a variable as a real number. */
  #wordOf(name: string, expression: ParameterExpression): string {
    const variable = this.#classical.variable(name);
    if (variable === null) return this.#parameters.get(name) ?? name;
    const { word, type } = variable;
    if (type.kind === 'float' || expression.text === name) return word;
    if (type.kind === 'int' || type.kind === 'uint' || type.kind === 'bool') return `float[64](${word})`;
    const steps = `float[64](uint[${type.size}](${type.kind === 'bit' ? word : `bit[${type.size}](${word})`}))`;
    // The language has no cast from angles to real numbers, but one from their bits.
    return type.kind === 'bit' ? steps : `(pi*${steps}/${formatDigits(2 ** (type.size - 1))})`;
  }

  /** The word of a matrix or a diagonal, which is defined when it is first seen. */
  #define(instruction: UnitaryInstruction | DiagonalInstruction): string {
    const { kind, qubits } = instruction;
    if (kind === 'diagonal') checkDiagonal(qubits);
    const numbers = kind === 'unitary' ? instruction.matrix : instruction.phases;
    const label = kind === 'unitary' ? (instruction.label ?? kind) : kind;
    const key = `${kind} ${label} ${qubits.length} ${numbers.join()}`;
    const known = this.#defined.get(key);
    if (known !== undefined) return known;
    const name = this.#names.choose(label);
    this.#defined.set(key, name);
    const places = qubits.map((_, index) => index);
    const placed = { ...instruction, qubits: places };
    const parts = { nameOf: (qubit: number) => `q${qubit}` };
    const steps = placed.kind === 'unitary' ? simplifyUnitary(placed) : [placed];
    const lines = steps.flatMap((step) =>
      step.kind === 'diagonal' ? this.#diagonal(step, parts) : this.#write(step, NO_CONTROLS, parts),
    );
    const operands = places.map((qubit) => parts.nameOf(qubit)).join(', ');
    this.definitions.push(`gate ${name} ${operands} { ${lines.join(' ')} }`);
    return name;
  }

  /** One phase for each basis state that has one. */
  #diagonal({ qubits, phases }: DiagonalInstruction, names: { nameOf(qubit: number): string }): string[] {
    return [...phases].flatMap((phase, index) => {
      if (phase === 0) return [];
      const controlState = qubits.map((_, bit) => ((index >> bit) & 1) as 0 | 1);
      const controls = addControls(NO_CONTROLS, { controls: qubits, controlState });
      return [this.#statement(controls, 'gphase', [phase], [], names)];
    });
  }
}

function addControls(
  outer: Controls,
  {
    controls,
    controlState,
  }: { readonly controls: readonly number[]; readonly controlState: readonly (0 | 1)[] },
): Controls {
  let { modifiers } = outer;
  for (let i = 0; i < controls.length; ) {
    let end = i + 1;
    while (end < controls.length && controlState[end] === controlState[i]) end++;
    const count = end - i > 1 ? `(${end - i})` : '';
    modifiers += `${controlState[i] === 1 ? 'ctrl' : 'negctrl'}${count} @ `;
    i = end;
  }
  return { modifiers, qubits: [...outer.qubits, ...controls] };
}
