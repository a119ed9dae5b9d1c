import { Random, systemClock } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import { optimizeInteractions } from '../../src/compiler/optimizer/optimize-interactions.ts';
import {
  forAllToAll,
  type OptimizerSettings,
  quickOptimizer,
  thoroughOptimizer,
} from '../../src/compiler/optimizer/optimizer-settings.ts';
import type { Circuit } from '../../src/index.ts';
import { randomCircuit } from '../random-circuit.ts';
import { overlap, randomState, runCircuit, runInteractions } from './interaction-state.ts';
import { patternCircuit } from './pattern-circuit.ts';

const context = { random: new Random(0), clock: systemClock, deadlineMs: Number.POSITIVE_INFINITY };
const optimize = (circuit: Circuit, settings: OptimizerSettings) =>
  optimizeInteractions(collectInteractions(circuit), settings, context);

const EVERY_SETTING = {
  quick: quickOptimizer,
  thorough: thoroughOptimizer,
  'all-to-all': forAllToAll(thoroughOptimizer),
};

describe.each(Object.entries(EVERY_SETTING))('the %s optimiser', (_, settings) => {
  it.each([...Array(40).keys()])('keeps what a circuit full of patterns does (%i)', (seed) => {
    const circuit = patternCircuit(seed, 6, 30);
    const state = randomState(6, seed);
    const optimized = optimize(circuit, settings);
    // Rounding of a few hundred gates in double precision.
    expect(1 - overlap(runCircuit(circuit, state), runInteractions(optimized, state))).toBeLessThan(1e-11);
  });

  it.each([...Array(30).keys()])('keeps what a circuit of any gates does (%i)', (seed) => {
    const circuit = randomCircuit(seed, 5, 25);
    const state = randomState(5, seed);
    const optimized = optimize(circuit, settings);
    expect(1 - overlap(runCircuit(circuit, state), runInteractions(optimized, state))).toBeLessThan(1e-11);
  });

  it('never needs more gates when it is run again', () => {
    for (let seed = 0; seed < 10; seed++) {
      const once = optimize(patternCircuit(seed, 6, 30), settings);
      const twice = optimizeInteractions(once, settings, context);
      expect(interactionCost(twice)).toBeLessThanOrEqual(interactionCost(once));
    }
  });
});
