import { addAngles, type ParameterValue, scaleAngle } from '../../circuit/parameter.ts';
import { compareAxes } from '../interaction/axis.ts';
import { type Interaction, InteractionKind } from '../interaction/interaction.ts';
import { arePerpendicular, crossProduct, dotProduct, perpendicularTo } from './bloch-vector.ts';
import { placeOfWire } from './commutation.ts';
import type { RegionGrowth } from './region.ts';

const QUARTER = Math.PI / 4;
/** How many steps of a wire decide which of its axes shall be Z. */
const LOOK_AHEAD = 16;

/** Three perpendicular axes, right-handed. */
export interface WireBasis {
  readonly z: Float64Array;
  readonly x: Float64Array;
}

/** What a step is on one wire: along Z, or across it and then of the class of cx. */
type Role = 'along' | 'across' | null;

/** Where a step stands on each of its wires. */
export interface WireTimeline {
  /** The steps of a wire, in order. */
  readonly steps: readonly Interaction[];
  readonly placeOf: ReadonlyMap<Interaction, number>;
}

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
  readonly #timelines: readonly WireTimeline[];
  readonly #mostWires: number;

  /** @param mostWires at most {@link MOST_NETWORK_WIRES}. */
  constructor(timelines: readonly WireTimeline[], mostWires: number) {
    this.#timelines = timelines;
    this.#mostWires = mostWires;
  }

  accepts(step: Interaction): boolean {
    if (step.kind !== InteractionKind.core) return false;
    const places = step.wires.map((wire) => this.wires.indexOf(wire));
    const added = places.filter((place) => place < 0).length;
    if (this.wires.length + added > this.#mostWires) return false;
    if (added === 2 && this.wires.length > 0) return false;
    const known = places.map((place, k) => (place < 0 ? null : roleIn(this.current[place]!, step, k)));
    if (places.some((place, k) => place >= 0 && known[k] === null)) return false;
    if (known[0] === 'across' && known[1] === 'across') return false;
    if (added > 0) this.#join(step, known);
    this.#apply(step);
    return true;
  }

  /** Takes in new wires, in the bases in which the most steps fit. */
  #join(step: Interaction, known: readonly Role[]): void {
    let best: { readonly bases: readonly (WireBasis | null)[]; readonly worth: number } | null = null;
    for (const roles of ROLES) {
      const fits = known.every((role, k) => role === null || role === roles[k]);
      if (!fits || (roles.includes('across') && step.cost !== 1)) continue;
      const choices = roles.map((role, k) => (known[k] === null ? this.#bestBasis(step, k, role) : null));
      const worth = choices.reduce((sum, choice) => sum + (choice?.fitting ?? 0), 0);
      if (best === null || worth > best.worth) {
        best = { bases: choices.map((choice) => choice?.basis ?? null), worth };
      }
    }
    best!.bases.forEach((basis, k) => {
      if (basis === null) return;
      this.rows.push(1 << this.wires.length);
      this.wires.push(step.wires[k]!);
      this.initial.push(basis);
      this.current.push(basis);
    });
  }

  #bestBasis(step: Interaction, k: number, role: Exclude<Role, null>): Choice {
    const axis = step.axes.slice(3 * k, 3 * k + 3);
    const wire = step.wires[k]!;
    const { steps, placeOf } = this.#timelines[wire]!;
    const place = placeOf.get(step)!;
    if (role === 'along') {
      return { basis: basisOf(axis), fitting: countFitting(steps, place, wire, axis) };
    }
    let best: Choice | null = null;
    for (const z of perpendicularCandidates(steps, place, wire, axis)) {
      const fitting = countFitting(steps, place, wire, z);
      if (best === null || fitting > best.fitting) best = { basis: basisOf(z), fitting };
    }
    return best!;
  }

  #apply(step: Interaction): void {
    const [a, b] = step.wires.map((wire) => this.wires.indexOf(wire)) as [number, number];
    const roles = [roleIn(this.current[a]!, step, 0), roleIn(this.current[b]!, step, 1)];
    if (roles[0] === 'along' && roles[1] === 'along') {
      const sign = this.#signAlong(step, 0, a) * this.#signAlong(step, 1, b);
      this.#addPhase(this.rows[a]! ^ this.rows[b]!, scaleAngle(step.angle, sign));
    } else if (roles[0] === 'along') this.#applyCx(step, a, 0, b, 1);
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

const ROLES: readonly (readonly ['along' | 'across', 'along' | 'across'])[] = [
  ['along', 'along'],
  ['along', 'across'],
  ['across', 'along'],
];

interface Choice {
  readonly basis: WireBasis;
  /** How many of the next steps on the wire fit in. */
  readonly fitting: number;
}

function basisOf(z: Float64Array): WireBasis {
  return { z, x: perpendicularTo(z) };
}

function roleIn(basis: WireBasis, step: Interaction, k: number): Role {
  return roleAlong(basis.z, step, k);
}

function roleAlong(z: Float64Array, step: Interaction, k: number): Role {
  if (compareAxes(z, 0, step.axes, 3 * k) !== 0) return 'along';
  return step.cost === 1 && arePerpendicular(z, 0, step.axes, 3 * k) ? 'across' : null;
}

function countFitting(
  steps: readonly Interaction[],
  place: number,
  wire: number,
  axis: Float64Array,
): number {
  let z = axis;
  const end = Math.min(steps.length, place + LOOK_AHEAD);
  for (let i = place; i < end; i++) {
    const step = steps[i]!;
    if (step.kind !== InteractionKind.core) return i - place;
    const k = placeOfWire(step, wire);
    const role = roleAlong(z, step, k);
    if (role === null) return i - place;
    if (role === 'across') z = crossProduct(step.axes.subarray(3 * k, 3 * k + 3), z);
  }
  return end - place;
}

/** Axes across a wire's first one along or across which the next different one may be. */
function perpendicularCandidates(
  steps: readonly Interaction[],
  place: number,
  wire: number,
  axis: Float64Array,
): Float64Array[] {
  for (let i = place + 1; i < Math.min(steps.length, place + LOOK_AHEAD); i++) {
    const step = steps[i]!;
    if (step.kind !== InteractionKind.core) break;
    const k = placeOfWire(step, wire);
    if (compareAxes(axis, 0, step.axes, 3 * k) !== 0) continue;
    const across = crossProduct(axis, step.axes.subarray(3 * k, 3 * k + 3));
    const length = Math.sqrt(dotProduct(across, 0, across, 0));
    const first = across.map((value) => value / length);
    return [first, crossProduct(axis, first)];
  }
  return [perpendicularTo(axis)];
}

/** A vector turned by a quarter about an axis, right-handed where `sign` is 1. */
function quarterTurn(vector: Float64Array, axis: Float64Array, sign: number): Float64Array {
  const across = crossProduct(axis, vector);
  const along = dotProduct(axis, 0, vector, 0);
  return vector.map((_, i) => along * axis[i]! + sign * across[i]!);
}
