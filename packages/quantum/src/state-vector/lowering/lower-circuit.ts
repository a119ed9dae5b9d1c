import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import { expandInstruction } from '../../circuit/expand-instruction.ts';
import type {
  Instruction,
  PauliEvolutionInstruction,
  UnitaryInstruction,
} from '../../circuit/instruction.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { decomposePair } from './decompose-pair.ts';
import { FrameLowering } from './frame-lowering.ts';
import type { LoweredCircuit } from './lowered-circuit.ts';
import { type NotSink, PendingNots } from './pending-nots.ts';

/** Most qubits that a circuit may act on: a mask of them is one machine word. */
export const MOST_ACTIVE_QUBITS = 32;

/** How a circuit is lowered. */
export interface LoweringOptions {
  /** Qubits that keep a place in the state though nothing acts on them: `'all'`, or those that something acts on (the default). */
  readonly keep?: 'active' | 'all';
  /** True where the program may begin on a state with flips pending, which is then no reason to bind otherwise. */
  readonly continues?: boolean;
  /**
   * True where the program always begins on |0...0>: first runs of one-qubit gates then give a product state to begin with, and what acts
   * on basis states alone is not executed.
   */
  readonly startsAtZero?: boolean;
}

/**
 * Turns unitary instructions (barriers and delays are skipped) into operations for the planner.
 *
 * @throws InvalidArgumentError for anything that is not unitary; CapabilityUnavailableError for more than 32 active qubits.
 */
export function lowerCircuit(
  instructions: readonly Instruction[],
  qubitCount: number,
  options: LoweringOptions = {},
): LoweredCircuit {
  const activeQubits = findActiveQubits(instructions, qubitCount, options.keep ?? 'active');
  if (activeQubits.length > MOST_ACTIVE_QUBITS) {
    throw new CapabilityUnavailableError(
      'State vectors of so many qubits are not planned, whatever memory there is',
      {
        expected: `at most ${MOST_ACTIVE_QUBITS} qubits that gates act on`,
        actual: activeQubits.length,
        remedy:
          'Leave out gates on qubits that are neither measured nor observed, or cut the circuit into parts.',
      },
    );
  }
  const { continues = false, startsAtZero = false } = options;
  const start = startsAtZero ? 'product' : continues ? 'any' : 'plain';
  const lowering = new CircuitLowering(activeQubits, qubitCount, start);
  for (const instruction of instructions) lowering.add(instruction);
  return lowering.finish();
}

type LoweringStart = ConstructorParameters<typeof FrameLowering>[1];

function findActiveQubits(
  instructions: readonly Instruction[],
  qubitCount: number,
  keep: 'active' | 'all',
): Int32Array {
  if (keep === 'all') return Int32Array.from({ length: qubitCount }, (_, qubit) => qubit);
  const touched = new Uint8Array(qubitCount);
  for (const instruction of instructions) {
    if (instruction.kind === 'barrier' || instruction.kind === 'delay') continue;
    for (const qubit of instruction.qubits) touched[qubit] = 1;
  }
  const active: number[] = [];
  for (let qubit = 0; qubit < qubitCount; qubit++) if (touched[qubit] === 1) active.push(qubit);
  return new Int32Array(active);
}

class CircuitLowering implements NotSink {
  readonly #qubitCount: number;
  readonly #activeQubits: Int32Array;
  /** The wire that holds each logical qubit now, -1 for idle ones. */
  readonly #wireOf: Int32Array;
  readonly #frame: FrameLowering;
  readonly #nots = new PendingNots(this);

  constructor(activeQubits: Int32Array, qubitCount: number, start: LoweringStart) {
    this.#qubitCount = qubitCount;
    this.#activeQubits = activeQubits;
    this.#wireOf = new Int32Array(qubitCount).fill(-1);
    for (let wire = 0; wire < activeQubits.length; wire++) this.#wireOf[activeQubits[wire]!] = wire;
    this.#frame = new FrameLowering(activeQubits.length, start);
  }

  add(instruction: Instruction): void {
    switch (instruction.kind) {
      case 'gate':
        if (!this.#addGate(instruction.name, instruction.qubits, instruction.parameters))
          this.#expand(instruction);
        return;
      case 'unitary':
        this.#addUnitary(instruction);
        return;
      case 'diagonal':
        this.#settle(instruction.qubits);
        this.#frame.diagonal(
          instruction.qubits.map((qubit) => this.#wireOf[qubit]!),
          instruction.phases,
        );
        return;
      case 'permutation':
        this.#rename(instruction.qubits, instruction.permutation);
        return;
      case 'pauli-evolution':
        this.#addEvolution(instruction);
        return;
      case 'barrier':
      case 'delay':
        return;
      default:
        this.#expand(instruction);
    }
  }

  #expand(instruction: Instruction): void {
    const steps = expandInstruction(instruction);
    if (steps === null) {
      throw new InvalidArgumentError('Only unitary instructions can be planned', {
        expected: 'gates, matrices, diagonals, permutations, Pauli evolutions and controlled ones of these',
        actual: instruction.kind === 'gate' ? instruction.name : instruction.kind,
      });
    }
    for (const step of steps) this.add(step);
  }

  /** False where the gate is to be expanded. */
  #addGate(name: string, qubits: readonly number[], angles: readonly ParameterValue[]): boolean {
    if (qubits.length === 1) return this.#addOneQubitGate(name, this.#wireOf[qubits[0]!]!, angles);
    switch (name) {
      case 'cx':
        this.#nots.addNot(this.#wireOf[qubits[0]!]!, this.#wireOf[qubits[1]!]!);
        return true;
      case 'cz':
        this.#settle(qubits);
        this.#frame.controlledZ(this.#wireOf[qubits[0]!]!, this.#wireOf[qubits[1]!]!);
        return true;
      case 'cp':
      case 'mcp':
        this.#frame.phaseTerm(this.#settle(qubits), angles[0]!);
        return true;
      case 'rzz':
        this.#addParity(this.#maskOf(qubits), angles[0]!);
        return true;
      case 'swap':
        this.#rename(qubits, [1, 0]);
        return true;
      case 'global_phase':
        this.#frame.global(angles[0]!);
        return true;
      default:
        return false;
    }
  }

  #addOneQubitGate(name: string, wire: number, angles: readonly ParameterValue[]): boolean {
    switch (name) {
      case 's':
        this.#addPhase(wire, Math.PI / 2);
        return true;
      case 'sdg':
        this.#addPhase(wire, -Math.PI / 2);
        return true;
      case 't':
        this.#addPhase(wire, Math.PI / 4);
        return true;
      case 'tdg':
        this.#addPhase(wire, -Math.PI / 4);
        return true;
      case 'p':
      case 'u1':
      case 'mcp':
        this.#addPhase(wire, angles[0]!);
        return true;
      case 'rz':
        this.#addParity(1 << wire, angles[0]!);
        return true;
      case 'id':
        return true;
    }
    this.#nots.settle(1 << wire);
    return this.#addBranchingGate(name, wire, angles);
  }

  /** Gates that are not diagonal (and Z, which the frame takes). */
  #addBranchingGate(name: string, wire: number, angles: readonly ParameterValue[]): boolean {
    const frame = this.#frame;
    switch (name) {
      case 'h':
        frame.hadamard(wire);
        return true;
      case 'x':
        frame.pauliX(wire);
        return true;
      case 'y':
        frame.pauliY(wire);
        return true;
      case 'z':
        frame.pauliZ(wire);
        return true;
      case 'sx':
      case 'sxdg':
        frame.squareRootOfX(wire, name === 'sxdg');
        return true;
      case 'rx':
        frame.rotateX(wire, angles[0]!);
        return true;
      case 'ry':
        frame.rotateY(wire, angles[0]!);
        return true;
      case 'u':
      case 'u3':
        frame.u(wire, angles[0]!, angles[1]!, angles[2]!);
        return true;
      default:
        return false;
    }
  }

  #addPhase(wire: number, angle: ParameterValue): void {
    if ((this.#nots.wires & (1 << wire)) === 0) {
      this.#frame.phase(wire, angle);
      return;
    }
    this.#nots.addParity(1 << wire, angle);
    this.#frame.global(scaleAngle(angle, 0.5));
  }

  #addParity(mask: number, angle: ParameterValue): void {
    if ((this.#nots.wires & mask) === 0) this.executeParity(mask, angle);
    else this.#nots.addParity(mask, angle);
  }

  executeParity(mask: number, angle: ParameterValue): void {
    if ((mask & (mask - 1)) === 0) this.#frame.rotateZ(31 - Math.clz32(mask), angle);
    else this.#frame.parityTerm(mask, angle);
  }

  executeNot(control: number, target: number): void {
    const known = this.#frame.knownBit(control);
    if (known >= 0 && this.#frame.knownBit(target) >= 0) {
      if (known === 1) this.#frame.pauliX(target);
      return;
    }
    this.#frame.hadamard(target);
    this.#frame.controlledZ(control, target);
    this.#frame.hadamard(target);
  }

  #addUnitary(instruction: UnitaryInstruction): void {
    const { qubits, matrix } = instruction;
    if (qubits.length > 2) {
      this.#expand(instruction);
      return;
    }
    this.#settle(qubits);
    const [a, b] = qubits.map((qubit) => this.#wireOf[qubit]!) as [number, number];
    if (qubits.length === 1) this.#frame.unitary(a, matrix);
    else if (this.#frame.knownBit(a) < 0 || this.#frame.knownBit(b) < 0) this.#frame.matrix(a, b, matrix);
    else this.#preparePair(a, b, matrix);
  }

  /** What a matrix makes of a known state of two wires takes fewer operations than the matrix. */
  #preparePair(a: number, b: number, matrix: Float64Array): void {
    const column = this.#frame.knownBit(a) + 2 * this.#frame.knownBit(b);
    for (const wire of [a, b]) if (this.#frame.knownBit(wire) === 1) this.#frame.pauliX(wire);
    const amplitudes = Array.from({ length: 8 }, (_, i) => matrix[2 * (4 * (i >> 1) + column) + (i & 1)]!);
    const { angle, first, second } = decomposePair(amplitudes);
    this.#frame.rotateY(a, angle);
    this.executeNot(a, b);
    this.#frame.unitary(a, first);
    this.#frame.unitary(b, second);
  }

  /** Each Pauli string is a parity in its own basis. */
  #addEvolution({ qubits, terms, time }: PauliEvolutionInstruction): void {
    for (const [letters, coefficient] of terms) {
      const angle = scaleAngle(time, 2 * coefficient);
      let mask = 0;
      for (let i = 0; i < qubits.length; i++) {
        if (letters[i] === 'I') continue;
        const wire = this.#wireOf[qubits[i]!]!;
        mask |= 1 << wire;
        if (letters[i] !== 'Z') this.#nots.settle(1 << wire);
        if (letters[i] === 'X') this.#frame.hadamard(wire);
        // sx Y sxdg = Z
        if (letters[i] === 'Y') this.#frame.squareRootOfX(wire, false);
      }
      if (mask === 0) this.#frame.global(scaleAngle(angle, -0.5));
      else this.#addParity(mask, angle);
      for (let i = 0; i < qubits.length; i++) {
        const wire = this.#wireOf[qubits[i]!]!;
        if (letters[i] === 'X' || letters[i] === 'Y') this.#nots.settle(1 << wire);
        if (letters[i] === 'X') this.#frame.hadamard(wire);
        if (letters[i] === 'Y') this.#frame.squareRootOfX(wire, true);
      }
    }
  }

  #rename(qubits: readonly number[], permutation: readonly number[]): void {
    const wires = qubits.map((qubit) => this.#wireOf[qubit]!);
    permutation.forEach((to, from) => {
      this.#wireOf[qubits[to]!] = wires[from]!;
    });
  }

  #maskOf(qubits: readonly number[]): number {
    let mask = 0;
    for (const qubit of qubits) mask |= 1 << this.#wireOf[qubit]!;
    return mask;
  }

  #settle(qubits: readonly number[]): number {
    const mask = this.#maskOf(qubits);
    this.#nots.settle(mask);
    return mask;
  }

  finish(): LoweredCircuit {
    this.#nots.settle(-1);
    const operations = this.#frame.finish();
    const units = this.#frame.units.finish();
    return {
      qubitCount: this.#qubitCount,
      activeQubits: this.#activeQubits,
      finalPlaces: Int32Array.from(this.#wireOf, (wire) => (wire < 0 ? -1 : this.#activeQubits[wire]!)),
      operations,
      sets: this.#frame.startCount > 0,
      tape: new Int32Array(this.#frame.tape),
      units,
      constants: this.#frame.constants,
      parameterNames: units.parameterNames,
    };
  }
}
