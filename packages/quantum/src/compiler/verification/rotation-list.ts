import { PauliFrame } from './pauli-frame.ts';
import { doCommute, lettersKey, type PauliString, signOf, withoutSign } from './pauli-string.ts';
import { findCluster, type RotationCluster, turnAxes } from './rotation-cluster.ts';

/** `exp(-i angle/2 axis)`. */
export interface PauliRotation {
  /** With a plus sign. */
  readonly axis: PauliString;
  /** Equal for equal axes. */
  readonly key: string;
  /** In (0, pi/2). */
  readonly angle: number;
}

const QUARTER = Math.PI / 2;
/** Angles this near to a multiple of pi/2 count as one; what is lost is summed up. */
const SNAP = 1e-8;

/**
 * A circuit as rotations about Pauli strings followed by a Clifford circuit. Every Clifford gate, swaps among them, is drawn to the end,
 * past all rotations, whose axes are strings as seen from the inputs (Litinski, arXiv 1808.02892). Rotations about the same axis are added where
 * everything in between commutes with them; several that are fewer ones in truth, as a block of gates on one or two qubits, become those.
 */
export class RotationList {
  readonly frame: PauliFrame;
  readonly #rotations: PauliRotation[] = [];
  /** The sum of all angles that were rounded away. */
  lostAngle = 0;

  constructor(wireCount: number) {
    this.frame = new PauliFrame(wireCount);
  }

  get rotations(): readonly PauliRotation[] {
    return this.#rotations;
  }

  /** One more rotation, behind everything. */
  rotate(string: PauliString, angle: number): void {
    this.#add(string, angle);
    while (this.#replace(findCluster(this.#rotations, 2) ?? findCluster(this.#rotations, 4)));
  }

  /** @returns whether there was something to replace. */
  #replace(cluster: RotationCluster | null): boolean {
    if (cluster === null) return false;
    for (const at of cluster.places.toReversed()) this.#rotations.splice(at, 1);
    this.lostAngle += cluster.lost;
    for (const { axes, turns } of cluster.spins) {
      let seen = axes;
      for (const { axis, angle } of turns) {
        const about = seen[axis]!;
        seen = turnAxes(seen, about, this.#add(about, angle));
      }
    }
    return true;
  }

  /** @returns by how many quarters the frame was turned about the string without its sign. */
  #add(string: PauliString, angle: number): number {
    const axis = withoutSign(string);
    const key = lettersKey(axis);
    const at = this.#findSame(axis, key);
    const known = at === null ? 0 : this.#rotations[at]!.angle;
    const total = known + signOf(string) * angle;
    const quarters = Math.floor((total + SNAP) / QUARTER);
    const rest = total - quarters * QUARTER;
    const isNothing = Math.abs(rest) <= SNAP;
    if (isNothing) this.lostAngle += Math.abs(rest);
    const left = { axis, key, angle: rest };
    if (at === null) {
      if (!isNothing) this.#rotations.push(left);
    } else if (isNothing) this.#rotations.splice(at, 1);
    else this.#rotations[at] = left;
    const turns = ((quarters % 4) + 4) % 4;
    if (turns > 0) this.frame.turn(axis, turns);
    return turns;
  }

  /** The last rotation about an axis, where all behind it commute with that. */
  #findSame(axis: PauliString, key: string): number | null {
    for (let at = this.#rotations.length - 1; at >= 0; at--) {
      const rotation = this.#rotations[at]!;
      if (rotation.key === key) return at;
      if (!doCommute(rotation.axis, axis)) return null;
    }
    return null;
  }
}
