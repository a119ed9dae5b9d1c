import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import type { GateCollector } from './collect-gate.ts';
import { collectPhases } from './collect-phases.ts';

/** A phase on so many qubits takes less cx as rotations of parities (2^n - 2) than by splitting off a controlled rotation. */
const MOST_PARITY_QUBITS = 6;
/** A sign on so many qubits takes less cx in that way (30) than with halves that borrow one qubit (38). */
const MOST_PARITY_SIGN_QUBITS = 5;
const TURN = 2 * Math.PI;
const Z_AXIS = [0, 0, 1] as const;

/**
 * Gates with any number of controls as Toffoli gates, which later passes pair and cancel. Qubits that a gate does not touch are
 * borrowed: whatever they hold, they hold it again at the end (Barenco et al., Phys. Rev. A 52 (1995) 3457). With k controls 16 k - 24
 * cx are enough where one qubit can be borrowed; where none can, phases that are no sign need about 8 k^2.
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
    else if (spare.length > 0 && count >= MOST_PARITY_SIGN_QUBITS) this.#split(controls, target, spare);
    else {
      this.#gates.collect('h', [target], []);
      this.#phase([...controls, target], Math.PI, spare);
      this.#gates.collect('h', [target], []);
    }
  }

  /**
   * With k - 2 borrowed qubits: a ladder of Toffoli gates down and up, twice. But for those onto the target they may have relative
   * phases, since each meets its inverse; then of two that enclose what is below, half of the gates cancel (Iten, Colbeck, Kukuljan,
   * Home, Christandl, Phys. Rev. A 93 (2016) 032318, lemma 8). 8 k - 10 cx where the two onto the target become a pair.
   */
  #chain(controls: readonly number[], target: number, spare: readonly number[]): void {
    const last = controls.length - 1;
    for (let round = 0; round < 2; round++) {
      this.#gates.toffoli(controls[last]!, spare[last - 2]!, target);
      for (let i = last - 1; i > 1; i--) this.#enter(controls[i]!, spare[i - 2]!, spare[i - 1]!);
      this.#gates.collect('rccx', [controls[0]!, controls[1]!, spare[0]!], []);
      for (let i = 2; i < last; i++) this.#leave(controls[i]!, spare[i - 2]!, spare[i - 1]!);
    }
  }

  /** The first half of a Toffoli gate with relative phases, up to where its second control acts. */
  #enter(control: number, below: number, target: number): void {
    for (const name of ['h', 't']) this.#gates.collect(name, [target], []);
    this.#gates.collect('cx', [control, target], []);
    this.#gates.collect('tdg', [target], []);
    this.#gates.collect('cx', [below, target], []);
  }

  /** The second half. */
  #leave(control: number, below: number, target: number): void {
    this.#gates.collect('cx', [below, target], []);
    this.#gates.collect('t', [target], []);
    this.#gates.collect('cx', [control, target], []);
    for (const name of ['tdg', 'h']) this.#gates.collect(name, [target], []);
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
    } else if (qubits.length > 3 && isSign && this.#isWorthBorrowing(qubits, spare)) {
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

  #isWorthBorrowing(qubits: readonly number[], spare: readonly number[]): boolean {
    if (qubits.length > MOST_PARITY_SIGN_QUBITS) return spare.length > 0;
    return spare.length >= qubits.length - 3;
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
