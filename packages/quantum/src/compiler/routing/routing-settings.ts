import { InvalidArgumentError } from '@qedge/core';
import type { EmbeddingLimits } from '../layout/embedding-search.ts';
import type { RoutingHeuristic } from './routing-heuristic.ts';

/** How hard {@link layOutAndRoute} tries. */
export interface RoutingSettings {
  /** Starting layouts to try. */
  readonly layouts: number;
  /** Rounds of routing forwards and backwards that improve each layout; 0 takes it as it is. */
  readonly iterations: number;
  /** Ends when the best has not changed for so many layouts. */
  readonly patience: number;
  /** How many of the cheapest routings are merged exactly, which tells the best. */
  readonly finalists: number;
  /** The first so many layouts have finalists of their own: what a lesser search finds is never missed. Default none. */
  readonly lesser?: Pick<RoutingSettings, 'layouts' | 'finalists'> | undefined;
  /** Whether steps that commute may change places; doubles what there is to try. */
  readonly commuting: boolean;
  /** The search for a layout that needs no swaps. */
  readonly embedding: EmbeddingLimits;
}

/** The settings of optimisation level 1, 2 or 3. */
export function routingOfLevel(level: 1 | 2 | 3): RoutingSettings {
  return PRESETS[level];
}

const PRESETS: Readonly<Record<1 | 2 | 3, RoutingSettings>> = {
  1: {
    layouts: 3,
    iterations: 1,
    patience: 3,
    finalists: 1,
    commuting: false,
    embedding: { stepsPerAttempt: 2000, attempts: 4 },
  },
  2: {
    layouts: 6,
    iterations: 2,
    patience: 6,
    finalists: 2,
    commuting: true,
    embedding: { stepsPerAttempt: 2000, attempts: 6 },
  },
  3: {
    layouts: 32,
    iterations: 2,
    patience: 8,
    finalists: 4,
    commuting: true,
    embedding: { stepsPerAttempt: 2000, attempts: 12 },
  },
};

/** @throws InvalidArgumentError naming the first number that makes no sense. */
export function checkRoutingSettings(settings: RoutingSettings): RoutingSettings {
  const { layouts, iterations, patience, finalists, embedding } = settings;
  const counts = { layouts, patience, finalists, ...embedding };
  for (const [name, count] of Object.entries({ ...counts, iterations })) {
    const least = name === 'iterations' || name === 'attempts' ? 0 : 1;
    if (Number.isInteger(count) && count >= least) continue;
    throw new InvalidArgumentError(`The router's "${name}" is out of range`, {
      expected: `an integer >= ${least}`,
      actual: count,
    });
  }
  return settings;
}

/** Which of these is better depends on the circuit and the map, so layouts take turns. */
export const HEURISTICS: readonly RoutingHeuristic[] = [
  { lookAhead: 20, lookAheadWeight: 0.5, fading: 0.5, priceWeight: 1, frontFading: 1 },
  { lookAhead: 30, lookAheadWeight: 0.7, fading: 0.7, priceWeight: 1, frontFading: 1 },
  { lookAhead: 40, lookAheadWeight: 0.78, fading: 0.78, priceWeight: 1, frontFading: 1 },
  { lookAhead: 20, lookAheadWeight: 0.5, fading: 0.5, priceWeight: 0.5, frontFading: 1 },
  { lookAhead: 40, lookAheadWeight: 0.85, fading: 0.85, priceWeight: 0.7, frontFading: 1 },
  { lookAhead: 30, lookAheadWeight: 0.7, fading: 0.7, priceWeight: 0.4, frontFading: 1 },
];
