import { UnsupportedError } from '@qedge/core';
import { expressionsOf, visitExpression } from '../circuit/check-control-flow.ts';
import type { Circuit } from '../circuit/circuit.ts';
import { gateDefinition } from '../circuit/gate-definition.ts';
import {
  bodiesOf,
  type ControlFlowInstruction,
  type Instruction,
  isControlFlow,
  type UnitaryKind,
} from '../circuit/instruction.ts';
import { addAngles, type ParameterValue } from '../circuit/parameter.ts';
import { formatAngle, formatClassical, formatClbit, gateLabel, shorten } from './drawing-label.ts';
import type { CircuitLayout, Column, DrawnBox, DrawnElement, Mark, Wire } from './drawn-element.ts';

/** Wires times columns: a drawing takes some hundred bytes for each. */
const MOST_CELLS = 10_000_000;

/**
 * Arranges a circuit in columns, each instruction as far left as its wires allow.
 *
 * @throws UnsupportedError for a circuit that is too large to be drawn.
 */
export function arrangeCircuit(circuit: Circuit): CircuitLayout {
  checkCells(circuit.qubitCount, 1);
  return new Arrangement(circuit).run();
}

function checkCells(wires: number, columns: number): void {
  if (wires * columns <= MOST_CELLS) return;
  throw new UnsupportedError('The circuit is too large to be drawn', {
    expected: `wires times columns of at most ${MOST_CELLS}`,
    actual: `${wires} wires, ${columns} columns or more`,
    remedy: 'Draw a part of it',
  });
}

/** A unitary instruction taken apart for drawing. */
interface Shape {
  readonly controls: readonly { readonly qubit: number; readonly open: boolean }[];
  readonly targets: readonly number[];
  readonly style: 'box' | 'swap' | 'dots';
  readonly label: string;
}

class Arrangement {
  readonly #circuit: Circuit;
  readonly #wires: Wire[] = [];
  /** The wire of each classical bit. */
  readonly #wireOfClbit: number[] = [];
  readonly #columns: Column[] = [];
  readonly #next: Int32Array;
  #phase: ParameterValue = 0;
  #blocks = 0;

  constructor(circuit: Circuit) {
    this.#circuit = circuit;
    for (let qubit = 0; qubit < circuit.qubitCount; qubit++) {
      this.#wires.push({ kind: 'qubit', label: qubitLabel(qubit, circuit) });
    }
    this.#addClassicalWires();
    this.#next = new Int32Array(this.#wires.length);
  }

  #addClassicalWires(): void {
    const { classicalRegisters, clbitCount } = this.#circuit;
    const wireOf = new Map<string, number>();
    for (let clbit = 0; clbit < clbitCount; clbit++) {
      const register = classicalRegisters.find(({ start, size }) => clbit >= start && clbit < start + size);
      const key = register ? `r${register.name}` : 'c';
      if (!wireOf.has(key)) {
        const loose = clbitCount - classicalRegisters.reduce((sum, { size }) => sum + size, 0);
        const [name, size] = register ? [register.name, register.size] : ['c', Math.max(1, loose)];
        wireOf.set(key, this.#wires.length);
        this.#wires.push({ kind: 'classical', label: `${name}: ${size}/` });
      }
      this.#wireOfClbit.push(wireOf.get(key)!);
    }
  }

  run(): CircuitLayout {
    const all = Array.from({ length: this.#circuit.qubitCount }, (_, qubit) => qubit);
    this.#circuit.forEach((instruction) => {
      if (instruction.kind === 'gate' && instruction.name === 'global_phase') {
        this.#phase = addAngles(this.#phase, instruction.parameters[0]!);
      } else this.#arrange(instruction, all);
    });
    const heading = this.#phase === 0 ? '' : `global phase: ${shorten(formatAngle(this.#phase))}`;
    return { wires: this.#wires, columns: this.#columns, heading };
  }

  /** @param around the qubits of the block that the instruction stands in. */
  #arrange(instruction: Instruction, around: readonly number[]): void {
    if (isControlFlow(instruction)) {
      this.#arrangeBlock(instruction, around);
      return;
    }
    switch (instruction.kind) {
      case 'measure':
        this.#arrangeMeasure(instruction.qubits[0], instruction.clbit);
        break;
      case 'barrier':
        this.#place(barrierElement(instruction.qubits));
        break;
      case 'reset':
        this.#place(boxElement('|0⟩', instruction.qubits));
        break;
      case 'delay': {
        const label = shorten(`Delay(${instruction.duration} ${instruction.unit})`);
        for (const qubit of instruction.qubits) this.#place(boxElement(label, [qubit]));
        break;
      }
      case 'initialize':
        this.#place(boxElement('|ψ⟩', instruction.qubits));
        break;
      case 'assign': {
        const { target, value } = instruction;
        const text = `${formatClassical(target, this.#circuit)} = ${formatClassical(value, this.#circuit)}`;
        this.#placeFlow(text, around, this.#classicalWires([target, value]));
        break;
      }
      case 'break':
      case 'continue':
        this.#placeFlow(instruction.kind, around, []);
        break;
      default:
        this.#arrangeUnitary(instruction, around);
    }
  }

  #arrangeUnitary(instruction: UnitaryKind, around: readonly number[]): void {
    const shape = shapeOf(instruction);
    if (shape.targets.length + shape.controls.length === 0) this.#placeFlow(shape.label, around, []);
    else this.#place(unitaryElement(shape));
  }

  #arrangeMeasure(qubit: number, clbit: number): void {
    const wire = this.#wireOfClbit[clbit]!;
    const name = formatClbit(clbit, this.#circuit);
    const label = /\[(\d+)\]$/.exec(name)?.[1] ?? name.slice(1);
    this.#place({
      first: qubit,
      last: wire,
      box: { kind: 'measure', first: qubit, last: qubit, label: 'M', operands: new Map() },
      marks: new Map([[wire, { kind: 'bit', label }]]),
      link: null,
      doubleLink: [qubit, wire],
    });
  }

  #arrangeBlock(instruction: ControlFlowInstruction, around: readonly number[]): void {
    const number = this.#blocks++;
    const qubits = instruction.qubits.length > 0 ? instruction.qubits : around;
    const read = this.#classicalWires(expressionsOf(instruction));
    const bodies = bodiesOf(instruction);
    blockLabels(instruction, this.#circuit).forEach((label, index) => {
      this.#placeFlow(`${label} #${number}`, qubits, index === 0 ? read : []);
      bodies[index]!.forEach((inner) => {
        this.#arrange(inner, qubits);
      });
    });
    this.#placeFlow(`end #${number}`, qubits, []);
  }

  /** A box of control flow across qubits, with a double line to the classical wires that it reads. */
  #placeFlow(text: string, qubits: readonly number[], classical: readonly number[]): void {
    const wires = qubits.length > 0 ? qubits : classical.slice(0, 1);
    if (wires.length === 0) return;
    const [first, last] = spanOf(wires);
    const below = classical.filter((wire) => wire > last);
    const end = below.at(-1) ?? last;
    this.#place({
      first,
      last: end,
      box: { kind: 'flow', first, last, label: shorten(text), operands: new Map() },
      marks: new Map(below.map((wire): [number, Mark] => [wire, { kind: 'bit', label: '' }])),
      link: null,
      doubleLink: end > last ? [last, end] : null,
    });
  }

  #classicalWires(expressions: readonly Parameters<typeof visitExpression>[0][]): number[] {
    const wires = new Set<number>();
    for (const expression of expressions) {
      visitExpression(expression, (part) => {
        if (part.kind === 'bit') wires.add(this.#wireOfClbit[part.clbit]!);
        if (part.kind === 'bits') for (const clbit of part.clbits) wires.add(this.#wireOfClbit[clbit]!);
      });
    }
    return [...wires].sort((a, b) => a - b);
  }

  #place(element: DrawnElement): void {
    if (!(element.first <= element.last)) return;
    let column = 0;
    for (let wire = element.first; wire <= element.last; wire++) column = Math.max(column, this.#next[wire]!);
    checkCells(this.#wires.length, column + 1);
    while (this.#columns.length <= column) this.#columns.push([]);
    this.#columns[column]!.push(element);
    for (let wire = element.first; wire <= element.last; wire++) this.#next[wire] = column + 1;
  }
}

function qubitLabel(qubit: number, { quantumRegisters }: Circuit): string {
  const register = quantumRegisters.find(({ start, size }) => qubit >= start && qubit < start + size);
  return register ? `${register.name}_${qubit - register.start}: ` : `q${qubit}: `;
}

/** The heading of each body of a block. */
function blockLabels(instruction: ControlFlowInstruction, circuit: Circuit): string[] {
  switch (instruction.kind) {
    case 'if': {
      const label = `if ${formatClassical(instruction.condition, circuit)}`;
      return instruction.otherwise ? [label, 'else'] : [label];
    }
    case 'while':
      return [`while ${formatClassical(instruction.condition, circuit)}`];
    case 'for': {
      const { values, variable } = instruction;
      const format = (expression: Parameters<typeof visitExpression>[0]) =>
        formatClassical(expression, circuit);
      const items =
        'start' in values
          ? `[${format(values.start)}:${format(values.step)}:${format(values.stop)}]`
          : `{${values.map(format).join(', ')}}`;
      return [`for ${variable?.name ?? '_'} in ${items}`];
    }
    case 'switch': {
      const subject = formatClassical(instruction.subject, circuit);
      return instruction.cases.map(([labels], index) => {
        const text = labels === 'default' ? 'default' : `case ${labels.join(', ')}`;
        return index === 0 ? `switch ${subject} ${text}` : text;
      });
    }
  }
}

function shapeOf(instruction: UnitaryKind): Shape {
  const { qubits } = instruction;
  const whole = (label: string): Shape => ({
    controls: [],
    targets: qubits,
    style: 'box',
    label: shorten(label),
  });
  switch (instruction.kind) {
    case 'gate': {
      const { name, parameters } = instruction;
      const { qubitCount, controlCount } = gateDefinition(name);
      const own = qubits.length - (qubitCount - controlCount);
      const isSwap = name === 'swap' || name === 'cswap';
      const isDots = name === 'cz' || name === 'ccz';
      return {
        controls: qubits.slice(0, own).map((qubit) => ({ qubit, open: false })),
        targets: qubits.slice(own),
        style: isSwap ? 'swap' : isDots ? 'dots' : 'box',
        label: gateLabel(name, parameters),
      };
    }
    case 'unitary':
      return whole(instruction.label ?? 'Unitary');
    case 'diagonal':
      return whole('Diagonal');
    case 'permutation':
      return whole(`Permute ${instruction.permutation.join(' ')}`);
    case 'pauli-evolution': {
      const sum = instruction.terms.map(([string, coefficient]) => `${formatAngle(coefficient)} ${string}`);
      return whole(`exp(-i ${formatAngle(instruction.time)} (${sum.join(' + ')}))`);
    }
    case 'controlled': {
      const { controls, controlState, body } = instruction;
      const inner = shapeOf(body);
      const outer = controls.map((qubit, index) => ({ qubit, open: controlState[index] === 0 }));
      return { ...inner, controls: [...outer, ...inner.controls] };
    }
  }
}

function unitaryElement({ controls, targets, style, label }: Shape): DrawnElement {
  const wires = [...controls.map(({ qubit }) => qubit), ...targets];
  const [first, last] = spanOf(wires);
  const marks = new Map<number, Mark>();
  for (const { qubit, open } of controls) marks.set(qubit, { kind: 'control', open });
  if (style === 'swap') for (const qubit of targets) marks.set(qubit, { kind: 'swap' });
  if (style === 'dots') for (const qubit of targets) marks.set(qubit, { kind: 'control', open: false });
  const isBox = style === 'box' && targets.length > 0;
  if (style === 'box' && !isBox) {
    // A controlled global phase: nothing but its controls, in one box; their states where not all are 1.
    const bits = controls.map(({ open }) => (open ? '0' : '1')).toReversed();
    return boxElement(bits.includes('0') ? shorten(`${label} |${bits.join('')}⟩`) : label, wires);
  }
  return {
    first,
    last,
    box: isBox ? boxOf(label, targets) : null,
    marks,
    link: first < last ? [first, last] : null,
    doubleLink: null,
  };
}

function boxOf(label: string, targets: readonly number[]): DrawnBox {
  const [first, last] = spanOf(targets);
  return {
    kind: 'gate',
    first,
    last,
    label,
    operands: new Map(targets.length > 1 ? targets.map((wire, index) => [wire, String(index)]) : []),
  };
}

function boxElement(label: string, wires: readonly number[]): DrawnElement {
  const box = boxOf(label, wires);
  return { first: box.first, last: box.last, box, marks: new Map(), link: null, doubleLink: null };
}

function barrierElement(qubits: readonly number[]): DrawnElement {
  const [first, last] = spanOf(qubits);
  return {
    first,
    last,
    box: null,
    marks: new Map(qubits.map((qubit): [number, Mark] => [qubit, { kind: 'barrier' }])),
    link: null,
    doubleLink: null,
  };
}

/** The smallest and the largest; without spreading, since there may be a million. */
function spanOf(wires: readonly number[]): [number, number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const wire of wires) {
    first = Math.min(first, wire);
    last = Math.max(last, wire);
  }
  return [first, last];
}
