import type { GateInstruction, UnitaryKind } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { UnitList, type Units } from '../lowering/unit-list.ts';

/** A gate on wires that keep their places. Units are complex numbers `e^(i angle)`, one for each set of parameters. */
export type BatchGate =
  /** `exp(-i h P)` for P = X or Y; the unit is `e^(i h)`. */
  | { readonly kind: 'rotate'; readonly axis: 'x' | 'y'; readonly wire: number; readonly unit: number }
  /** Multiplies by the unit where all wires of the mask are 1; everywhere with none. */
  | { readonly kind: 'phase'; readonly mask: number; readonly unit: number }
  /** Multiplies by the unit where an odd number of the wires of the mask are 1, by its conjugate elsewhere. */
  | { readonly kind: 'parity'; readonly mask: number; readonly unit: number }
  /** Multiplies by unit `firstUnit + k` where bit `i` of `k` is the value of `wires[i]`. */
  | { readonly kind: 'diagonal'; readonly wires: readonly number[]; readonly firstUnit: number }
  /** Inverts a wire where all wires of a mask are 1. */
  | { readonly kind: 'not'; readonly controls: number; readonly wire: number };

/** A circuit of few qubits as gates that many sets of parameters take at the same time. */
export interface BatchCircuit {
  readonly qubitCount: number;
  readonly gates: readonly BatchGate[];
  readonly units: Units;
  /** The wire that holds each qubit at the end: swaps are names. */
  readonly finalWires: Int32Array;
}

/**
 * Rewrites elementary gates (see `expandInstruction`) for {@link BatchCircuit}.
 *
 * @returns null where a gate is none that registers can take: a dense matrix on two qubits.
 */
export function lowerBatch(instructions: readonly UnitaryKind[], qubitCount: number): BatchCircuit | null {
  const lowering = new BatchLowering(qubitCount);
  for (const instruction of instructions) if (!lowering.add(instruction)) return null;
  return lowering.finish();
}

class BatchLowering {
  readonly #gates: BatchGate[] = [];
  readonly #units = new UnitList();
  readonly #wireOf: Int32Array;

  constructor(qubitCount: number) {
    this.#wireOf = Int32Array.from({ length: qubitCount }, (_, qubit) => qubit);
  }

  /** False for what cannot be taken. */
  add(instruction: UnitaryKind): boolean {
    const wires = instruction.qubits.map((qubit) => this.#wireOf[qubit]!);
    switch (instruction.kind) {
      case 'gate':
        return this.#addGate(instruction, wires);
      case 'diagonal': {
        const [firstUnit] = Array.from(instruction.phases, (phase) => this.#units.add(phase));
        this.#gates.push({ kind: 'diagonal', wires, firstUnit: firstUnit! });
        return true;
      }
      case 'unitary':
        if (wires.length > 1) return false;
        this.#addMatrix(instruction.matrix, wires[0]!);
        return true;
      default:
        return false;
    }
  }

  finish(): BatchCircuit {
    return {
      qubitCount: this.#wireOf.length,
      gates: this.#gates,
      units: this.#units.finish(),
      finalWires: this.#wireOf,
    };
  }

  #addGate({ name, qubits, parameters }: GateInstruction, wires: readonly number[]): boolean {
    const mask = wires.reduce((sum, wire) => sum | (1 << wire), 0);
    switch (name) {
      case 'swap': {
        this.#wireOf[qubits[0]!] = wires[1]!;
        this.#wireOf[qubits[1]!] = wires[0]!;
        return true;
      }
      case 'cx':
        this.#gates.push({ kind: 'not', controls: 1 << wires[0]!, wire: wires[1]! });
        return true;
      case 'cz':
        this.#phase(mask, Math.PI);
        return true;
      case 'global_phase':
      case 'p':
      case 'cp':
      case 'mcp':
        this.#phase(mask, parameters[0]!);
        return true;
      case 'rz':
      case 'rzz':
        this.#gates.push({ kind: 'parity', mask, unit: this.#units.add(parameters[0]!, 0.5) });
        return true;
      default:
        return this.#addOneQubitGate(name, wires[0]!, parameters);
    }
  }

  #addOneQubitGate(name: string, wire: number, angles: readonly ParameterValue[]): boolean {
    const phase = PHASES[name];
    if (phase !== undefined) {
      this.#phase(1 << wire, phase);
      return true;
    }
    switch (name) {
      case 'x':
        this.#gates.push({ kind: 'not', controls: 0, wire });
        return true;
      case 'y':
        // Y = i X Z
        this.#phase(1 << wire, Math.PI);
        this.#phase(0, Math.PI / 2);
        this.#gates.push({ kind: 'not', controls: 0, wire });
        return true;
      case 'h':
        // H = Ry(pi/2) Z
        this.#phase(1 << wire, Math.PI);
        this.#rotate('y', wire, Math.PI / 2);
        return true;
      case 'sx':
      case 'sxdg': {
        const turn = name === 'sx' ? 1 : -1;
        this.#phase(0, (turn * Math.PI) / 4);
        this.#rotate('x', wire, (turn * Math.PI) / 2);
        return true;
      }
      case 'rx':
      case 'ry':
        this.#rotate(name === 'rx' ? 'x' : 'y', wire, angles[0]!);
        return true;
      case 'u':
        this.#phase(1 << wire, angles[2]!);
        this.#rotate('y', wire, angles[0]!);
        this.#phase(1 << wire, angles[1]!);
        return true;
      default:
        return false;
    }
  }

  /** `[[a, b], [c, d]]` as `e^(i alpha) p(phi) Ry(theta) p(lambda)`. */
  #addMatrix(matrix: Float64Array, wire: number): void {
    const [a, b, c, d] = [0, 2, 4, 6].map((at) => ({
      size: Math.hypot(matrix[at]!, matrix[at + 1]!),
      angle: Math.atan2(matrix[at + 1]!, matrix[at]!),
    })) as [PolarNumber, PolarNumber, PolarNumber, PolarNumber];
    const theta = 2 * Math.atan2(c.size, a.size);
    const alpha = a.size > 0 ? a.angle : 0;
    const phi = c.size > 0 ? c.angle - alpha : 0;
    // From the larger numbers, whose angles rounding does not disturb.
    const lambda = a.size >= c.size ? d.angle - alpha - phi : b.angle - Math.PI - alpha;
    this.#phase(0, alpha);
    this.#phase(1 << wire, lambda);
    this.#rotate('y', wire, theta);
    this.#phase(1 << wire, phi);
  }

  #phase(mask: number, angle: ParameterValue): void {
    this.#gates.push({ kind: 'phase', mask, unit: this.#units.add(angle) });
  }

  #rotate(axis: 'x' | 'y', wire: number, angle: ParameterValue): void {
    this.#gates.push({ kind: 'rotate', axis, wire, unit: this.#units.add(angle, 0.5) });
  }
}

interface PolarNumber {
  readonly size: number;
  readonly angle: number;
}

/** Gates that are a phase where their qubit is 1. */
const PHASES: Readonly<Record<string, number>> = {
  z: Math.PI,
  s: Math.PI / 2,
  sdg: -Math.PI / 2,
  t: Math.PI / 4,
  tdg: -Math.PI / 4,
};
