import type { Circuit } from '../../circuit/circuit.ts';
import type { Instruction } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';

/**
 * What an {@link Interaction} is. Numbers, because optimisers compare them in their innermost loops.
 *
 * - `rotation`: `exp(i angle n.sigma)` on one wire; only with a free parameter (numeric one-qubit gates live in frames).
 * - `core`: `exp(i angle n.sigma (x) m.sigma)` on two wires; pi/4 is of the class of cx. The angle may have free parameters.
 * - `block`: any other two-qubit unitary.
 * - `ccz`: the phase -1 where three wires all point along their axes' negative direction; with the axes z, z, z it is ccz.
 * - `fence`: an instruction that no gate on its wires passes: measurement, reset, barrier, delay, control flow, assignment. Its
 *   wires may be more than its instruction's qubits: all of them where it writes variables that angles read. Fences that share
 *   classical bits or variables keep their order, whatever their wires.
 */
export const InteractionKind = { rotation: 0, core: 1, block: 2, ccz: 3, fence: 4 } as const;
export type InteractionKind = (typeof InteractionKind)[keyof typeof InteractionKind];

/**
 * One step of a circuit in which one-qubit gates have been pushed behind everything they can pass: each step is then described by
 * Bloch axes, and two steps commute where their axes on every shared wire are parallel. One class for all kinds keeps property
 * accesses monomorphic. Treat as immutable: optimisers make new ones.
 */
export class Interaction {
  constructor(
    readonly kind: InteractionKind,
    /** One for a rotation, two for cores and blocks, three for ccz, any number for fences. Bit k of a matrix index is wire k. */
    readonly wires: readonly number[],
    /** `[wires, 3]` row-major unit vectors of rotations, cores and ccz; empty for the others. */
    readonly axes: Float64Array,
    /** Of rotations and cores; 0 for the others. Radians. */
    readonly angle: ParameterValue,
    /** `[4, 4, 2]` row-major interleaved, of blocks; empty for the others. */
    readonly matrix: Float64Array,
    /** How many cx it needs on its own: 0..3 for cores and blocks (a core with a free angle: 2), 0 for rotations and fences. */
    readonly cost: number,
    /** A fence's instruction, its qubits numbered as wires; null for the others. */
    readonly instruction: Instruction | null,
    /** A fence's one-qubit unitaries that act just before it, one `[2, 2, 2]` per wire; empty for the others. */
    readonly framesBefore: readonly Float64Array[],
  ) {}
}

/** A circuit in this form. The global phase is not kept. */
export interface InteractionCircuit {
  readonly wireCount: number;
  readonly interactions: readonly Interaction[];
  /** For each wire the one-qubit unitary `[2, 2, 2]` (row-major, interleaved) that acts after its last interaction. */
  readonly frames: readonly Float64Array[];
  /** `[qubits]`: the wire on which each qubit ends; swaps are names here, never gates. Each qubit starts on the wire of its number. */
  readonly wireOfQubit: Int32Array;
  /** Of the classical side, which fences use: a circuit without instructions that has the registers and variables. */
  readonly classical: Circuit;
}
