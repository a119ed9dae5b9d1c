import { CancelledError, ManualClock, Random, systemClock } from '@qedge/core';
import { Circuit, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { type InteractionCircuit, InteractionKind } from '../../src/compiler/interaction/interaction.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import { mergeInteractions } from '../../src/compiler/interaction/merge-interactions.ts';
import { synthesizeInteractions } from '../../src/compiler/interaction/synthesize-interactions.ts';
import { optimizeInteractions } from '../../src/compiler/optimizer/optimize-interactions.ts';
import {
  forAllToAll,
  type OptimizerSettings,
  quickOptimizer,
  thoroughOptimizer,
} from '../../src/compiler/optimizer/optimizer-settings.ts';
import { randomCircuit } from '../random-circuit.ts';
import { runDynamicCircuit } from '../run-dynamic-circuit.ts';
import { onQubits, synthesisError } from './interaction-equivalence.ts';
import { overlap, randomState, runCircuit, runInteractions } from './interaction-state.ts';
import { patternCircuit } from './pattern-circuit.ts';

const context = { random: new Random(0), clock: systemClock, deadlineMs: Number.POSITIVE_INFINITY };
const optimize = (circuit: Circuit, settings: OptimizerSettings) =>
  optimizeInteractions(collectInteractions(circuit), settings, context);
const hasToffolis = ({ interactions }: InteractionCircuit) =>
  interactions.some(({ kind }) => kind === InteractionKind.ccz);

/** Rounding of a few hundred gates in double precision. */
const TOLERANCE = 1e-11;
const SEEDS = process.env.QEDGE_FULL === '1' ? 25 : 6;

const EVERY_SETTING = {
  quick: quickOptimizer,
  thorough: thoroughOptimizer,
  'all-to-all': forAllToAll(thoroughOptimizer),
};

describe.each(Object.entries(EVERY_SETTING))('the %s optimiser', (_, settings) => {
  it('keeps what circuits full of patterns do, without ccz at the end', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const circuit = patternCircuit(seed, 6, 30);
      const state = randomState(6, seed);
      const optimized = optimize(circuit, settings);
      expect(1 - overlap(runCircuit(circuit, state), runInteractions(optimized, state))).toBeLessThan(
        TOLERANCE,
      );
      expect(hasToffolis(optimized)).toBe(false);
    }
  });

  it('keeps what circuits of any gates do', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const circuit = randomCircuit(seed, 5, 25);
      const state = randomState(5, seed);
      const optimized = optimize(circuit, settings);
      expect(1 - overlap(runCircuit(circuit, state), runInteractions(optimized, state))).toBeLessThan(
        TOLERANCE,
      );
    }
  });

  it('keeps measurements, resets and control flow in order', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const circuit = dynamicCircuit(seed);
      const optimized = optimize(circuit, settings);
      const gates = onQubits(synthesizeInteractions(optimized, { entangler: 'cx' }), optimized.wireOfQubit);
      const expected = runDynamicCircuit(circuit, new Random(seed));
      const found = runDynamicCircuit(gates, new Random(seed));
      expect(found.bits).toEqual(expected.bits);
      expect(1 - overlap(found.amplitudes, expected.amplitudes)).toBeLessThan(TOLERANCE);
    }
  });

  it('keeps free angles free', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const circuit = patternCircuit(seed, 5, 12)
        .rzz(parameter('a'), 0, 1)
        .rx(parameter('b'), 1)
        .compose(patternCircuit(seed + 1, 5, 12))
        .rzz(parameter('a').times(2), 3, 4)
        .compose(patternCircuit(seed + 2, 5, 8));
      const optimized = optimize(circuit, settings);
      expect(optimized.interactions.some(({ angle }) => typeof angle !== 'number')).toBe(true);
      expect(synthesisError(circuit, optimized, 'cx', seed)).toBeLessThan(TOLERANCE);
    }
  });

  it('never needs more gates than merging, nor than before when it is run again', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const circuit = collectInteractions(randomCircuit(seed, 6, 40));
      const once = optimizeInteractions(circuit, settings, context);
      const merged = interactionCost(mergeInteractions(circuit, { physical: false }));
      expect(interactionCost(once)).toBeLessThanOrEqual(merged);
      expect(interactionCost(optimizeInteractions(once, settings, context))).toBeLessThanOrEqual(
        interactionCost(once),
      );
    }
  });
});

describe('optimizeInteractions', () => {
  const cost = (circuit: Circuit, settings = thoroughOptimizer) =>
    interactionCost(optimize(circuit, settings));

  it('makes a Toffoli ladder of relative-phase gates', () => {
    // Six Toffoli gates of six cx each; the four outer ones pair up.
    const ladder = new Circuit(7);
    ladder.ccx(0, 1, 4).ccx(4, 2, 5).ccx(5, 3, 6).ccx(4, 2, 5).ccx(0, 1, 4);
    expect(cost(ladder)).toBe(18);
  });

  it('makes a controlled swap of seven gates, and a single Toffoli gate of six', () => {
    expect(cost(new Circuit(3).cswap(0, 1, 2))).toBe(7);
    expect(cost(new Circuit(3).ccx(0, 1, 2))).toBe(6);
  });

  it('shares the controlled phase of Toffoli gates with equal controls', () => {
    expect(cost(new Circuit(4).ccx(0, 1, 2).ccx(0, 1, 3))).toBe(8);
  });

  it('leaves circuits of one qubit, of none and without gates', () => {
    for (const circuit of [new Circuit(), new Circuit(1).h(0), new Circuit(3)]) {
      expect(optimize(circuit, thoroughOptimizer).interactions).toEqual([]);
    }
  });

  it('stops when it is cancelled, and settles for less when time is up', () => {
    const circuit = collectInteractions(patternCircuit(1, 6, 30));
    const signal = AbortSignal.abort();
    expect(() => optimizeInteractions(circuit, thoroughOptimizer, { ...context, signal })).toThrow(
      CancelledError,
    );
    const late = { ...context, clock: new ManualClock(), deadlineMs: -1 };
    const hurried = optimizeInteractions(circuit, thoroughOptimizer, late);
    expect(hasToffolis(hurried)).toBe(false);
    expect(interactionCost(hurried)).toBeGreaterThanOrEqual(
      interactionCost(optimizeInteractions(circuit, thoroughOptimizer, context)),
    );
  });
});

/** Patterns between measurements, resets, barriers and conditions. */
function dynamicCircuit(seed: number): Circuit {
  const random = new Random(seed);
  let circuit = new Circuit(4, 3);
  for (let i = 0; i < 6; i++) {
    circuit = circuit.compose(patternCircuit(random.integer(1e6), 4, 5));
    const [qubit, clbit] = [random.integer(4), random.integer(3)];
    const kind = random.integer(4);
    if (kind === 0) circuit.measure(qubit, clbit);
    else if (kind === 1) circuit.reset(qubit);
    else if (kind === 2) circuit.barrier(qubit, (qubit + 1) % 4);
    else circuit.measure(qubit, clbit).ifTest({ kind: 'bit', clbit }, (body) => body.ccx(0, 1, 2).cx(2, 3));
  }
  return circuit;
}
