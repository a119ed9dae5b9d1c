import type { Work } from '../in-turns.ts';
import { compareAxes } from '../interaction/axis.ts';
import { type Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import type { InteractionBuilder } from '../interaction/interaction-builder.ts';
import {
  arePerpendicular,
  crossProduct,
  dotProduct,
  perpendicularTo,
  rotationBetween,
} from './bloch-vector.ts';
import {
  type CliffordGate,
  codeOn,
  conjugatePauli,
  MOST_CLIFFORD_WIRES,
  type PauliCode,
  pauliMask,
  type SignedPauli,
  searchCliffordGates,
} from './clifford-search.ts';
import { type RegionGrowth, type Replacement, rewriteRegions } from './region.ts';
import { regionCost } from './region-cost.ts';

/** Fewer gates than this cannot be made less after merging. */
const LEAST_GATES = 5;
const QUARTER = Math.PI / 4;

/**
 * Finds regions on at most six wires of steps of the class of cx whose axes on each wire are parallel or perpendicular to one
 * another, which makes them Clifford circuits in some basis, and replaces those for which a beam search finds fewer gates.
 */
export function simplifyCliffordRegions(
  circuit: InteractionCircuit,
  { beamWidth }: { readonly beamWidth: number },
): Work<InteractionCircuit> {
  return rewriteRegions(circuit, {
    isSeed: isCliffordStep,
    grow: () => new CliffordGrowth(),
    improve: (inside, growth) => improve(inside, growth as CliffordGrowth, beamWidth),
  });
}

function isCliffordStep(step: Interaction): boolean {
  return step.kind === InteractionKind.core && step.cost === 1;
}

class CliffordGrowth implements RegionGrowth {
  readonly wires: number[] = [];
  /** For each wire up to three perpendicular axes. */
  readonly #axes: Float64Array[][] = [];

  accepts(step: Interaction): boolean {
    if (!isCliffordStep(step)) return false;
    const added = step.wires.filter((wire) => !this.wires.includes(wire)).length;
    if (this.wires.length + added > MOST_CLIFFORD_WIRES) return false;
    if (added === 2 && this.wires.length > 0) return false;
    for (let k = 0; k < 2; k++) if (!this.#fits(step, k)) return false;
    for (let k = 0; k < 2; k++) this.#add(step, k);
    return true;
  }

  #fits(step: Interaction, k: number): boolean {
    const known = this.#axes[this.wires.indexOf(step.wires[k]!)] ?? [];
    for (const axis of known) {
      if (arePerpendicular(axis, 0, step.axes, 3 * k)) continue;
      if (compareAxes(axis, 0, step.axes, 3 * k) === 0) return false;
    }
    return true;
  }

  #add(step: Interaction, k: number): void {
    let place = this.wires.indexOf(step.wires[k]!);
    if (place < 0) {
      place = this.wires.length;
      this.wires.push(step.wires[k]!);
      this.#axes.push([]);
    }
    const known = this.#axes[place]!;
    if (known.every((axis) => arePerpendicular(axis, 0, step.axes, 3 * k))) {
      known.push(step.axes.slice(3 * k, 3 * k + 3));
    }
  }

  /** For each wire the axes that shall be Z, X and Y, by {@link PauliCode}; right-handed. */
  bases(): WireBasis[] {
    return this.#axes.map(([z, x]) => {
      const across = x ?? perpendicularTo(z!);
      return { 1: z!, 2: across, 3: crossProduct(z!, across) };
    });
  }
}

type WireBasis = Readonly<Record<PauliCode, Float64Array>>;

function improve(
  inside: readonly Interaction[],
  growth: CliffordGrowth,
  beamWidth: number,
): Replacement | null {
  if (inside.length < LEAST_GATES) return null;
  const cost = regionCost(inside, growth.wires);
  if (cost < 2) return null;
  const bases = growth.bases();
  const gates = inside.map((step) => cliffordGate(step, growth.wires, bases));
  const found = searchCliffordGates(growth.wires.length, gates, { limit: cost - 1, beamWidth });
  if (found === null) return null;
  const { wires } = growth;
  return { wires, append: (builder) => appendGates(builder, found, gates, wires, bases) };
}

function cliffordGate(
  step: Interaction,
  wires: readonly number[],
  bases: readonly WireBasis[],
): CliffordGate {
  const places = step.wires.map((wire) => wires.indexOf(wire));
  let sign = (step.angle as number) > 0 ? 1 : -1;
  const codes = places.map((place, k) => {
    for (const code of [1, 2, 3] as const) {
      const cosine = dotProduct(bases[place]![code], 0, step.axes, 3 * k);
      if (Math.abs(cosine) < 0.5) continue;
      if (cosine < 0) sign = -sign;
      return code;
    }
    return 1;
  });
  return {
    first: places[0]!,
    second: places[1]!,
    firstCode: codes[0]!,
    secondCode: codes[1]!,
    sign: sign as 1 | -1,
  };
}

/** Appends the new gates, then the permutation and the one-qubit gates by which they differ from the old ones. */
function appendGates(
  builder: InteractionBuilder,
  gates: readonly CliffordGate[],
  original: readonly CliffordGate[],
  wires: readonly number[],
  bases: readonly WireBasis[],
): void {
  for (const { first, second, firstCode, secondCode, sign } of gates) {
    const axes = new Float64Array(6);
    axes.set(bases[first]![firstCode]);
    axes.set(bases[second]![secondCode], 3);
    builder.core(wires[first]!, wires[second]!, axes, sign * QUARTER);
  }
  const images = wires.map((_, wire) =>
    ([1, 2] as const).map((code) => imageOf({ mask: pauliMask(wire, code), sign: 1 }, gates, original)),
  );
  const goal = images.map(([z]) => wireOf(z!.mask, wires.length));
  appendPermutation(builder, wires, goal);
  images.forEach((image, wire) => {
    const basis = bases[goal[wire]!]!;
    const [toZ, toX] = image.map(({ mask, sign }) => {
      const axis = basis[codeOn(mask, goal[wire]!) as PauliCode];
      return axis.map((value) => sign * value);
    });
    const from = [bases[wire]![1], bases[wire]![2]] as const;
    builder.rotate(wires[goal[wire]!]!, rotationBetween(from, [toZ!, toX!]));
  });
}

/** A Pauli after undoing `gates` and doing `original`. */
function imageOf(
  pauli: SignedPauli,
  gates: readonly CliffordGate[],
  original: readonly CliffordGate[],
): SignedPauli {
  let image = pauli;
  for (let i = gates.length - 1; i >= 0; i--) image = conjugatePauli(image, gates[i]!, true);
  for (const gate of original) image = conjugatePauli(image, gate, false);
  return image;
}

function wireOf(mask: number, wireCount: number): number {
  for (let wire = 0; wire < wireCount; wire++) if (codeOn(mask, wire) !== 0) return wire;
  return -1;
}

/** Swaps so that what is on `wires[i]` comes to `wires[goal[i]]`. */
export function appendPermutation(
  builder: InteractionBuilder,
  wires: readonly number[],
  goal: readonly number[],
): void {
  const heldAt = wires.map((_, i) => i);
  for (let place = 0; place < wires.length; place++) {
    // Where the content now is that belongs here.
    const at = heldAt.findIndex((content) => goal[content] === place);
    if (at === place) continue;
    builder.swap(wires[at]!, wires[place]!);
    [heldAt[at], heldAt[place]] = [heldAt[place]!, heldAt[at]!];
  }
}
