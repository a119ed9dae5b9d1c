import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import type { GateCollector } from './collect-gate.ts';
import { collectPhases } from './collect-phases.ts';

/** A phase on so many qubits takes less cx as rotations of parities (2^n - 2) than by splitting off a controlled rotation. */
const MOST_PARITY_QUBITS = 5;
const TURN = 2 * Math.PI;
const Z_AXIS = [0, 0, 1] as const;

/**
 * Gates with any number of controls as Toffoli gates, which later passes pair and cancel. Qubits that a gate does not touch are
 * borrowed: whatever they hold, they hold it again at the end (Barenco et al., Phys. Rev. A 52 (1995) 3457).
 */
export class MultiControlledCollector {
  readonly #gates: GateCollector;
  readonly #borrow: (qubits: readonly number[]) => readonly number[];

  constructor(gates: GateCollector, borrow: (qubits: readonly number[]) => readonly number[]) {
    this.#gates = gates;
    this.#borrow = borrow;
  }

  /** X on the target where all controls are 1. */
  collectNot(controls: readonly number[], target: number): void {
    this.#not(controls, target, this.#lend([...controls, target]));
  }

  /** `e^(i angle)` where all qubits are 1. */
  collectPhase(qubits: readonly number[], angle: ParameterValue): void {
    this.#phase(qubits, angle, this.#lend(qubits));
  }

  #lend(qubits: readonly number[]): readonly number[] {
    return qubits.length > 3 ? this.#borrow(qubits) : [];
  }

  #not(controls: readonly number[], target: number, spare: readonly number[]): void {
    const count = controls.length;
    if (count === 0) this.#gates.collect('x', [target], []);
    else if (count === 1) this.#gates.collect('cx', [controls[0]!, target], []);
    else if (count === 2) this.#gates.toffoli(controls[0]!, controls[1]!, target);
    else if (spare.length >= count - 2) this.#chain(controls, target, spare);
    else if (spare.length > 0) this.#split(controls, target, spare);
    else {
      this.#gates.collect('h', [target], []);
      this.#phase([...controls, target], Math.PI, spare);
      this.#gates.collect('h', [target], []);
    }
  }

  /** Lemma 7.2: 4 (k - 2) Toffoli gates for k controls with k - 2 borrowed qubits. */
  #chain(controls: readonly number[], target: number, spare: readonly number[]): void {
    const last = controls.length - 1;
    // Step 1 writes controls 0 and 1 to the first borrowed qubit, step i brings in control i, the last one reaches the target.
    const steps = controls.slice(1).map((control, i) => {
      const to = i + 1 === last ? target : spare[i]!;
      return [control, i === 0 ? controls[0]! : spare[i - 1]!, to] as const;
    });
    const apply = (i: number) => this.#gates.toffoli(...steps[i]!);
    for (const top of [last - 1, last - 2]) {
      for (let i = top; i > 0; i--) apply(i);
      apply(0);
      for (let i = 1; i <= top; i++) apply(i);
    }
  }

  /** Lemma 7.3: half of the controls go to one borrowed qubit, twice; each half borrows from the other. */
  #split(controls: readonly number[], target: number, [middle, ...others]: readonly number[]): void {
    const half = Math.ceil(controls.length / 2);
    const [first, rest] = [controls.slice(0, half), controls.slice(half)];
    for (let round = 0; round < 2; round++) {
      this.#not(first, middle!, [...rest, target, ...others]);
      this.#not([...rest, middle!], target, [...first, ...others]);
    }
  }

  #phase(qubits: readonly number[], angle: ParameterValue, spare: readonly number[]): void {
    const target = qubits.at(-1)!;
    const isSign = typeof angle === 'number' && Math.abs(Math.abs(angle % TURN) - Math.PI) < 1e-12;
    if (qubits.length === 3 && isSign) {
      this.#gates.builder.ccz([qubits[0]!, qubits[1]!, target]);
    } else if (qubits.length > 3 && isSign && spare.length > 0) {
      this.#gates.collect('h', [target], []);
      this.#not(qubits.slice(0, -1), target, spare);
      this.#gates.collect('h', [target], []);
    } else if (qubits.length <= MOST_PARITY_QUBITS) {
      const share = 2 ** (1 - qubits.length);
      collectPhases(this.#gates.builder, qubits, (subset) =>
        scaleAngle(angle, isOddSize(subset) ? share : -share),
      );
    } else {
      this.#rotation(qubits.slice(0, -1), target, angle, spare);
      this.#phase(qubits.slice(0, -1), scaleAngle(angle, 0.5), [...spare, target]);
    }
  }

  /**
   * `exp(-i angle Z / 2)` where all controls are 1: four turns whose signs two halves of the controls flip, each half borrowing from
   * the other (Vale, Azevedo, Araujo, Araujo, da Silva, arXiv 2302.06377).
   */
  #rotation(
    controls: readonly number[],
    target: number,
    angle: ParameterValue,
    spare: readonly number[],
  ): void {
    const half = Math.ceil(controls.length / 2);
    const [first, second] = [controls.slice(0, half), controls.slice(half)];
    const quarter = scaleAngle(angle, 0.25);
    for (let round = 0; round < 2; round++) {
      this.#gates.turn(target, Z_AXIS, quarter);
      this.#not(first, target, [...second, ...spare]);
      this.#gates.turn(target, Z_AXIS, scaleAngle(quarter, -1));
      this.#not(second, target, [...first, ...spare]);
    }
  }
}

function isOddSize(bits: number): boolean {
  let odd = false;
  for (let rest = bits; rest > 0; rest &= rest - 1) odd = !odd;
  return odd;
}
