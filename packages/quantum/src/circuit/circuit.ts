import { InvalidArgumentError } from '@qedge/core';
import { checkAssign, checkControlFlow, checkExpression, checkNesting } from './check-control-flow.ts';
import {
  checkAngle,
  checkDistinctQubits,
  checkGateShape,
  checkPlainInstruction,
  recordOf,
} from './check-instruction.ts';
import { type CircuitData, decodeCircuit, encodeCircuit, encodeRecord } from './circuit-data.ts';
import { type InstructionFilter, measureDepth } from './circuit-depth.ts';
import { checkBinding, collectParameterNames } from './circuit-parameters.ts';
import {
  adoptVariables,
  appendControlled,
  appendInverse,
  appendPlaced,
  appendPower,
  checkComposition,
  checkControlCount,
} from './circuit-transform.ts';
import type { ClassicalTarget, ClassicalVariable, Register } from './classical-expression.ts';
import { checkCast, checkType } from './classical-type.ts';
import type { GateName } from './gate-definition.ts';
import { checkMatrixSize } from './gate-matrix.ts';
import { bodiesOf, type Instruction, isControlFlow, isUnitaryKind } from './instruction.ts';
import { InstructionBuilder } from './instruction-builder.ts';
import { matrixOf } from './instruction-matrix.ts';
import { InstructionStore } from './instruction-store.ts';
import type { ParameterBinding, ParameterValue } from './parameter.ts';
import { bindInstruction, copyExpression, type Place } from './place-instruction.ts';
import { checkCount, checkName, checkRegister, MAX_BITS } from './register.ts';

/**
 * A quantum circuit: instructions in order of time on `qubitCount` qubits, all |0> at the start, and `clbitCount` classical bits.
 *
 * Qubit 0 is the least significant bit of a basis state's index, as in Qiskit: `x(0)` on two qubits gives index 1, `|01>`.
 * Builder methods append and return the circuit; `compose`, `inverse`, `control`, `power`, `repeat` and `bind` return a new one.
 * Angles are radians and come before the qubits; controls come before targets.
 *
 * Gates take about 25 bytes each. A parameter expression may name a classical variable of the circuit: its value when the gate
 * is reached is the angle.
 *
 * @example
 * const bell = new Circuit(2).h(0).cx(0, 1);
 */
export class Circuit extends InstructionBuilder {
  #qubitCount: number;
  #clbitCount: number;
  readonly #store = new InstructionStore();
  /** Objects for the first instructions, made when they are asked for. */
  readonly #read: Instruction[] = [];
  readonly #quantumRegisters: Register[] = [];
  readonly #classicalRegisters: Register[] = [];
  readonly #variables: ClassicalVariable[] = [];
  /** Names in expressions, variables included. */
  readonly #names = new Set<string>();
  /** Names of registers and variables. */
  readonly #taken = new Set<string>();
  /** How many bodies stand inside one another. */
  #nesting = 0;

  /** @throws InvalidArgumentError unless both counts are integers in 0..2^24 - 1. */
  constructor(qubitCount = 0, clbitCount = 0) {
    super();
    for (const count of [qubitCount, clbitCount]) checkCount(count, 'A circuit has an impossible size');
    this.#qubitCount = qubitCount;
    this.#clbitCount = clbitCount;
  }

  /** Rebuilds a circuit from `toJSON`'s record. @throws InvalidArgumentError naming what does not fit. */
  static fromJSON(data: CircuitData): Circuit {
    return decodeCircuit(data, (qubitCount, clbitCount) => new Circuit(qubitCount, clbitCount));
  }

  /** A circuit as one of this class: it may come from another copy of this package. @throws InvalidArgumentError for what is none. */
  static #adopted(circuit: Circuit): Circuit {
    if (typeof circuit === 'object' && circuit !== null) {
      if (#store in circuit) return circuit;
      if (typeof (circuit as Circuit).toJSON === 'function') {
        return Circuit.fromJSON((circuit as Circuit).toJSON());
      }
    }
    throw new InvalidArgumentError('Not a circuit', { expected: 'a Circuit', actual: circuit });
  }

  get qubitCount(): number {
    return this.#qubitCount;
  }
  get clbitCount(): number {
    return this.#clbitCount;
  }
  /** How many instructions there are; those in bodies do not count. */
  get instructionCount(): number {
    return this.#store.count;
  }
  /** Names for runs of qubits; qubits without one are allowed. */
  get quantumRegisters(): readonly Register[] {
    return this.#quantumRegisters;
  }
  get classicalRegisters(): readonly Register[] {
    return this.#classicalRegisters;
  }
  /** Classical variables; those of a body begin anew each time the body is entered. */
  get variables(): readonly ClassicalVariable[] {
    return this.#variables;
  }

  /** The instructions in order of time as objects, made when first asked for; borrowed, not to be changed. */
  get instructions(): readonly Instruction[] {
    for (let i = this.#read.length; i < this.#store.count; i++) this.#read.push(this.#store.read(i));
    return this.#read;
  }

  /** Calls back for each instruction in order of time, without keeping the objects. */
  forEach(visit: (instruction: Instruction, index: number) => void): void {
    const known = this.#read.length;
    for (let i = 0; i < this.#store.count; i++) visit(i < known ? this.#read[i]! : this.#store.read(i), i);
  }

  /** The names of the free parameters, in order of first appearance, bodies included; classical variables are none. */
  get parameterNames(): readonly string[] {
    const own = new Set(this.#variables.map(({ name }) => name));
    return [...this.#names].filter((name) => !own.has(name));
  }

  /** Qubits plus classical bits. */
  get width(): number {
    return this.#qubitCount + this.#clbitCount;
  }

  /** Bytes that the instructions take, without matrices, tables, bodies and expressions. */
  get byteLength(): number {
    return this.#store.byteLength;
  }

  /** Adds qubits under a name. @returns the register. @throws InvalidArgumentError for a name that is taken. */
  addQuantumRegister(name: string, size: number): Register {
    const start = this.#qubitCount;
    checkRegister(this.#taken, { name, start, size }, MAX_BITS);
    this.#qubitCount += size;
    return this.nameQubits(name, start, size);
  }

  /** Adds classical bits under a name. @returns the register. */
  addClassicalRegister(name: string, size: number): Register {
    const start = this.#clbitCount;
    checkRegister(this.#taken, { name, start, size }, MAX_BITS);
    this.#clbitCount += size;
    return this.nameClbits(name, start, size);
  }

  /** Names qubits `start..start + size - 1`. @throws InvalidArgumentError for a name that is taken or qubits that are not there. */
  nameQubits(name: string, start: number, size: number): Register {
    const register = checkRegister(this.#taken, { name, start, size }, this.#qubitCount);
    this.#quantumRegisters.push(register);
    this.#taken.add(name);
    return register;
  }

  /** Names classical bits `start..start + size - 1`. @param isLocal true for bits that samples leave out. */
  nameClbits(name: string, start: number, size: number, isLocal = false): Register {
    const register = checkRegister(this.#taken, { name, start, size, isLocal }, this.#clbitCount);
    this.#classicalRegisters.push(register);
    this.#taken.add(name);
    return register;
  }

  /**
   * Declares a classical variable, initially 0 or false where nothing else is said.
   *
   * @returns an expression that reads it, and a target that writes it.
   */
  declare(variable: ClassicalVariable): Extract<ClassicalTarget, { kind: 'variable' }> {
    const { name, initial } = recordOf(variable, 'A variable');
    checkName(this.#taken, name);
    const type = checkType(variable.type);
    if (initial) checkCast(checkExpression(initial, this), type);
    this.#variables.push(initial ? { name, type, initial: copyExpression(initial) } : { name, type });
    this.#taken.add(name);
    return { kind: 'variable', name, type };
  }

  /**
   * Appends an instruction after checking it. Lists, expressions and bodies are copied.
   *
   * @throws InvalidArgumentError when it does not fit, or when more than 250 bodies stand inside one another.
   */
  append(instruction: Instruction): this {
    recordOf(instruction, 'An instruction');
    if (isControlFlow(instruction)) {
      const checked = checkControlFlow(instruction, this, (body) => Circuit.#adopted(body).clone());
      const nesting = bodiesOf(checked).reduce((most, body) => Math.max(most, body.#nesting + 1), 1);
      this.#nesting = Math.max(this.#nesting, checkNesting(nesting));
      return this.#push(checked);
    }
    switch (instruction.kind) {
      case 'assign':
        return this.#push(checkAssign(instruction, this));
      case 'break':
      case 'continue':
        return this.#push({ kind: instruction.kind, qubits: [] });
      default:
        return this.#push(checkPlainInstruction(instruction, this));
    }
  }

  /** Appends a gate by name. @throws InvalidArgumentError for an unknown name or operands that do not fit. */
  gate(
    name: GateName | (string & {}),
    qubits: readonly number[],
    parameters: readonly ParameterValue[] = [],
  ): this {
    const known = checkGateShape(name, qubits, parameters);
    checkDistinctQubits(name, qubits, this.#qubitCount);
    const angles = parameters.length === 0 ? parameters : parameters.map((angle) => checkAngle(name, angle));
    this.#store.pushGate(known, qubits, angles);
    for (const angle of angles) {
      if (typeof angle !== 'number') for (const free of angle.names) this.#names.add(free);
    }
    return this;
  }

  #push(checked: Instruction): this {
    this.#store.push(checked);
    collectParameterNames(checked, this.#names);
    return this;
  }

  /** Measures qubit `i` into classical bit `i` for every `i`, growing the classical bits to as many as there are qubits. */
  measureAll(): this {
    this.#clbitCount = Math.max(this.#clbitCount, this.#qubitCount);
    for (let qubit = 0; qubit < this.#qubitCount; qubit++) this.measure(qubit, qubit);
    return this;
  }

  /** A circuit of the same qubits, classical bits, registers and variables, without instructions: what bodies begin as. */
  emptyCopy(): Circuit {
    const copy = new Circuit(this.#qubitCount, this.#clbitCount);
    for (const register of this.#quantumRegisters) copy.#quantumRegisters.push(register);
    for (const register of this.#classicalRegisters) copy.#classicalRegisters.push(register);
    for (const variable of this.#variables) copy.#variables.push(variable);
    for (const name of this.#taken) copy.#taken.add(name);
    return copy;
  }

  /** A copy that can be appended to without changing this one. */
  clone(): Circuit {
    return this.emptyCopy().#extend(this);
  }

  #extend(other: Circuit): this {
    this.#store.append(other.#store);
    this.#nesting = Math.max(this.#nesting, other.#nesting);
    for (const name of other.#names) this.#names.add(name);
    return this;
  }

  /**
   * This circuit followed by another one, whose qubit `i` becomes `qubits[i]` (default `i`) and whose classical bit `i` becomes
   * `clbits[i]` (default `i`). Parameters of the same name are the same parameter, variables the same variable.
   *
   * @throws InvalidArgumentError when the other circuit does not fit, or uses a name for a parameter that is a variable here.
   */
  compose(other: Circuit, qubits?: readonly number[], clbits?: readonly number[]): Circuit {
    return this.clone().appendCircuit(other, qubits, clbits);
  }

  /** Appends another circuit to this one, as {@link compose} does to a copy: for many small ones, which a copy each would slow. */
  appendCircuit(other: Circuit, qubits?: readonly number[], clbits?: readonly number[]): this {
    const source = other === this ? this.clone() : Circuit.#adopted(other);
    checkComposition(this, source, qubits, clbits);
    if (qubits || clbits) {
      const placeClbit: Place = clbits ? (clbit) => clbits[clbit]! : (clbit) => clbit;
      adoptVariables(this, source, placeClbit);
      appendPlaced(this, source, qubits ? (qubit) => qubits[qubit]! : (qubit) => qubit, placeClbit);
      return this;
    }
    adoptVariables(this, source);
    return this.#extend(source);
  }

  /** The circuit that undoes this one. @throws InvalidArgumentError when it has anything but unitary instructions and barriers. */
  inverse(): Circuit {
    return appendInverse(this.emptyCopy(), this);
  }

  /**
   * The circuit that acts where `count` further qubits have the given states (default: all 1). They become qubits `0..count - 1`,
   * the others move up; registers are not kept.
   *
   * @throws InvalidArgumentError when the circuit has anything but unitary instructions and barriers, or for another number of
   *   states than of controls.
   */
  control(count = 1, state: readonly (0 | 1)[] = range(checkControlCount(count)).map(() => 1)): Circuit {
    const wide = new Circuit(this.#qubitCount + checkControlCount(count), this.#clbitCount);
    adoptVariables(wide, this);
    return appendControlled(wide, this, count, state);
  }

  /**
   * The circuit `exponent` times; its inverse for negative numbers. For a fraction the principal power: of a single instruction
   * where there is one, else of the matrix of the whole circuit.
   *
   * @throws InvalidArgumentError when the circuit is not unitary; UnsupportedError for a fraction with free parameters or more than
   *   8 qubits.
   */
  power(exponent: number): Circuit {
    if (Number.isInteger(exponent)) {
      return exponent < 0 ? this.inverse().repeat(-exponent) : this.repeat(exponent);
    }
    return appendPower(this.emptyCopy(), this, exponent);
  }

  /** The circuit so many times in a row. @throws InvalidArgumentError unless the count is an integer >= 0. */
  repeat(count: number): Circuit {
    checkCount(count, 'A number of repetitions is not usable');
    this.#store.checkRepeated(count);
    const repeated = this.emptyCopy();
    if (this.#store.count > 0) for (let i = 0; i < count; i++) repeated.#extend(this);
    return repeated;
  }

  /**
   * Replaces parameters by numbers. Parameters that are not mentioned stay free.
   *
   * @throws InvalidArgumentError for a name that the circuit does not have, a value that is not finite, or where an angle would not be.
   */
  bind(values: ParameterBinding): Circuit {
    checkBinding(values, this.parameterNames);
    return this.#bindKnown(values);
  }

  #bindKnown(values: ParameterBinding): Circuit {
    const free = new Set(this.parameterNames);
    const own = Object.fromEntries(Object.entries(values).filter(([name]) => free.has(name)));
    const bound = this.clone();
    for (const name of Object.keys(own)) bound.#names.delete(name);
    bound.#store.rewrite(
      (expression) => expression.substitute(own).value,
      (instruction) => bindInstruction(instruction, own, (body) => body.#bindKnown(own)),
    );
    return bound;
  }

  /**
   * The circuit's matrix `[2^n, 2^n, 2]`, row-major and interleaved; bit `q` of an index belongs to qubit `q`.
   *
   * @throws InvalidArgumentError when it is not unitary, has free parameters, or more than 12 qubits.
   */
  toMatrix(): Float64Array {
    checkMatrixSize(this.#qubitCount);
    return matrixOf(this.instructions, range(this.#qubitCount));
  }

  /** True for the same sizes, registers, variables and instructions, number for number. */
  equals(other: Circuit): boolean {
    const frame = (circuit: Circuit) => JSON.stringify(circuit.emptyCopy());
    const spell = (instruction: Instruction) => JSON.stringify(encodeRecord(instruction));
    const same = Circuit.#adopted(other);
    return frame(this) === frame(same) && this.#store.equals(same.#store, (a, b) => spell(a) === spell(b));
  }

  /**
   * The longest chain of instructions that must wait for one another through a qubit or a classical bit. Barriers make
   * instructions wait but do not count; neither do instructions that the filter refuses. A block of control flow counts as one.
   */
  depth(filter?: InstructionFilter): number {
    return measureDepth(this, filter);
  }

  /** The depth counting only unitary instructions on two or more qubits. */
  twoQubitDepth(): number {
    return this.depth((instruction) => isUnitaryKind(instruction) && instruction.qubits.length > 1);
  }

  /** How often each instruction occurs, by name, most frequent first; measure, reset and barrier included, bodies not. */
  gateCounts(): Record<string, number> {
    const counts = new Map<string, number>();
    for (let i = 0; i < this.#store.count; i++) {
      const name = this.#store.nameAt(i);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
  }

  /** The record that `Circuit.fromJSON` reads; `JSON.stringify` uses it. */
  toJSON(): CircuitData {
    return encodeCircuit(this);
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
