import { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { synthesizeRotation } from '../translation/euler-synthesis.ts';
import {
  followedBy,
  inverseRotation,
  NO_ROTATION,
  type Rotation,
  rotationAbout,
} from '../translation/rotation.ts';
import { alignAxis } from './align-axis.ts';
import { placeOnWires } from './place-on-wires.ts';
import type { Entangler } from './two-qubit-class.ts';
import { WireFrames } from './wire-frames.ts';

/** A direction of the Bloch sphere. */
export type Direction = readonly [number, number, number];

const X: Direction = [1, 0, 0];
const Z: Direction = [0, 0, 1];
const BACK_X = rotationAbout('x', -Math.PI / 2);
const BACK_Z = rotationAbout('z', -Math.PI / 2);
const HALF_X = rotationAbout('x', Math.PI);

/** Rotations around a gate that make it `exp(i pi/4 n.sigma (x) m.sigma)`: before and after it, on both of its qubits. */
interface EntanglerFrame {
  /** The directions n and m. */
  readonly axes: readonly [Direction, Direction];
  readonly before: readonly [Rotation | null, Rotation | null];
  readonly after: readonly [Rotation | null, Rotation | null];
}

/** cx is a core about Z and X with quarter turns about them, cz one about Z and Z; ecr is `x(0) cx sx(1) s(0)`. */
const FRAMES: Readonly<Record<Exclude<Entangler, 'rzz'>, EntanglerFrame>> = {
  cx: { axes: [Z, X], before: [null, null], after: [BACK_Z, BACK_X] },
  cz: { axes: [Z, Z], before: [null, null], after: [BACK_Z, BACK_Z] },
  ecr: { axes: [Z, X], before: [BACK_Z, BACK_X], after: [followedBy(HALF_X, BACK_Z), BACK_X] },
  // iswap is swap . cz . (s (x) s); the swap is a change of names.
  iswap: {
    axes: [Z, Z],
    before: [rotationAbout('z', -Math.PI), rotationAbout('z', -Math.PI)],
    after: [null, null],
  },
};

/** Writes a circuit of one entangler, `u` gates and, where angles are free, `rz`. One-qubit gates wait until something needs them. */
export class EntanglerWriter {
  readonly circuit: Circuit;
  readonly #entangler: Entangler;
  readonly #frames: WireFrames;
  /** Where each wire is: iswap gates exchange places, an even number of times in each step. */
  readonly #placeOf: Int32Array;

  constructor(wireCount: number, entangler: Entangler, classical: Circuit) {
    this.circuit = emptyCircuit(wireCount, classical);
    this.#entangler = entangler;
    this.#frames = new WireFrames(wireCount);
    this.#placeOf = Int32Array.from({ length: wireCount }, (_, wire) => wire);
  }

  rotate(wire: number, gate: Rotation): void {
    this.#frames.rotate(this.#placeOf[wire]!, gate);
  }

  /** `exp(i angle n.sigma)`. */
  turn(wire: number, axis: Direction, angle: ParameterValue): void {
    const [x, y, z] = axis;
    if (typeof angle === 'number') {
      const s = -Math.sin(angle);
      this.rotate(wire, { w: Math.cos(angle), x: s * x, y: s * y, z: s * z });
      return;
    }
    const align = rotationBetween(axis, Z);
    this.rotate(wire, align);
    const place = this.#placeOf[wire]!;
    const rest = this.#flushAligned(place, 'z');
    this.circuit.gate('rz', [place], [scaleAngle(angle, -2)]);
    this.#frames.rotate(place, rest);
    this.rotate(wire, inverseRotation(align));
  }

  /** `exp(i sign pi/4 n.sigma (x) m.sigma)` by one entangler other than rzz. */
  entangle(a: number, b: number, n: Direction, m: Direction, sign: 1 | -1 = 1): void {
    const name = this.#entangler as Exclude<Entangler, 'rzz'>;
    const { axes, before, after } = FRAMES[name];
    const signed: Direction = [sign * n[0], sign * n[1], sign * n[2]];
    // The core is the same with its wires exchanged: the cheaper way round.
    const turned =
      axes[0] !== axes[1] && this.#quarterTurns(a, b, signed, m) > this.#quarterTurns(b, a, m, signed);
    const wires = turned ? ([b, a] as const) : ([a, b] as const);
    const directions = turned ? ([m, signed] as const) : ([signed, m] as const);
    const align = [rotationBetween(directions[0], axes[0]), rotationBetween(directions[1], axes[1])] as const;
    for (const k of [0, 1] as const) {
      this.rotate(wires[k], align[k]);
      if (before[k]) this.rotate(wires[k], before[k]);
    }
    const rest = this.#emitPair(name, wires, axes, []);
    if (name === 'iswap') this.exchange(a, b);
    for (const k of [0, 1] as const) {
      if (after[k]) this.rotate(wires[k], after[k]);
      this.rotate(wires[k], rest[k]);
      this.rotate(wires[k], inverseRotation(align[k]));
    }
  }

  /** What it costs to bring two directions to Z and X. */
  #quarterTurns(a: number, b: number, toZ: Direction, toX: Direction): number {
    const turnsOf = (wire: number, direction: Direction, axis: 'x' | 'z') => {
      const waiting = this.#frames.rotationOf(this.#placeOf[wire]!);
      const needed = followedBy(waiting, rotationBetween(direction, axis === 'z' ? Z : X));
      return alignAxis(needed, axis).quarterTurns;
    };
    return turnsOf(a, toZ, 'z') + turnsOf(b, toX, 'x');
  }

  /** `exp(i angle n.sigma (x) m.sigma)` as one rzz. */
  ising(a: number, b: number, n: Direction, m: Direction, angle: ParameterValue): void {
    const align = [rotationBetween(n, Z), rotationBetween(m, Z)] as const;
    this.rotate(a, align[0]);
    this.rotate(b, align[1]);
    const rest = this.#emitPair('rzz', [a, b], [Z, Z], [scaleAngle(angle, -2)]);
    [a, b].forEach((wire, k) => {
      this.rotate(wire, rest[k]!);
      this.rotate(wire, inverseRotation(align[k]!));
    });
  }

  /** @returns for each wire the turn about the gate's axis that was left for after it. */
  #emitPair(
    name: string,
    wires: readonly [number, number],
    axes: readonly [Direction, Direction],
    angles: readonly ParameterValue[],
  ): readonly [Rotation, Rotation] {
    const places = [this.#placeOf[wires[0]]!, this.#placeOf[wires[1]]!] as const;
    const rest = [
      this.#flushAligned(places[0], axes[0] === Z ? 'z' : 'x'),
      this.#flushAligned(places[1], axes[1] === Z ? 'z' : 'x'),
    ] as const;
    this.circuit.gate(name, places, angles);
    return rest;
  }

  /** Exchanges the places of two wires, with what waits there: an iswap has done so, or another one is still to come. */
  exchange(a: number, b: number): void {
    [this.#placeOf[a], this.#placeOf[b]] = [this.#placeOf[b]!, this.#placeOf[a]!];
  }

  /** A fence with the unitaries just before it. */
  fence(instruction: Instruction, wires: readonly number[]): void {
    for (const wire of wires) this.#flush(this.#placeOf[wire]!);
    this.circuit.append(placeOnWires(instruction, this.#placeOf));
  }

  finish(): Circuit {
    for (let place = 0; place < this.#placeOf.length; place++) this.#flush(place);
    return this.circuit;
  }

  #flush(place: number): void {
    if (this.#frames.isIdentity(place)) return;
    this.#append(place, this.#frames.rotationOf(place));
    this.#frames.reset(place);
  }

  /** Writes as little as a gate along an axis needs before it. @returns the turn about the axis that is left. */
  #flushAligned(place: number, axis: 'x' | 'z'): Rotation {
    if (this.#frames.isIdentity(place)) return NO_ROTATION;
    const { aligned, rest } = alignAxis(this.#frames.rotationOf(place), axis);
    this.#append(place, aligned);
    this.#frames.reset(place);
    return rest;
  }

  #append(place: number, rotation: Rotation): void {
    for (const step of synthesizeRotation(rotation, 'U')) {
      this.circuit.gate(step.name, [place], step.parameters);
    }
  }
}

/** A circuit of so many qubits with the classical side of another one; its qubit names too where they still fit. */
function emptyCircuit(wireCount: number, classical: Circuit): Circuit {
  if (classical.qubitCount === wireCount) return classical.emptyCopy();
  const circuit = new Circuit(wireCount, classical.clbitCount);
  for (const { name, start, size, isLocal } of classical.classicalRegisters) {
    circuit.nameClbits(name, start, size, isLocal);
  }
  for (const variable of classical.variables) circuit.declare(variable);
  return circuit;
}

/** The shortest rotation that takes one direction to another. */
export function rotationBetween(from: Direction, to: Direction): Rotation {
  const w = 1 + from[0] * to[0] + from[1] * to[1] + from[2] * to[2];
  // Opposite directions: half a turn about anything perpendicular.
  if (w < 1e-12) {
    const [x, y, z] = perpendicularTo(from);
    return { w: 0, x, y, z };
  }
  const x = from[1] * to[2] - from[2] * to[1];
  const y = from[2] * to[0] - from[0] * to[2];
  const z = from[0] * to[1] - from[1] * to[0];
  const scale = 1 / Math.sqrt(w * w + x * x + y * y + z * z);
  return { w: w * scale, x: x * scale, y: y * scale, z: z * scale };
}

/** A unit vector perpendicular to a direction. */
export function perpendicularTo([x, y, z]: Direction): Direction {
  if (Math.abs(x) < 0.9) {
    const length = Math.hypot(y, z);
    return [0, z / length, -y / length];
  }
  const length = Math.hypot(x, z);
  return [-z / length, 0, x / length];
}

export function cross(a: Direction, b: Direction): Direction {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
