import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { type Interaction, InteractionKind } from '../interaction/interaction.ts';
import { crossProduct, dotProduct } from './bloch-vector.ts';
import type { RegionGrowth } from './region.ts';
import {
  roleAlong,
  type WireBasis,
  type WireBasisChoice,
  type WireBasisChoices,
  type WireRole,
} from './wire-basis.ts';

const QUARTER = Math.PI / 4;

/**
 * Takes in steps that are phases of parities and cx in some basis of each wire: cores along both Z axes, and cores of the class
 * of cx along one and across the other. Each of the latter turns the basis of its target by a quarter, since it is a cx up to
 * one-qubit gates.
 */
export class PhaseGrowth implements RegionGrowth {
  readonly wires: number[] = [];
  /** As the region begins and as it is now, for each of `wires`. */
  readonly initial: WireBasis[] = [];
  readonly current: WireBasis[] = [];
  /** Parity that each wire holds, as a mask of inputs. */
  readonly rows: number[] = [];
  /** Angle of `exp(i angle Z...Z)` for each parity, by mask. */
  readonly angles = new Map<number, ParameterValue>();
  readonly #choices: WireBasisChoices;
  readonly #mostWires: number;

  /** @param mostWires at most {@link MOST_NETWORK_WIRES}. */
  constructor(choices: WireBasisChoices, mostWires: number) {
    this.#choices = choices;
    this.#mostWires = mostWires;
  }

  accepts(step: Interaction): boolean {
    if (step.kind !== InteractionKind.core) return false;
    const a = this.wires.indexOf(step.wires[0]!);
    const b = this.wires.indexOf(step.wires[1]!);
    const added = (a < 0 ? 1 : 0) + (b < 0 ? 1 : 0);
    if (this.wires.length + added > this.#mostWires) return false;
    if (added === 2 && this.wires.length > 0) return false;
    const roleA = a < 0 ? null : roleAlong(this.current[a]!.z, step, 0);
    if (a >= 0 && roleA === null) return false;
    const roleB = b < 0 ? null : roleAlong(this.current[b]!.z, step, 1);
    if ((b >= 0 && roleB === null) || (roleA === 'across' && roleB === 'across')) return false;
    if (added > 0) this.#join(step, [roleA, roleB]);
    this.#apply(step);
    return true;
  }

  /** Takes in new wires, in the bases in which the most steps fit. */
  #join(step: Interaction, known: readonly (WireRole | null)[]): void {
    let best: readonly (WireBasisChoice | null)[] = [];
    let most = -1;
    for (const roles of ROLES) {
      if (known.some((role, k) => role !== null && role !== roles[k])) continue;
      if (step.cost !== 1 && roles.includes('across')) continue;
      const choices = roles.map((role, k) =>
        known[k] === null ? this.#choices.choose(step, k, role) : null,
      );
      const fitting = choices.reduce((sum, choice) => sum + (choice?.fitting ?? 0), 0);
      if (fitting > most) [best, most] = [choices, fitting];
    }
    best.forEach((choice, k) => {
      if (choice === null) return;
      this.rows.push(1 << this.wires.length);
      this.wires.push(step.wires[k]!);
      this.initial.push(choice.basis);
      this.current.push(choice.basis);
    });
  }

  #apply(step: Interaction): void {
    const [a, b] = step.wires.map((wire) => this.wires.indexOf(wire)) as [number, number];
    const isAcrossA = roleAlong(this.current[a]!.z, step, 0) === 'across';
    const isAcrossB = roleAlong(this.current[b]!.z, step, 1) === 'across';
    if (!isAcrossA && !isAcrossB) {
      const sign = this.#signAlong(step, 0, a) * this.#signAlong(step, 1, b);
      this.#addPhase(this.rows[a]! ^ this.rows[b]!, scaleAngle(step.angle, sign));
    } else if (isAcrossB) this.#applyCx(step, a, 0, b, 1);
    else this.#applyCx(step, b, 1, a, 0);
  }

  #signAlong(step: Interaction, k: number, place: number): number {
    return dotProduct(this.current[place]!.z, 0, step.axes, 3 * k) > 0 ? 1 : -1;
  }

  /**
   * With v = cos f X + sin f Y on the target, exp(i s pi/4 Z (x) v) is exp(i f/2 Z) on the target, a cx, exp(i s pi/4 Z) on the
   * control, exp(-i f/2 Z) on the target, and exp(i s pi/4 v) there, which turns the basis for all that follows.
   */
  #applyCx(step: Interaction, control: number, atControl: number, target: number, atTarget: number): void {
    const sign = this.#signAlong(step, atControl, control) * ((step.angle as number) > 0 ? 1 : -1);
    const { z, x } = this.current[target]!;
    const v = step.axes.slice(3 * atTarget, 3 * atTarget + 3);
    const y = crossProduct(z, x);
    const f = Math.atan2(dotProduct(y, 0, v, 0), dotProduct(x, 0, v, 0));
    this.#addPhase(this.rows[target]!, f / 2);
    this.rows[target]! ^= this.rows[control]!;
    this.#addPhase(this.rows[control]!, sign * QUARTER);
    this.#addPhase(this.rows[target]!, -f / 2);
    this.current[target] = { z: quarterTurn(z, v, -sign), x: quarterTurn(x, v, -sign) };
  }

  #addPhase(mask: number, angle: ParameterValue): void {
    this.angles.set(mask, addAngles(this.angles.get(mask) ?? 0, angle));
  }
}

const ROLES: readonly (readonly [WireRole, WireRole])[] = [
  ['along', 'along'],
  ['along', 'across'],
  ['across', 'along'],
];

/** A vector turned by a quarter about an axis, right-handed where `sign` is 1. */
function quarterTurn(vector: Float64Array, axis: Float64Array, sign: number): Float64Array {
  const across = crossProduct(axis, vector);
  const along = dotProduct(axis, 0, vector, 0);
  return vector.map((_, i) => along * axis[i]! + sign * across[i]!);
}
