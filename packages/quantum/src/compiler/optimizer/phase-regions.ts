import { addAngles, type ParameterValue, shiftAngle } from '../../circuit/parameter.ts';
import type { Work } from '../in-turns.ts';
import { type Interaction, type InteractionCircuit, InteractionKind } from '../interaction/interaction.ts';
import type { InteractionBuilder } from '../interaction/interaction-builder.ts';
import { coreCost } from '../interaction/two-qubit-class.ts';
import { rotationBetween } from './bloch-vector.ts';
import { appendPermutation } from './clifford-regions.ts';
import {
  type ParityNetwork,
  type ParityProblem,
  type ParityWeights,
  searchParityNetwork,
} from './parity-network.ts';
import { PhaseGrowth } from './phase-growth.ts';
import { type Replacement, rewriteBestRegions } from './region.ts';
import { costOfReplacement, regionCost } from './region-cost.ts';
import { WireBasisChoices } from './wire-basis.ts';

/** Regions with fewer parities than this are left to merging. */
const LEAST_TERMS = 4;
/** From here on it matters which of the overlapping regions of a QFT are taken. */
const MANY_WIRES = 8;
/** In longer circuits it would take time that grows faster than they do. */
const MOST_NESTED_STEPS = 2000;
const QUARTER = Math.PI / 4;
const HALF_PI = Math.PI / 2;

/** How networks for phase regions are searched. */
export interface ParitySearch {
  readonly weightings: readonly ParityWeights[];
  /** At most {@link MOST_NETWORK_WIRES}. */
  readonly mostWires: number;
}

/**
 * Finds regions that are cx and phases in some basis of each wire and replaces those for which a network that visits their
 * parities needs fewer gates. Gains where many phases share wires: dense QAOA and Ising layers, QFTs, multipliers.
 *
 * Networks of many wires suit machines that couple every pair; on sparse maps they cost more to route than they gain, while
 * those on up to four wires gain there too.
 */
export function resynthesizePhaseRegions(
  circuit: InteractionCircuit,
  search: ParitySearch,
): Work<InteractionCircuit> {
  const choices = new WireBasisChoices(circuit.wireCount, circuit.interactions);
  return rewriteBestRegions(circuit, {
    nested: search.mostWires >= MANY_WIRES && circuit.interactions.length <= MOST_NESTED_STEPS,
    isSeed: (step) => step.kind === InteractionKind.core,
    grow: () => new PhaseGrowth(choices, search.mostWires),
    promise: (inside, growth) => promiseOf(inside, growth as PhaseGrowth),
    improve: (inside, growth) => improve(inside, growth as PhaseGrowth, search),
  });
}

/** How many gates a region could lose at best: every parity takes one. */
function promiseOf(inside: readonly Interaction[], growth: PhaseGrowth): number {
  if (growth.wires.length < 3) return 0;
  let terms = 0;
  for (const [mask, angle] of growth.angles) if ((mask & (mask - 1)) !== 0 && isTerm(angle)) terms++;
  const cost = inside.reduce((sum, step) => sum + step.cost, 0);
  return terms < LEAST_TERMS ? 0 : cost - terms;
}

function isTerm(angle: ParameterValue): boolean {
  return typeof angle !== 'number' || coreCost(angle) !== 0;
}

function improve(
  inside: readonly Interaction[],
  growth: PhaseGrowth,
  { weightings }: ParitySearch,
): Replacement | null {
  const cost = regionCost(inside, growth.wires);
  const { masks, angles, local } = separateTerms(growth);
  if (masks.length >= cost) return null;
  const problem: ParityProblem = {
    wireCount: growth.wires.length,
    terms: masks,
    isHalfTurn: angles.map((angle) => typeof angle === 'number' && coreCost(angle) === 1),
    outputs: growth.rows,
  };
  const network = searchParityNetwork(problem, weightings);
  // Merging may still take a little off.
  if (network.cost > cost + 2) return null;
  const replacement: Replacement = {
    wires: growth.wires,
    append: (builder) => appendNetwork(builder, growth, network, angles, local),
  };
  return costOfReplacement(replacement) < cost ? replacement : null;
}

/** Phases that need gates on several wires, and those on single ones, where half turns of parities belong. */
function separateTerms(growth: PhaseGrowth) {
  const masks: number[] = [];
  const angles: ParameterValue[] = [];
  const local: ParameterValue[] = growth.wires.map(() => 0);
  for (const [mask, angle] of growth.angles) {
    const isSingle = (mask & (mask - 1)) === 0;
    if (isSingle) {
      const wire = 31 - Math.clz32(mask);
      local[wire] = addAngles(local[wire]!, angle);
      continue;
    }
    // exp(i pi/2 Z...Z) is a half turn of each wire.
    const halfTurns = typeof angle === 'number' ? Math.round(angle / HALF_PI) : 0;
    if (halfTurns % 2 !== 0) {
      growth.wires.forEach((_, wire) => {
        if ((mask >> wire) & 1) local[wire] = shiftAngle(local[wire]!, HALF_PI);
      });
    }
    if (!isTerm(angle)) continue;
    masks.push(mask);
    angles.push(typeof angle === 'number' ? angle - halfTurns * HALF_PI : angle);
  }
  return { masks, angles, local };
}

function appendNetwork(
  builder: InteractionBuilder,
  { wires, initial, current }: PhaseGrowth,
  network: ParityNetwork,
  angles: readonly ParameterValue[],
  local: readonly ParameterValue[],
): void {
  local.forEach((angle, wire) => {
    builder.rotateAbout(wires[wire]!, initial[wire]!.z, angle);
  });
  const axes = new Float64Array(6);
  for (const step of network.steps) {
    switch (step.kind) {
      case 'phase':
        builder.rotateAbout(wires[step.wire]!, initial[step.wire]!.z, angles[step.term]!);
        break;
      case 'pair':
        axes.set(initial[step.first]!.z);
        axes.set(initial[step.second]!.z, 3);
        builder.core(wires[step.first]!, wires[step.second]!, axes, angles[step.term]!);
        break;
      case 'cx': {
        const { z } = initial[step.control]!;
        const { x } = initial[step.target]!;
        axes.set(z);
        axes.set(x, 3);
        builder.rotateAbout(wires[step.control]!, z, -QUARTER);
        builder.rotateAbout(wires[step.target]!, x, -QUARTER);
        builder.core(wires[step.control]!, wires[step.target]!, axes, QUARTER);
      }
    }
  }
  const goal = new Array<number>(wires.length);
  network.wireOfOutput.forEach((wire, output) => {
    goal[wire] = output;
  });
  appendPermutation(builder, wires, goal);
  network.wireOfOutput.forEach((wire, output) => {
    // What comes from a wire is in that wire's basis.
    const [from, to] = [initial[wire]!, current[output]!];
    builder.rotate(wires[output]!, rotationBetween([from.z, from.x], [to.z, to.x]));
  });
}
