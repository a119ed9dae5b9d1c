import { type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { isOdd } from '../planner/bits.ts';
import { GlobalPhase } from './global-phase.ts';
import { type LoweredOperations, OperationKind, RunGate, TapeCode } from './lowered-circuit.ts';
import { ABOUT_X, AFTER, BEFORE, HADAMARD, RUN } from './run-flags.ts';
import { UnitList } from './unit-list.ts';

const bit = (wire: number) => 1 << wire;

/**
 * Turns gates into operations while it moves Clifford gates to the end: the state is `X^x CZ.. Z^z` times what is stored. Here
 * only what the gates' types tell is decided; `x`, `z` and angles are computed from the tape.
 */
export class FrameLowering {
  readonly units = new UnitList();
  readonly tape: number[] = [];
  readonly constants: Float64Array[] = [];
  readonly #kinds: number[] = [];
  readonly #masks: number[] = [];
  readonly #controls: number[] = [];
  readonly #rotatable: number[] = [];
  readonly #certain: number[] = [];
  readonly #certainBits: number[] = [];
  readonly #wires = new Map<number, readonly number[]>();
  readonly #runs: Uint8Array;
  /** Open phase operation of each wire since its last rotation, or -1. */
  readonly #slots: Int32Array;
  /** Pending CZ partners. */
  readonly #partners: Int32Array;
  /** Open matrix operation of each wire, or -1, and the other wire of it. */
  readonly #matrices: Int32Array;
  readonly #matrixPartners: Int32Array;
  /** Wires that have a flip pending, where that is certain; where it depends on angles; wires that may have a sign pending. */
  #flips = 0;
  #uncertain: number;
  /** Wires that nothing but flips acted on so far: they are stored as |0>. */
  #fresh: number;
  /** How many wires start with the image of |0> under their first run. */
  startCount = 0;
  #signs = 0;
  readonly #global = new GlobalPhase();

  /**
   * @param start what is known of the state at the start: not even its flips; no more; or that it is |0...0>, so that the program begins with
   *   a product state of its own.
   */
  constructor(wireCount: number, start: 'any' | 'plain' | 'product') {
    this.#runs = new Uint8Array(wireCount);
    this.#slots = new Int32Array(wireCount).fill(-1);
    this.#partners = new Int32Array(wireCount);
    this.#matrices = new Int32Array(wireCount).fill(-1);
    this.#matrixPartners = new Int32Array(wireCount);
    this.#uncertain = start === 'any' ? -1 : 0;
    this.#fresh = start === 'product' ? -1 : 0;
  }

  /** The value of a wire where that is known whatever the angles, else -1. */
  knownBit(wire: number): number {
    if ((this.#fresh & bit(wire)) === 0 || this.#collects(wire)) return -1;
    return (this.#flips >>> wire) & 1;
  }

  #add(kind: number, mask: number, controls = 0): number {
    this.#kinds.push(kind);
    this.#masks.push(mask);
    this.#controls.push(controls);
    this.#rotatable.push(kind === OperationKind.parity ? 1 : 0);
    // A slot's phase is kept in terms of what is stored.
    const certain =
      kind !== OperationKind.phase ? 0 : (mask & (mask - 1)) === 0 ? mask : mask & ~this.#uncertain;
    this.#certain.push(certain);
    this.#certainBits.push((mask & (mask - 1)) === 0 ? certain : certain & ~this.#flips);
    return this.#kinds.length - 1;
  }

  #slot(wire: number): number {
    if (this.#slots[wire]! < 0) this.#slots[wire] = this.#add(OperationKind.phase, bit(wire));
    return this.#slots[wire]!;
  }

  /** True where gates of the wire are collected in a run before anything else happens. */
  #collects(wire: number): boolean {
    return this.#runs[wire] !== 0 || this.#matrices[wire]! >= 0;
  }

  #multiply(wire: number, gate: number, unit: number, flags: number): void {
    const run = this.#runs[wire]!;
    this.tape.push(TapeCode.run, wire, gate, unit, run === 0 ? 1 : 0);
    if (run === 0) this.#runs[wire] = RUN | flags;
    else {
      const phases =
        (run & AFTER) !== 0 || (flags & BEFORE) !== 0 ? BEFORE | AFTER : (run & BEFORE) | (flags & AFTER);
      this.#runs[wire] = RUN | phases | (run & flags & ABOUT_X);
    }
  }

  /** `diag(1, e^(i angle))`. */
  phase(wire: number, angle: ParameterValue): void {
    if (this.#collects(wire)) {
      this.#diagonalRun(wire, this.#globalHalf(angle));
      return;
    }
    const known = this.knownBit(wire);
    if (known === 1) this.global(angle);
    if (known >= 0) return;
    this.tape.push(TapeCode.phase, wire, this.#slot(wire), this.units.add(angle));
  }

  /** `diag(e^(-i angle/2), e^(i angle/2))`. */
  rotateZ(wire: number, angle: ParameterValue): void {
    const known = this.knownBit(wire);
    if (known >= 0) {
      this.global(scaleAngle(angle, known - 0.5));
      return;
    }
    const unit = this.units.add(angle, 0.5);
    if (this.#collects(wire)) this.#diagonalRun(wire, unit);
    else this.tape.push(TapeCode.rotateZ, wire, this.#slot(wire), unit);
  }

  /** A phase of half an angle on everything, which makes `p` of `rz`; its unit. */
  #globalHalf(angle: ParameterValue): number {
    const unit = this.units.add(angle, 0.5);
    if (typeof angle === 'number') this.#global.turn(angle / 2);
    else this.tape.push(TapeCode.global, unit);
    return unit;
  }

  #diagonalRun(wire: number, unit: number): void {
    const run = this.#runs[wire]!;
    this.tape.push(TapeCode.run, wire, RunGate.rz, unit, run === 0 ? 1 : 0);
    this.#runs[wire] = RUN | (run & BEFORE) | AFTER;
  }

  pauliX(wire: number): void {
    if (this.#collects(wire)) {
      this.#multiply(wire, RunGate.x, 0, ABOUT_X);
      this.#global.turnEighths(2);
      return;
    }
    this.tape.push(TapeCode.flip, wire);
    this.#flips ^= bit(wire);
  }

  pauliZ(wire: number): void {
    if (this.#collects(wire)) {
      this.#multiply(wire, RunGate.z, 0, 0);
      this.#global.turnEighths(2);
      return;
    }
    const known = this.knownBit(wire);
    if (known === 1) this.#global.turnEighths(4);
    if (known >= 0) return;
    this.tape.push(TapeCode.sign, wire);
    this.#signs |= bit(wire);
  }

  pauliY(wire: number): void {
    // Y = i X Z
    this.pauliZ(wire);
    this.pauliX(wire);
    this.#global.turnEighths(2);
  }

  hadamard(wire: number): void {
    const alone = !this.#collects(wire);
    this.#multiply(wire, RunGate.h, 0, 0);
    this.#global.turnEighths(2);
    if (alone) this.#runs[wire] = RUN | HADAMARD;
  }

  /** A real rotation about Y. */
  rotateY(wire: number, angle: ParameterValue): void {
    this.#multiply(wire, RunGate.ry, this.units.add(angle, 0.5), 0);
  }

  rotateX(wire: number, angle: ParameterValue): void {
    this.#multiply(wire, RunGate.rx, this.units.add(angle, 0.5), BEFORE | AFTER | ABOUT_X);
  }

  squareRootOfX(wire: number, inverse: boolean): void {
    // sx = e^(i pi/4) rx(pi/2)
    const angle = inverse ? -Math.PI / 2 : Math.PI / 2;
    this.rotateX(wire, angle);
    this.#global.turnEighths(inverse ? 7 : 1);
  }

  u(wire: number, theta: ParameterValue, phi: ParameterValue, lambda: ParameterValue): void {
    const unit = this.units.add(theta, 0.5);
    this.#globalHalf(phi);
    this.#globalHalf(lambda);
    this.#multiply(wire, RunGate.u, unit, BEFORE | AFTER);
  }

  /** A unitary matrix `[2, 2, 2]` on one wire. */
  unitary(wire: number, matrix: Float64Array): void {
    const [ar, ai, br, bi] = [matrix[0]!, matrix[1]!, matrix[2]!, matrix[3]!];
    const [cr, ci, dr, di] = [matrix[4]!, matrix[5]!, matrix[6]!, matrix[7]!];
    const half = Math.atan2(ar * di + ai * dr - br * ci - bi * cr, ar * dr - ai * di - br * cr + bi * ci) / 2;
    const [c, s] = [Math.cos(half), Math.sin(half)];
    this.#global.turn(half);
    this.constants.push(Float64Array.of(ar * c + ai * s, ai * c - ar * s, cr * c + ci * s, ci * c - cr * s));
    this.#multiply(wire, RunGate.matrix, this.constants.length - 1, BEFORE | AFTER);
  }

  global(angle: ParameterValue): void {
    if (typeof angle === 'number') this.#global.turn(angle);
    else this.tape.push(TapeCode.global, this.units.add(angle));
  }

  /** Ends what is collected on a wire. */
  flush(wire: number): void {
    if (this.#matrices[wire]! >= 0) this.#endMatrix(wire);
    const run = this.#runs[wire]!;
    if (run === 0) return;
    this.#runs[wire] = 0;
    const isFirst = (this.#fresh & bit(wire)) !== 0;
    this.#fresh &= ~bit(wire);
    if (isFirst) {
      this.startCount++;
      this.tape.push(TapeCode.start, wire);
      return;
    }
    if ((run & ABOUT_X) !== 0) {
      this.#rotateAboutX(wire);
      return;
    }
    const before = (run & BEFORE) !== 0 ? this.#slot(wire) : this.#slots[wire]!;
    if (before >= 0) this.#rotatable[before] = 1;
    const rotation = this.#add(OperationKind.rotationY, bit(wire), this.#partners[wire]!);
    this.#slots[wire] = -1;
    const after = (run & AFTER) !== 0 ? this.#slot(wire) : -1;
    this.tape.push(TapeCode.flush, wire, rotation, before, after);
    if (run === (RUN | HADAMARD)) this.#flips ^= bit(wire);
    else this.#uncertain |= bit(wire);
    if (run !== (RUN | HADAMARD) || before >= 0) this.#signs |= bit(wire);
  }

  /** Flips commute with it: signs alone turn it round. */
  #rotateAboutX(wire: number): void {
    const before = this.#slots[wire]!;
    if (before >= 0) {
      this.#rotatable[before] = 1;
      this.#signs |= bit(wire);
    }
    const rotation = this.#add(OperationKind.rotationX, bit(wire), this.#partners[wire]!);
    this.#slots[wire] = -1;
    this.tape.push(TapeCode.flushX, wire, rotation, before);
    this.#uncertain |= bit(wire);
  }

  controlledZ(a: number, b: number): void {
    const both = bit(a) | bit(b);
    if (this.#areKnown(both)) {
      if ((this.#flips & both) === both) this.#global.turnEighths(4);
      return;
    }
    this.#entangle(both);
    this.tape.push(TapeCode.controlledZ, a, b);
    this.#partners[a]! ^= bit(b);
    this.#partners[b]! ^= bit(a);
    const flips = this.#flips | this.#uncertain;
    if ((flips & bit(a)) !== 0) this.#signs |= bit(b);
    if ((flips & bit(b)) !== 0) this.#signs |= bit(a);
  }

  /** A phase where all wires of the mask (two or more) are 1. */
  phaseTerm(mask: number, angle: ParameterValue): void {
    if (this.#areKnown(mask)) {
      if ((this.#flips & mask) === mask) this.global(angle);
      return;
    }
    this.#entangle(mask);
    this.tape.push(TapeCode.phaseTerm, this.#add(OperationKind.phase, mask), this.units.add(angle));
  }

  /** `exp(-i angle/2 (-1)^parity)` of two wires or more. */
  parityTerm(mask: number, angle: ParameterValue): void {
    if (this.#areKnown(mask)) {
      this.global(scaleAngle(angle, isOdd(this.#flips & mask) ? 0.5 : -0.5));
      return;
    }
    this.#entangle(mask);
    this.tape.push(TapeCode.parityTerm, this.#add(OperationKind.parity, mask), this.units.add(angle, 0.5));
    this.#signs |= mask;
  }

  #areKnown(mask: number): boolean {
    if ((mask & ~this.#fresh) !== 0) return false;
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      if (this.#collects(31 - Math.clz32(rest & -rest))) return false;
    }
    return true;
  }

  /** Ends what is collected on wires that an operation is about to act on together. */
  #entangle(mask: number): void {
    for (let rest = mask; rest !== 0; rest &= rest - 1) this.flush(31 - Math.clz32(rest & -rest));
    this.#fresh &= ~mask;
  }

  /** `[2^k]` angles, bit 0 of an index being that of the first wire. */
  diagonal(wires: readonly number[], phases: Float64Array): void {
    const mask = wires.reduce((sum, wire) => sum | bit(wire), 0);
    this.#entangle(mask);
    const operation = this.#add(OperationKind.diagonal, mask);
    this.#wires.set(operation, wires);
    this.tape.push(TapeCode.diagonalTerm, operation, this.constants.push(phases) - 1);
  }

  /** A unitary matrix `[4, 4, 2]`, bit 0 of an index being that of wire `a`. */
  matrix(a: number, b: number, matrix: Float64Array): void {
    if (this.#matrices[a]! < 0 || this.#matrixPartners[a] !== b) this.#beginMatrix(a, b);
    else this.#takeRuns(a);
    this.tape.push(TapeCode.matrixMultiply, this.#matrices[a]!, a, b, this.constants.push(matrix) - 1);
  }

  #beginMatrix(a: number, b: number): void {
    for (const wire of [a, b]) if (this.#matrices[wire]! >= 0) this.#endMatrix(wire);
    const both = bit(a) | bit(b);
    this.#fresh &= ~both;
    for (const wire of [a, b]) {
      for (let rest = this.#partners[wire]! & ~both; rest !== 0; rest &= rest - 1) {
        this.#storeControlledZ(wire, 31 - Math.clz32(rest & -rest));
      }
    }
    const operation = this.#add(OperationKind.matrix, both);
    this.#wires.set(operation, [a, b]);
    const hasZ = (this.#partners[a]! & bit(b)) !== 0 ? 1 : 0;
    this.tape.push(TapeCode.matrixBegin, operation, a, b, this.#runs[a]! & 1, this.#runs[b]! & 1, hasZ);
    if (hasZ === 1) {
      this.#partners[a]! ^= bit(b);
      this.#partners[b]! ^= bit(a);
    }
    for (const wire of [a, b]) {
      this.#runs[wire] = 0;
      this.#slots[wire] = -1;
      this.#matrices[wire] = operation;
    }
    this.#matrixPartners[a] = b;
    this.#matrixPartners[b] = a;
    this.#signs &= ~both;
  }

  #takeRuns(wire: number): void {
    const operation = this.#matrices[wire]!;
    const [a, b] = this.#wires.get(operation)!;
    this.tape.push(TapeCode.matrixEnd, operation, this.#runs[a!]! & 1, this.#runs[b!]! & 1, 0);
    this.#runs[a!] = 0;
    this.#runs[b!] = 0;
  }

  #endMatrix(wire: number): void {
    const operation = this.#matrices[wire]!;
    const [a, b] = this.#wires.get(operation)!;
    this.tape.push(TapeCode.matrixEnd, operation, this.#runs[a!]! & 1, this.#runs[b!]! & 1, 1);
    for (const each of [a!, b!]) {
      this.#runs[each] = 0;
      this.#matrices[each] = -1;
    }
  }

  /** Executes a pending CZ as a phase. */
  #storeControlledZ(a: number, b: number): void {
    const operation = this.#add(OperationKind.phase, bit(a) | bit(b));
    this.#certain[operation] = this.#certainBits[operation] = bit(a) | bit(b);
    this.tape.push(TapeCode.storedTerm, operation, this.units.add(Math.PI));
    this.#partners[a]! ^= bit(b);
    this.#partners[b]! ^= bit(a);
  }

  /** Executes what is pending, but for flips. */
  finish(): LoweredOperations {
    const wireCount = this.#runs.length;
    const globalAngle = this.#global.finish();
    if (globalAngle !== 0) this.tape.push(TapeCode.global, this.units.add(globalAngle));
    for (let wire = 0; wire < wireCount; wire++) this.flush(wire);
    for (let wire = 0; wire < wireCount; wire++) {
      if ((this.#signs & bit(wire)) !== 0) this.tape.push(TapeCode.finalSign, wire, this.#slot(wire));
      for (let rest = this.#partners[wire]! >>> wire; rest !== 0; rest &= rest - 1) {
        this.#storeControlledZ(wire, wire + 31 - Math.clz32(rest & -rest));
      }
    }
    return {
      count: this.#kinds.length,
      kinds: new Uint8Array(this.#kinds),
      masks: new Int32Array(this.#masks),
      controls: new Int32Array(this.#controls),
      rotatable: new Uint8Array(this.#rotatable),
      certain: new Int32Array(this.#certain),
      certainBits: new Int32Array(this.#certainBits),
      wires: this.#wires,
    };
  }
}
