import { InvalidArgumentError } from '@qedge/core';
import { gateDefinition } from './gate-definition.ts';
import { checkPlainInstruction } from './check-instruction.ts';
import { type Instruction, instructionName } from './instruction.ts';
import type { ParameterBinding, ParameterValue } from './parameter.ts';

/** A circuit as plain data, the form that goes through JSON. */
export interface CircuitData {
  readonly format: 'qedge-circuit';
  readonly version: 1;
  readonly qubitCount: number;
  readonly clbitCount: number;
  readonly instructions: readonly Instruction[];
}

/** Which instructions count towards a depth. */
export type InstructionFilter = (instruction: Instruction) => boolean;

/**
 * A quantum circuit: instructions in order of time on `qubitCount` qubits, all |0> at the start, and `clbitCount` classical bits.
 *
 * Qubit 0 is the least significant bit of a basis state's index, as in Qiskit: `x(0)` on two qubits gives index 1, `|01>`.
 * Builder methods append and return the circuit; `compose`, `inverse` and `bind` return a new one. Angles are radians and come
 * before the qubits; controls come before targets.
 *
 * @example
 * const bell = new Circuit(2).h(0).cx(0, 1);
 */
export class Circuit {
  readonly qubitCount: number;
  #clbitCount: number;
  readonly #instructions: Instruction[] = [];

  /** @throws InvalidArgumentError unless both counts are integers >= 0. */
  constructor(qubitCount: number, clbitCount = 0) {
    if (!isCount(qubitCount) || !isCount(clbitCount)) {
      throw new InvalidArgumentError('A circuit has an impossible size', {
        expected: 'integers >= 0',
        actual: [qubitCount, clbitCount],
      });
    }
    this.qubitCount = qubitCount;
    this.#clbitCount = clbitCount;
  }

  /** Rebuilds a circuit from `toJSON`'s record. @throws InvalidArgumentError naming what does not fit. */
  static fromJSON(data: CircuitData): Circuit {
    if (data?.format !== 'qedge-circuit' || data.version !== 1 || !Array.isArray(data.instructions)) {
      throw new InvalidArgumentError('Not a circuit', {
        expected: 'format "qedge-circuit", version 1',
        actual: JSON.stringify([data?.format, data?.version]),
      });
    }
    const circuit = new Circuit(data.qubitCount, data.clbitCount);
    for (const instruction of data.instructions) circuit.append(instruction);
    return circuit;
  }

  get clbitCount(): number {
    return this.#clbitCount;
  }

  /** The instructions in order of time; borrowed, not to be changed. */
  get instructions(): readonly Instruction[] {
    return this.#instructions;
  }

  /** The names of the free parameters, in order of first appearance. */
  get parameterNames(): readonly string[] {
    const names = new Set<string>();
    for (const instruction of this.#instructions) {
      if (instruction.kind !== 'gate') continue;
      for (const angle of instruction.parameters) {
        if (typeof angle !== 'number') for (const name of angle.names) names.add(name);
      }
    }
    return [...names];
  }

  /** Qubits plus classical bits. */
  get width(): number {
    return this.qubitCount + this.#clbitCount;
  }

  /** Appends an instruction after checking it. @throws InvalidArgumentError when it does not fit. */
  append(instruction: Instruction): this {
    if (typeof instruction !== 'object' || instruction === null) {
      throw new InvalidArgumentError('Not an instruction', {
        expected: 'an object',
        actual: String(instruction),
      });
    }
    this.#instructions.push(checkPlainInstruction(instruction, this));
    return this;
  }

  /** Appends a gate by name. @throws InvalidArgumentError for an unknown name or operands that do not fit. */
  gate(name: string, qubits: readonly number[], parameters: readonly ParameterValue[] = []): this {
    gateDefinition(name);
    return this.append({ kind: 'gate', name, qubits, parameters } as Instruction);
  }

  id(qubit: number): this {
    return this.gate('id', [qubit]);
  }
  x(qubit: number): this {
    return this.gate('x', [qubit]);
  }
  y(qubit: number): this {
    return this.gate('y', [qubit]);
  }
  z(qubit: number): this {
    return this.gate('z', [qubit]);
  }
  h(qubit: number): this {
    return this.gate('h', [qubit]);
  }
  s(qubit: number): this {
    return this.gate('s', [qubit]);
  }
  sdg(qubit: number): this {
    return this.gate('sdg', [qubit]);
  }
  t(qubit: number): this {
    return this.gate('t', [qubit]);
  }
  tdg(qubit: number): this {
    return this.gate('tdg', [qubit]);
  }
  /** The square root of X. */
  sx(qubit: number): this {
    return this.gate('sx', [qubit]);
  }
  sxdg(qubit: number): this {
    return this.gate('sxdg', [qubit]);
  }
  /** `diag(1, e^(i angle))`. */
  p(angle: ParameterValue, qubit: number): this {
    return this.gate('p', [qubit], [angle]);
  }
  /** `exp(-i angle X / 2)`. */
  rx(angle: ParameterValue, qubit: number): this {
    return this.gate('rx', [qubit], [angle]);
  }
  /** `exp(-i angle Y / 2)`. */
  ry(angle: ParameterValue, qubit: number): this {
    return this.gate('ry', [qubit], [angle]);
  }
  /** `exp(-i angle Z / 2)`. */
  rz(angle: ParameterValue, qubit: number): this {
    return this.gate('rz', [qubit], [angle]);
  }
  /** OpenQASM's general one-qubit gate: `p(phi) ry(theta) p(lambda)`, the rightmost applied first. */
  u(theta: ParameterValue, phi: ParameterValue, lambda: ParameterValue, qubit: number): this {
    return this.gate('u', [qubit], [theta, phi, lambda]);
  }
  cx(control: number, target: number): this {
    return this.gate('cx', [control, target]);
  }
  cy(control: number, target: number): this {
    return this.gate('cy', [control, target]);
  }
  cz(a: number, b: number): this {
    return this.gate('cz', [a, b]);
  }
  ch(control: number, target: number): this {
    return this.gate('ch', [control, target]);
  }
  cp(angle: ParameterValue, a: number, b: number): this {
    return this.gate('cp', [a, b], [angle]);
  }
  crx(angle: ParameterValue, control: number, target: number): this {
    return this.gate('crx', [control, target], [angle]);
  }
  cry(angle: ParameterValue, control: number, target: number): this {
    return this.gate('cry', [control, target], [angle]);
  }
  crz(angle: ParameterValue, control: number, target: number): this {
    return this.gate('crz', [control, target], [angle]);
  }
  swap(a: number, b: number): this {
    return this.gate('swap', [a, b]);
  }
  iswap(a: number, b: number): this {
    return this.gate('iswap', [a, b]);
  }
  /** The echoed cross-resonance gate `(IX - XY) / sqrt(2)`. */
  ecr(a: number, b: number): this {
    return this.gate('ecr', [a, b]);
  }
  /** `exp(-i angle XX / 2)`. */
  rxx(angle: ParameterValue, a: number, b: number): this {
    return this.gate('rxx', [a, b], [angle]);
  }
  /** `exp(-i angle YY / 2)`. */
  ryy(angle: ParameterValue, a: number, b: number): this {
    return this.gate('ryy', [a, b], [angle]);
  }
  /** `exp(-i angle ZZ / 2)`. */
  rzz(angle: ParameterValue, a: number, b: number): this {
    return this.gate('rzz', [a, b], [angle]);
  }
  ccx(controlA: number, controlB: number, target: number): this {
    return this.gate('ccx', [controlA, controlB, target]);
  }
  cswap(control: number, a: number, b: number): this {
    return this.gate('cswap', [control, a, b]);
  }
  /** Without qubits: across all of them. */
  barrier(...qubits: number[]): this {
    const all = Array.from({ length: this.qubitCount }, (_, qubit) => qubit);
    return this.append({ kind: 'barrier', qubits: qubits.length > 0 ? qubits : all });
  }
  measure(qubit: number, clbit: number): this {
    return this.append({ kind: 'measure', qubits: [qubit], clbit });
  }
  /** Measures qubit `i` into classical bit `i` for every `i`, growing the classical bits to as many as there are qubits. */
  measureAll(): this {
    this.#clbitCount = Math.max(this.#clbitCount, this.qubitCount);
    for (let qubit = 0; qubit < this.qubitCount; qubit++) this.measure(qubit, qubit);
    return this;
  }
  reset(qubit: number): this {
    return this.append({ kind: 'reset', qubits: [qubit] });
  }

  /** A copy that can be appended to without changing this one. */
  clone(): Circuit {
    return new Circuit(this.qubitCount, this.#clbitCount).#extend(this.#instructions);
  }

  /**
   * This circuit followed by another one, whose qubit `i` becomes `qubits[i]` (default `i`) and whose classical bit `i` becomes
   * `clbits[i]` (default `i`).
   *
   * @throws InvalidArgumentError when the other circuit does not fit.
   */
  compose(other: Circuit, qubits?: readonly number[], clbits?: readonly number[]): Circuit {
    const placeQubit = (qubit: number) => (qubits ? qubits[qubit]! : qubit);
    const placeClbit = (clbit: number) => (clbits ? clbits[clbit]! : clbit);
    const composed = this.clone();
    for (const instruction of other.instructions) {
      const placed = { ...instruction, qubits: instruction.qubits.map(placeQubit) } as Instruction;
      composed.append(placed.kind === 'measure' ? { ...placed, clbit: placeClbit(placed.clbit) } : placed);
    }
    return composed;
  }

  /** The circuit that undoes this one. @throws InvalidArgumentError when it measures or resets. */
  inverse(): Circuit {
    const inverse = new Circuit(this.qubitCount, this.#clbitCount);
    for (const instruction of this.#instructions.toReversed()) {
      if (instruction.kind === 'barrier') inverse.append(instruction);
      else if (instruction.kind !== 'gate') {
        throw new InvalidArgumentError(`A circuit with ${instruction.kind} has no inverse`, {
          expected: 'gates and barriers only',
          actual: instruction.kind,
        });
      } else {
        const { name, parameters } = instruction;
        for (const step of gateDefinition(name).inverse(parameters, instruction.qubits.length)) {
          const qubits = step.positions.map((position) => instruction.qubits[position]!);
          inverse.gate(step.name, qubits, step.parameters);
        }
      }
    }
    return inverse;
  }

  /**
   * Replaces parameters by numbers. Parameters that are not mentioned stay free.
   *
   * @throws InvalidArgumentError for a name that the circuit does not have or a value that is not finite.
   */
  bind(values: ParameterBinding): Circuit {
    const known = new Set(this.parameterNames);
    for (const [name, value] of Object.entries(values)) {
      if (!known.has(name)) {
        throw new InvalidArgumentError('The circuit has no such parameter', {
          expected: [...known].join(', ') || 'no parameters',
          actual: name,
        });
      }
      if (!Number.isFinite(value)) {
        throw new InvalidArgumentError(`The value of "${name}" is not usable`, {
          expected: 'a finite number',
          actual: value,
        });
      }
    }
    const resolve = (angle: ParameterValue) =>
      typeof angle === 'number' ? angle : angle.substitute(values).value;
    const bound = this.#instructions.map((instruction) =>
      instruction.kind === 'gate'
        ? { ...instruction, parameters: instruction.parameters.map(resolve) }
        : instruction,
    );
    return new Circuit(this.qubitCount, this.#clbitCount).#extend(bound);
  }

  /**
   * The longest chain of instructions that must wait for one another through a qubit or a classical bit. Barriers make
   * instructions wait but do not count; neither do instructions that the filter refuses.
   */
  depth(filter: InstructionFilter = () => true): number {
    const levels = new Int32Array(this.qubitCount + this.#clbitCount);
    let depth = 0;
    for (const instruction of this.#instructions) {
      const wires: number[] = [...instruction.qubits];
      if (instruction.kind === 'measure') wires.push(this.qubitCount + instruction.clbit);
      let level = 0;
      for (const wire of wires) level = Math.max(level, levels[wire]!);
      if (instruction.kind !== 'barrier' && filter(instruction)) level++;
      for (const wire of wires) levels[wire] = level;
      depth = Math.max(depth, level);
    }
    return depth;
  }

  /** The depth counting only gates on two or more qubits. */
  twoQubitDepth(): number {
    return this.depth((instruction) => instruction.kind === 'gate' && instruction.qubits.length > 1);
  }

  /** How often each instruction occurs, by name, most frequent first; measure, reset and barrier included. */
  gateCounts(): Record<string, number> {
    const counts = new Map<string, number>();
    for (const instruction of this.#instructions) {
      const name = instructionName(instruction);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
  }

  /** The record that `Circuit.fromJSON` reads; `JSON.stringify` uses it. */
  toJSON(): CircuitData {
    return {
      format: 'qedge-circuit',
      version: 1,
      qubitCount: this.qubitCount,
      clbitCount: this.#clbitCount,
      instructions: this.#instructions,
    };
  }

  #extend(checked: readonly Instruction[]): this {
    for (const instruction of checked) this.#instructions.push(instruction);
    return this;
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
