import type { Units } from './unit-list.ts';

/**
 * What is left to execute once Clifford gates are moved into a frame. Every operation is one of these, on at most 32 wires; bit
 * `w` of a mask is wire `w`. Wires are the logical qubits that something acts on, numbered as they lie at the start.
 */
export const OperationKind = {
  /** `Ry` without its cosine on one wire; each wire of `controls` that is 1 turns it round. */
  rotationY: 0,
  /** A phase where all wires of the mask are 1 (after the frame's flips). */
  phase: 1,
  /** `exp(-i h (-1)^parity)` of the wires of the mask. */
  parity: 2,
  /** A phase for each combination of wires. */
  diagonal: 3,
  /** A dense matrix on two wires. */
  matrix: 4,
  /** `Rx` in the form of {@link OperationKind.rotationY}. */
  rotationX: 5,
} as const;

/** Steps that compute the numbers of the operations, in circuit order. Operands follow each code in the tape. */
export const TapeCode = {
  /** wire, slot, unit: a phase `e^(i angle)` where the wire is 1. */
  phase: 0,
  /** wire, slot, unit of half the angle: `Rz`. */
  rotateZ: 1,
  /** wire, gate, unit, fresh: multiplies the wire's run of one-qubit gates. */
  run: 2,
  /** wire, rotation, slot or -1, slot after or -1: turns the run into phases and a rotation. */
  flush: 3,
  /** wire, wire. */
  controlledZ: 4,
  /** wire. */
  flip: 5,
  /** wire. */
  sign: 6,
  /** operation, unit: a phase on several wires. */
  phaseTerm: 7,
  /** operation, unit of the half angle. */
  parityTerm: 8,
  /** operation, number of the aux list. */
  diagonalTerm: 9,
  /** operation, unit: a phase on wires as they are stored. */
  storedTerm: 10,
  /** unit: everything. */
  global: 11,
  /** wire, slot: the sign left on a wire at the end. */
  finalSign: 12,
  /** operation, wire, wire, has run, has run, has CZ: begins a matrix with what is pending on its wires. */
  matrixBegin: 13,
  /** operation, wire, wire (bits 0 and 1 of the matrix's index), number of the aux list. */
  matrixMultiply: 14,
  /** operation, has run, has run, last: takes in the runs after it; the last one ends it. */
  matrixEnd: 15,
  /** wire, rotation, slot before it or -1: turns a run about X alone into one rotation. */
  flushX: 16,
  /** wire: the run on |0> is how the wire starts. */
  start: 17,
} as const;

/** Gates that a run is made of, each of determinant 1: what is over counts as a global phase. */
export const RunGate = { h: 0, x: 1, z: 2, rx: 3, ry: 4, rz: 5, u: 6, matrix: 7 } as const;

/** Operations as columns. */
export interface LoweredOperations {
  readonly count: number;
  readonly kinds: Uint8Array;
  readonly masks: Int32Array;
  readonly controls: Int32Array;
  /** 1 where `Rz` with a tangent within -1..1 does: a parity, or a one-wire phase whose excess went into the frame. */
  readonly rotatable: Uint8Array;
  /** Of phases: wires whose stored bit decides, whatever the angles, and the bits with which the phase acts. */
  readonly certain: Int32Array;
  readonly certainBits: Int32Array;
  /** Ordered wires of diagonals and matrices. */
  readonly wires: ReadonlyMap<number, readonly number[]>;
}

/** A unitary circuit, ready to be planned. Structure only: it depends on gates and qubits, never on angles. */
export interface LoweredCircuit {
  readonly qubitCount: number;
  /** Logical qubits that are acted on, ascending: wire `w` is `activeQubits[w]` at the start. */
  readonly activeQubits: Int32Array;
  /** For each logical qubit the one at whose starting place it ends: swaps are names. */
  readonly finalPlaces: Int32Array;
  readonly operations: LoweredOperations;
  /** True where the program begins with a product state of its own, whatever is in memory. */
  readonly sets: boolean;
  readonly tape: Int32Array;
  readonly units: Units;
  /** Matrices and diagonals that the tape refers to. */
  readonly constants: readonly Float64Array[];
  readonly parameterNames: readonly string[];
}
