import type { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import { type Rotation, rotationOfMatrix } from '../translation/rotation.ts';
import { Interaction, type InteractionCircuit, InteractionKind } from './interaction.ts';
import { factorKronecker, followWithSwap } from './matrix4.ts';
import { placeOnWires } from './place-on-wires.ts';
import { coreCost, halfTurnsOf, localsAfterCore, TwoQubitClass } from './two-qubit-class.ts';
import { WireFrames } from './wire-frames.ts';

const HALF_PI = Math.PI / 2;
const QUARTER_PI = Math.PI / 4;
const NOTHING = new Float64Array(0);
const NO_FRAMES: readonly Float64Array[] = [];

const classifier = new TwoQubitClass();

/** How an {@link InteractionBuilder} treats swaps. */
export interface BuilderOptions {
  /**
   * True (the default) makes swaps, and blocks of the class of a swap, names: `wireOfQubit` then tells where each qubit is. False,
   * for physical wires, keeps them as blocks of cost 3.
   */
  readonly relabelSwaps?: boolean;
}

/**
 * Builds a circuit in interaction form from steps in order of time. One-qubit gates move behind everything they can pass, steps
 * that are the identity drop out, blocks that are cores become cores.
 *
 * Steps name qubits; each qubit begins on the wire of its number and moves where swaps are relabelled.
 */
export class InteractionBuilder {
  readonly wireCount: number;
  readonly #relabelSwaps: boolean;
  readonly #interactions: Interaction[] = [];
  readonly #frames: WireFrames;
  readonly #wireOfQubit: Int32Array;

  constructor(wireCount: number, { relabelSwaps = true }: BuilderOptions = {}) {
    this.wireCount = wireCount;
    this.#relabelSwaps = relabelSwaps;
    this.#frames = new WireFrames(wireCount);
    this.#wireOfQubit = new Int32Array(wireCount);
    for (let wire = 0; wire < wireCount; wire++) this.#wireOfQubit[wire] = wire;
  }

  /** The wire on which a qubit is now. */
  wireOf(qubit: number): number {
    return this.#wireOfQubit[qubit]!;
  }

  /** A one-qubit gate. */
  rotate(qubit: number, gate: Rotation): void {
    this.#frames.rotate(this.#wireOfQubit[qubit]!, gate);
  }

  /** A one-qubit unitary `[2, 2, 2]`. */
  rotateBy(qubit: number, matrix: Float64Array): void {
    this.rotate(qubit, rotationOfMatrix(matrix));
  }

  /** `exp(i angle n.sigma)`; with a free angle a step, else like {@link rotate}. */
  rotateAbout(qubit: number, axis: ArrayLike<number>, angle: ParameterValue): void {
    const wire = this.#wireOfQubit[qubit]!;
    if (typeof angle === 'number') {
      const s = -Math.sin(angle);
      this.#frames.turn(wire, Math.cos(angle), s * axis[0]!, s * axis[1]!, s * axis[2]!);
      return;
    }
    const axes = copyAxes(axis, 3);
    this.#frames.pullAxis(wire, axes, 0);
    this.#push(InteractionKind.rotation, [wire], axes, angle, NOTHING, 0);
  }

  /**
   * `exp(i angle n.sigma (x) m.sigma)`.
   *
   * @param axes `[2, 3]`: n on the first, m on the second qubit.
   */
  core(first: number, second: number, axes: ArrayLike<number>, angle: ParameterValue): void {
    const a = this.#wireOfQubit[first]!;
    const b = this.#wireOfQubit[second]!;
    const own = copyAxes(axes, 6);
    this.#frames.pullAxis(a, own, 0);
    this.#frames.pullAxis(b, own, 3);
    this.#pushCore(a, b, own, angle);
  }

  #pushCore(a: number, b: number, axes: Float64Array, angle: ParameterValue): void {
    if (typeof angle !== 'number') {
      this.#push(InteractionKind.core, [a, b], axes, angle, NOTHING, 2);
      return;
    }
    // exp(i pi/2 n.sigma (x) m.sigma) is a half turn of both wires.
    const halfTurns = halfTurnsOf(angle);
    const rest = angle - halfTurns * HALF_PI;
    if (halfTurns % 2 !== 0) {
      this.#frames.turnFirst(a, axes, 0);
      this.#frames.turnFirst(b, axes, 3);
    }
    const cost = coreCost(rest);
    if (cost === 0) return;
    const exact = cost === 1 ? Math.sign(rest) * QUARTER_PI : rest;
    this.#push(InteractionKind.core, [a, b], axes, exact, NOTHING, cost);
  }

  /** A two-qubit unitary `[4, 4, 2]`, copied; bit 0 of its indices is the first qubit. */
  block(first: number, second: number, matrix: Float64Array): void {
    const [a, b] = [this.#wireOfQubit[first]!, this.#wireOfQubit[second]!];
    const own = matrix.slice();
    this.#frames.pullMatrix(a, b, own);
    const found = classifier.classify(own);
    if (found.isCore) {
      const [axes, angle] = [found.axes.slice(), found.angle];
      this.#rotateFirst(a, b, localsAfterCore(own, angle, axes));
      this.#pushCore(a, b, axes, angle);
    } else if (found.cost === 0) this.#rotateFirst(a, b, factorKronecker(own));
    else if (found.isSwap && this.#relabelSwaps) {
      // The swap comes before the frames: pushed behind them it exchanges them.
      this.#frames.exchange(a, b);
      this.#rotateFirst(a, b, factorKronecker(followWithSwap(own)));
      this.swap(first, second);
    } else this.#push(InteractionKind.block, [a, b], NOTHING, 0, own, found.cost);
  }

  #rotateFirst(a: number, b: number, [first, second]: readonly [Float64Array, Float64Array]): void {
    this.#frames.rotateFirst(a, rotationOfMatrix(first));
    this.#frames.rotateFirst(b, rotationOfMatrix(second));
  }

  /** The phase -1 where three qubits point against their axes. @param axes `[3, 3]`, default z. */
  ccz(qubits: readonly [number, number, number], axes: ArrayLike<number> = Z_AXES): void {
    const wires = qubits.map((qubit) => this.#wireOfQubit[qubit]!);
    const own = copyAxes(axes, 9);
    for (let k = 0; k < 3; k++) this.#frames.pullAxis(wires[k]!, own, 3 * k);
    this.#push(InteractionKind.ccz, wires, own, 0, NOTHING, 0);
  }

  /** Exchanges two qubits. */
  swap(first: number, second: number): void {
    const [a, b] = [this.#wireOfQubit[first]!, this.#wireOfQubit[second]!];
    if (this.#relabelSwaps) {
      this.#wireOfQubit[first] = b;
      this.#wireOfQubit[second] = a;
    } else {
      // A swap exchanges what is pending on its wires.
      this.#frames.exchange(a, b);
      this.#push(InteractionKind.block, [a, b], NOTHING, 0, SWAP, 3);
    }
  }

  /**
   * An instruction that no gate passes.
   *
   * @param instruction its qubits are qubits of this builder.
   * @param qubits the qubits whose gates may not pass: those of the instruction, and any more.
   * @param framesBefore one-qubit unitaries that act on `qubits` just before it.
   */
  fence(
    instruction: Instruction,
    qubits: readonly number[] = instruction.qubits,
    framesBefore: readonly Float64Array[] = NO_FRAMES,
  ): void {
    framesBefore.forEach((frame, k) => {
      this.rotateBy(qubits[k]!, frame);
    });
    const wires = qubits.map((qubit) => this.#wireOfQubit[qubit]!);
    const frames = wires.map((wire) => this.#frames.matrixOf(wire));
    for (const wire of wires) this.#frames.reset(wire);
    const placed = placeOnWires(instruction, this.#wireOfQubit);
    this.#interactions.push(
      new Interaction(InteractionKind.fence, wires, NOTHING, 0, NOTHING, 0, placed, frames),
    );
  }

  /** A step of another circuit, whose wires are qubits here. */
  append(step: Interaction): void {
    const { wires, axes, angle } = step;
    switch (step.kind) {
      case InteractionKind.rotation:
        this.rotateAbout(wires[0]!, axes, angle);
        break;
      case InteractionKind.core:
        this.core(wires[0]!, wires[1]!, axes, angle);
        break;
      case InteractionKind.block:
        this.block(wires[0]!, wires[1]!, step.matrix);
        break;
      case InteractionKind.ccz:
        this.ccz([wires[0]!, wires[1]!, wires[2]!], axes);
        break;
      case InteractionKind.fence:
        this.fence(step.instruction!, wires, step.framesBefore);
    }
  }

  #push(
    kind: InteractionKind,
    wires: readonly number[],
    axes: Float64Array,
    angle: ParameterValue,
    matrix: Float64Array,
    cost: number,
  ): void {
    this.#interactions.push(new Interaction(kind, wires, axes, angle, matrix, cost, null, NO_FRAMES));
  }

  /** What was built. @param classical has the registers and variables that fences use. */
  finish(classical: Circuit): InteractionCircuit {
    const frames: Float64Array[] = [];
    for (let wire = 0; wire < this.wireCount; wire++) frames.push(this.#frames.matrixOf(wire));
    return {
      wireCount: this.wireCount,
      interactions: this.#interactions,
      frames,
      wireOfQubit: this.#wireOfQubit.slice(),
      classical,
    };
  }

  /**
   * What was built in the place of the steps of another circuit, whose wires were the qubits here: its frames and its naming
   * follow.
   */
  finishReplacing(circuit: InteractionCircuit): InteractionCircuit {
    circuit.frames.forEach((frame, wire) => {
      this.rotateBy(wire, frame);
    });
    return {
      ...this.finish(circuit.classical),
      wireOfQubit: circuit.wireOfQubit.map((wire) => this.#wireOfQubit[wire]!),
    };
  }
}

/** Float64Array.from goes through iterators. */
function copyAxes(axes: ArrayLike<number>, length: number): Float64Array {
  const copy = new Float64Array(length);
  for (let i = 0; i < length; i++) copy[i] = axes[i]!;
  return copy;
}

const Z_AXES = [0, 0, 1, 0, 0, 1, 0, 0, 1];

const SWAP = (() => {
  const matrix = new Float64Array(32);
  for (const [row, column] of [
    [0, 0],
    [1, 2],
    [2, 1],
    [3, 3],
  ] as const) {
    matrix[2 * (4 * row + column)] = 1;
  }
  return matrix;
})();
