import { MOST_NETWORK_WIRES, type ParityWeights } from './parity-network.ts';

/** How much {@link optimizeInteractions} tries. */
export interface OptimizerSettings {
  /** How many steps on each side of a ccz count when its form is chosen; 0 takes any form. */
  readonly toffoliReach: number;
  /** How often the forms of all ccz are gone over. */
  readonly toffoliRounds: number;
  /** States that the search in Clifford regions keeps; 0 leaves the regions out. */
  readonly cliffordBeamWidth: number;
  /** The ways in which parity networks are searched, at least one. */
  readonly parityWeightings: readonly ParityWeights[];
  /** Wires of a phase region at most, up to 30; 0 leaves the regions out. */
  readonly parityWires: number;
  /** How often regions are searched again after something was found. */
  readonly regionRounds: number;
}

const WEIGHTINGS: readonly ParityWeights[] = [
  { power: 0.2, bonus: 1, outputShare: 0.1, pairWorth: 0.5 },
  { power: 0.2, bonus: 4, outputShare: 0.1, pairWorth: 0.5 },
  { power: 0.35, bonus: 4, outputShare: 0.1, pairWorth: 0.5 },
  { power: 0.2, bonus: 0, outputShare: 0.1, pairWorth: 0.5 },
  { power: 0.5, bonus: 2, outputShare: 0.1, pairWorth: 0.5 },
  { power: 0.2, bonus: 2, outputShare: 0.3, pairWorth: 0.5 },
  { power: 0.35, bonus: 1, outputShare: 0.05, pairWorth: 0.3 },
  { power: 0.1, bonus: 1, outputShare: 0.1, pairWorth: 0.8 },
  { power: 0.2, bonus: 4, outputShare: 0.3, pairWorth: 0.8 },
  { power: 0.35, bonus: 2, outputShare: 0.2, pairWorth: 0.2 },
  { power: 0.7, bonus: 4, outputShare: 0.1, pairWorth: 0.5 },
  { power: 0.1, bonus: 6, outputShare: 0.02, pairWorth: 0.5 },
];

/** For little time: level 2. */
export const quickOptimizer: OptimizerSettings = {
  toffoliReach: 1,
  toffoliRounds: 1,
  cliffordBeamWidth: 8,
  parityWeightings: WEIGHTINGS.slice(0, 2),
  parityWires: 0,
  regionRounds: 1,
};

/** For few gates: level 3. */
export const thoroughOptimizer: OptimizerSettings = {
  toffoliReach: 2,
  toffoliRounds: 2,
  cliffordBeamWidth: 24,
  parityWeightings: WEIGHTINGS.slice(0, 2),
  parityWires: 4,
  regionRounds: 2,
};

/** Settings for machines that couple every pair of qubits, where networks on many wires cost no routing. */
export function forAllToAll(settings: OptimizerSettings): OptimizerSettings {
  const isQuick = settings.regionRounds === quickOptimizer.regionRounds;
  const [parityWeightings, regionRounds] = isQuick ? [WEIGHTINGS.slice(0, 4), 1] : [WEIGHTINGS, 5];
  return { ...settings, parityWires: MOST_NETWORK_WIRES, parityWeightings, regionRounds };
}
