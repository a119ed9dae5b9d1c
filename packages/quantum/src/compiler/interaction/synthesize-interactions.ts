import type { Circuit } from '../../circuit/circuit.ts';
import { type ParameterValue, scaleAngle, shiftAngle } from '../../circuit/parameter.ts';
import { finishAtOnce, type Work } from '../in-turns.ts';
import {
  followedBy,
  inverseRotation,
  NO_ROTATION,
  type Rotation,
  rotationAbout,
  rotationOfMatrix,
} from '../translation/rotation.ts';
import { cross, type Direction, rotationBetween } from './direction.ts';
import { EntanglerWriter } from './entangler-writer.ts';
import { findFreeCoreGroup } from './free-core-group.ts';
import { type Interaction, type InteractionCircuit, InteractionKind } from './interaction.ts';
import { exchangeWires, followWithSwap } from './matrix4.ts';
import { straightenFrames } from './straighten-frames.ts';
import { coreCost, type Entangler, TwoQubitClass } from './two-qubit-class.ts';
import { weylDecomposition } from './weyl-decomposition.ts';
import { rotateAxisBack } from './wire-frames.ts';

export type { Entangler } from './two-qubit-class.ts';

const X: Direction = [1, 0, 0];
const Y: Direction = [0, 1, 0];
const Z: Direction = [0, 0, 1];
const HALF_PI = Math.PI / 2;
const QUARTER_PI = Math.PI / 4;
const QUARTER_X = rotationAbout('x', HALF_PI);
const QUARTER_Z = rotationAbout('z', HALF_PI);
const BACK_Z = rotationAbout('z', -HALF_PI);

const classifier = new TwoQubitClass();

/** How {@link synthesizeInteractions} writes a circuit. */
export interface SynthesisOptions {
  /** The only gate on two qubits that the circuit will have. rzz may have any angle; the others none. */
  readonly entangler: Entangler;
}

/**
 * Writes a circuit in interaction form as gates: one kind of entangler, as few as each step needs, `u` gates, `rz` where angles
 * are free, and the instructions of the fences.
 *
 * The qubits of the result are the wires. It is equal to the circuit that was collected up to a global phase, once qubit `q` is
 * looked for on wire `wireOfQubit[q]` at the end.
 */
export function synthesizeInteractions(circuit: InteractionCircuit, options: SynthesisOptions): Circuit {
  return finishAtOnce(synthesizeInTurns(circuit, options));
}

/** How often {@link synthesizeInTurns} pauses, in steps. */
const STEPS_BETWEEN_PAUSES = 64;

/** {@link synthesizeInteractions} with pauses. Told to settle, it spends little on one-qubit gates. */
export function* synthesizeInTurns(
  circuit: InteractionCircuit,
  { entangler }: SynthesisOptions,
): Work<Circuit> {
  const writer = new EntanglerWriter(circuit.wireCount, entangler, circuit.classical);
  const synthesizer = new StepSynthesizer(writer, entangler);
  const { interactions } = circuit;
  const written = new Uint8Array(interactions.length);
  for (const [i, step] of interactions.entries()) {
    if (i % STEPS_BETWEEN_PAUSES === 0) yield;
    if (written[i] === 1) continue;
    const group = findFreeCoreGroup(interactions, i);
    for (const member of group) written[member] = 1;
    if (group.length === 1) synthesizer.write(step);
    else synthesizer.writeGroup(group.map((member) => interactions[member]!));
  }
  circuit.frames.forEach((frame, wire) => {
    writer.rotate(wire, rotationOfMatrix(frame));
  });
  return yield* writer.finish();
}

class StepSynthesizer {
  readonly #writer: EntanglerWriter;
  readonly #entangler: Entangler;

  constructor(writer: EntanglerWriter, entangler: Entangler) {
    this.#writer = writer;
    this.#entangler = entangler;
  }

  write(step: Interaction): void {
    const { wires, axes, angle } = step;
    switch (step.kind) {
      case InteractionKind.rotation:
        this.#writer.turn(wires[0]!, directionAt(axes, 0), angle);
        break;
      case InteractionKind.core:
        this.#core(wires[0]!, wires[1]!, directionAt(axes, 0), directionAt(axes, 3), angle);
        break;
      case InteractionKind.block:
        this.#block(wires[0]!, wires[1]!, step.matrix);
        break;
      case InteractionKind.ccz:
        this.#ccz(step);
        break;
      case InteractionKind.fence:
        step.framesBefore.forEach((frame, k) => {
          this.#writer.rotate(wires[k]!, rotationOfMatrix(frame));
        });
        this.#writer.fence(step.instruction!, wires);
    }
  }

  /** Two or three cores on one pair whose axes are perpendicular: `exp(i (x XX + y YY + z ZZ))` with both wires turned. */
  writeGroup(steps: readonly Interaction[]): void {
    const [first, second, third] = steps as readonly [Interaction, Interaction, Interaction?];
    const writer = this.#writer;
    if (this.#entangler === 'rzz') {
      for (const step of steps) this.write(step);
      return;
    }
    const [a, b] = [first.wires[0]!, first.wires[1]!];
    const axes = [a, b].map((wire) => steps.map((step) => axisOn(step, wire)));
    const frames = axes.map(([x, y]) => frameOf(x!, y!));
    writer.rotate(a, frames[0]!);
    writer.rotate(b, frames[1]!);
    if (third === undefined) this.#two(a, b, first.angle, second.angle);
    else {
      // In both frames the third axis is Z or against it.
      const sign = axes.reduce((product, [x, y, z]) => product * Math.sign(dot(cross(x!, y!), z!)), 1);
      const z = scaleAngle(third.angle, sign);
      if (this.#entangler === 'iswap') {
        this.#two(a, b, first.angle, second.angle);
        this.#core(a, b, Z, Z, z);
      } else this.#three(a, b, first.angle, second.angle, z);
    }
    writer.rotate(a, inverseRotation(frames[0]!));
    writer.rotate(b, inverseRotation(frames[1]!));
  }

  #core(a: number, b: number, n: Direction, m: Direction, angle: ParameterValue): void {
    const writer = this.#writer;
    if (this.#entangler === 'rzz') writer.ising(a, b, n, m, angle);
    else if (this.#entangler !== 'iswap' && typeof angle === 'number' && coreCost(angle) === 1) {
      writer.entangle(a, b, n, m, angle > 0 ? 1 : -1);
    } else {
      // With p, q, n right-handed: exp(-i pi/4 p (x) m) q exp(i pi/4 p (x) m) = n (x) m.
      const p = writer.historyOf(a).perpendicular(NO_ROTATION, n);
      writer.entangle(b, a, m, p);
      writer.turn(a, cross(n, p), angle);
      this.#entangleBack(b, a, m, p);
    }
  }

  /** `exp(-i pi/4 n.sigma (x) m.sigma)`, written like the one before it with half turns after: both wires need no more between. */
  #entangleBack(a: number, b: number, n: Direction, m: Direction): void {
    this.#writer.entangle(a, b, n, m);
    this.#writer.turn(a, n, HALF_PI);
    this.#writer.turn(b, m, HALF_PI);
  }

  #block(a: number, b: number, matrix: Float64Array): void {
    const { cost, costWithSwap } = classifier.classify(matrix);
    if (this.#entangler === 'rzz') {
      this.#weyl(a, b, matrix, cost);
      return;
    }
    // iswap is a cz and an exchange: an odd number of them leaves one exchange, which another one before them undoes.
    const isOdd = cost === 3 || costWithSwap === 1;
    if (this.#entangler !== 'iswap' || !isOdd) {
      this.#weyl(a, b, matrix, cost === 1 && this.#entangler === 'iswap' ? 2 : cost);
      return;
    }
    this.#writer.exchange(a, b);
    this.#weyl(a, b, swapFirst(matrix), costWithSwap === 1 ? 1 : 3);
  }

  /** A unitary by its Weyl decomposition and so many entanglers; for rzz, one for each coordinate. */
  #weyl(a: number, b: number, matrix: Float64Array, count: number): void {
    const writer = this.#writer;
    const { before, after, coordinates } = straightenFrames(weylDecomposition(matrix), [
      writer.historyOf(a),
      writer.historyOf(b),
    ]);
    writer.rotate(a, before[0]);
    writer.rotate(b, before[1]);
    const [x, y, z] = coordinates;
    if (this.#entangler === 'rzz') {
      const axes = [X, Y, Z];
      for (let k = 0; k < count; k++) writer.ising(a, b, axes[k]!, axes[k]!, coordinates[k]!);
    } else if (count === 1) writer.entangle(a, b, X, X);
    else if (count === 2) this.#two(a, b, x, y);
    else this.#three(a, b, x, y, z);
    writer.rotate(a, after[0]);
    writer.rotate(b, after[1]);
  }

  /** `exp(i (x XX + y YY))`: between two entanglers about Y (x) X both terms are one-qubit rotations. */
  #two(a: number, b: number, x: ParameterValue, y: ParameterValue): void {
    this.#writer.entangle(a, b, Y, X);
    this.#writer.turn(a, Z, x);
    this.#writer.turn(b, Z, scaleAngle(y, -1));
    this.#entangleBack(a, b, Y, X);
  }

  /** `exp(i (x XX + y YY + z ZZ))` by three (Vatan, Williams, Phys. Rev. A 69 (2004) 032315). */
  #three(a: number, b: number, x: ParameterValue, y: ParameterValue, z: ParameterValue): void {
    const writer = this.#writer;
    writer.rotate(b, QUARTER_Z);
    this.#controlledNot(b, a);
    writer.turn(a, Z, shiftAngle(z, -QUARTER_PI));
    writer.turn(b, Y, shiftAngle(x, -QUARTER_PI));
    this.#controlledNot(a, b);
    writer.turn(b, Y, shiftAngle(scaleAngle(y, -1), QUARTER_PI));
    this.#controlledNot(b, a);
    writer.rotate(a, BACK_Z);
  }

  #controlledNot(control: number, target: number): void {
    this.#writer.rotate(control, QUARTER_Z);
    this.#writer.rotate(target, QUARTER_X);
    this.#writer.entangle(control, target, Z, X);
  }

  /** The plain six cx; optimisers know better ones where there is something next to it. */
  #ccz({ wires, axes }: Interaction): void {
    const writer = this.#writer;
    const turns = [0, 3, 6].map((at) => rotationBetween(directionAt(axes, at), Z));
    turns.forEach((turn, k) => {
      writer.rotate(wires[k]!, turn);
    });
    for (const [wire, eighths, control] of CCZ_STEPS) {
      writer.rotate(wires[wire]!, rotationAbout('z', (eighths * Math.PI) / 4));
      if (control !== null) this.#parity(wires[control]!, wires[wire]!);
    }
    turns.forEach((turn, k) => {
      writer.rotate(wires[k]!, inverseRotation(turn));
    });
  }

  /** A cx, by as many entanglers as it takes. */
  #parity(control: number, target: number): void {
    this.#writer.rotate(control, QUARTER_Z);
    this.#writer.rotate(target, QUARTER_X);
    this.#core(control, target, Z, X, Math.PI / 4);
  }
}

/** A rotation of a wire by eighths of a turn about Z, then a cx onto it. */
const CCZ_STEPS: readonly (readonly [wire: number, eighths: number, control: number | null])[] = [
  [2, 0, 1],
  [2, -1, 0],
  [2, 1, 1],
  [2, -1, 0],
  [2, 1, null],
  [1, 1, 0],
  [1, -1, 0],
  [0, 1, null],
];

function axisOn(step: Interaction, wire: number): Direction {
  return directionAt(step.axes, step.wires[0] === wire ? 0 : 3);
}

const dot = (a: Direction, b: Direction) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** The rotation that takes two perpendicular directions to X and Y. */
function frameOf(x: Direction, y: Direction): Rotation {
  const toX = rotationBetween(x, X);
  const turned = Float64Array.from(y);
  rotateAxisBack(turned, 0, toX.w, -toX.x, -toX.y, -toX.z);
  return followedBy(toX, rotationAbout('x', -Math.atan2(turned[2]!, turned[1]!)));
}

function directionAt(axes: Float64Array, at: number): Direction {
  return [axes[at]!, axes[at + 1]!, axes[at + 2]!];
}

/** The matrix that gives the same once a swap went before it: `m SWAP`, its middle columns exchanged. */
function swapFirst(m: Float64Array): Float64Array {
  return exchangeWires(followWithSwap(m.slice()));
}
