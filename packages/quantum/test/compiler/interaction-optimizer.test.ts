import { Circuit, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { finishAtOnce } from '../../src/compiler/in-turns.ts';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { type InteractionCircuit, InteractionKind } from '../../src/compiler/interaction/interaction.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import { mergeInteractions } from '../../src/compiler/interaction/merge-interactions.ts';
import { cancelInteractions } from '../../src/compiler/optimizer/cancel-interactions.ts';
import { simplifyCliffordRegions } from '../../src/compiler/optimizer/clifford-regions.ts';
import { forAllToAll, thoroughOptimizer } from '../../src/compiler/optimizer/optimizer-settings.ts';
import { pairToffolis } from '../../src/compiler/optimizer/pair-toffolis.ts';
import { resynthesizePhaseRegions } from '../../src/compiler/optimizer/phase-regions.ts';
import { synthesisError } from './interaction-equivalence.ts';
import { overlap, randomState, runCircuit, runInteractions } from './interaction-state.ts';
import { patternCircuit } from './pattern-circuit.ts';

const { parityWeightings: weightings, parityWires: mostWires } = forAllToAll(thoroughOptimizer);
const search = { weightings, mostWires };
const merged = (circuit: InteractionCircuit) =>
  interactionCost(mergeInteractions(circuit, { physical: false }));
const countToffolis = ({ interactions }: InteractionCircuit) =>
  interactions.filter(({ kind }) => kind === InteractionKind.ccz).length;

/** Rounding of a few hundred gates in double precision. */
const TOLERANCE = 1e-11;

function expectSame(actual: InteractionCircuit, circuit: Circuit): void {
  const state = randomState(circuit.qubitCount, 9);
  expect(1 - overlap(runInteractions(actual, state), runCircuit(circuit, state))).toBeLessThan(TOLERANCE);
}

const TECHNIQUES: Record<string, (circuit: InteractionCircuit) => InteractionCircuit> = {
  cancelInteractions,
  simplifyCliffordRegions: (circuit) => finishAtOnce(simplifyCliffordRegions(circuit, { beamWidth: 16 })),
  resynthesizePhaseRegions: (circuit) => finishAtOnce(resynthesizePhaseRegions(circuit, search)),
};

describe.each(Object.entries(TECHNIQUES))('%s', (_, technique) => {
  it('keeps what random circuits do', () => {
    for (let seed = 100; seed < 120; seed++) {
      const circuit = patternCircuit(seed, 6, 30);
      expectSame(technique(collectInteractions(circuit)), circuit);
    }
  });

  it('returns what it cannot make cheaper as it is', () => {
    const circuit = collectInteractions(
      new Circuit(3).cx(0, 1).t(1).h(1).ry(0.3, 1).cx(1, 2).ry(1, 2).ccx(0, 1, 2),
    );
    expect(technique(circuit)).toBe(circuit);
  });

  it('moves nothing across barriers', () => {
    const half = patternCircuit(7, 5, 20);
    const whole = new Circuit(5).compose(half).barrier(0, 1, 2, 3, 4).compose(half.inverse());
    const optimized = technique(collectInteractions(whole));
    expectSame(optimized, whole);
    const fence = optimized.interactions.findIndex(({ kind }) => kind === InteractionKind.fence);
    const cost = (steps: InteractionCircuit['interactions']) => interactionCost({ interactions: steps });
    const least = cost(technique(collectInteractions(half)).interactions);
    expect(least).toBeGreaterThan(0);
    expect(cost(optimized.interactions.slice(0, fence))).toBe(least);
    expect(cost(optimized.interactions.slice(fence))).toBeGreaterThan(0);
  });
});

describe('cancelInteractions', () => {
  it('cancels equal ccz across what commutes with them', () => {
    const circuit = new Circuit(4).ccx(0, 1, 2).cx(0, 3).cp(0.4, 0, 1).cx(3, 2).ccx(1, 0, 2);
    const optimized = cancelInteractions(collectInteractions(circuit));
    expect(countToffolis(optimized)).toBe(0);
    expectSame(optimized, circuit);
  });

  it.each([
    [[0], 1],
    [[0, 1], 2],
    [[0, 1, 2], 3],
  ])('leaves cores of two ccz that differ in the controls %j: %i gates', (negated, gates) => {
    const circuit = new Circuit(3).ccz(0, 1, 2);
    for (const q of negated) circuit.x(q);
    circuit.ccz(2, 0, 1);
    for (const q of negated) circuit.x(q);
    const optimized = cancelInteractions(collectInteractions(circuit));
    expect(countToffolis(optimized)).toBe(0);
    expect(interactionCost(optimized)).toBe(gates);
    expectSame(optimized, circuit);
  });

  it('adds angles, free ones too', () => {
    const a = parameter('a');
    const circuit = new Circuit(3).rzz(a, 0, 1).rzz(0.5, 1, 2).cx(1, 2).rzz(a.times(2), 1, 0).cx(1, 2);
    const optimized = cancelInteractions(collectInteractions(circuit));
    expect(optimized.interactions).toHaveLength(2);
    expect(synthesisError(circuit, optimized, 'cx')).toBeLessThan(TOLERANCE);
  });

  it('leaves two ccz whose axes differ', () => {
    const circuit = collectInteractions(new Circuit(3).ccx(0, 1, 2).ry(0.2, 2).ccx(0, 1, 2));
    expect(cancelInteractions(circuit)).toBe(circuit);
  });
});

describe('pairToffolis', () => {
  const kinds = (circuit: Circuit) => {
    const { wireCount, interactions } = collectInteractions(circuit);
    return pairToffolis(wireCount, interactions).flatMap((plan) => (plan ? [plan.kind] : []));
  };

  it('takes Margolus gates where the target is used as a control between', () => {
    expect(kinds(new Circuit(5).ccx(0, 1, 2).ccx(2, 3, 4).ccx(0, 1, 2))).toEqual(['margolus', 'margolus']);
    expect(kinds(new Circuit(4).ccx(0, 1, 2).cx(2, 3).cp(0.3, 1, 3).ccx(1, 0, 2))).toHaveLength(2);
  });

  it('takes halves where the target is used in any other way', () => {
    expect(kinds(new Circuit(4).ccx(0, 1, 2).ry(0.3, 2).cx(2, 3).ccx(0, 1, 2))).toEqual(['half', 'half']);
  });

  it('takes no pair where a control is changed, nor across a measurement', () => {
    expect(kinds(new Circuit(4).ccx(0, 1, 2).cx(3, 0).cx(2, 3).ccx(0, 1, 2))).toEqual([]);
    expect(kinds(new Circuit(4, 1).ccx(0, 1, 2).measure(1, 0).cx(2, 3).ccx(0, 1, 2))).toEqual([]);
  });
});

describe('simplifyCliffordRegions', () => {
  const simplified = (circuit: Circuit) =>
    merged(finishAtOnce(simplifyCliffordRegions(collectInteractions(circuit), { beamWidth: 24 })));

  it('finds swaps and permutations that merging does not see', () => {
    // Two rotations of three qubits undo each other.
    const rotate = (circuit: Circuit) => circuit.cx(0, 1).cx(1, 2).cx(2, 0).cx(0, 1).cx(1, 2).cx(2, 0);
    const circuit = rotate(rotate(rotate(rotate(rotate(rotate(rotate(new Circuit(3))))))));
    expect(simplified(circuit)).toBe(0);
  });

  it('halves a Clifford circuit on four qubits', () => {
    const circuit = patternCliffords(4, 60);
    const before = merged(collectInteractions(circuit));
    expect(simplified(circuit)).toBeLessThanOrEqual(before / 2);
    expectSame(
      finishAtOnce(simplifyCliffordRegions(collectInteractions(circuit), { beamWidth: 24 })),
      circuit,
    );
  });
});

describe('resynthesizePhaseRegions', () => {
  const cost = (circuit: Circuit) =>
    merged(finishAtOnce(resynthesizePhaseRegions(collectInteractions(circuit), search)));

  it('makes a dense layer of phases in little more than half of the gates', () => {
    const circuit = new Circuit(8);
    for (let a = 0; a < 8; a++) for (let b = 0; b < a; b++) circuit.rzz(0.1 + a * 0.07 + b * 0.3, a, b);
    expect(merged(collectInteractions(circuit))).toBe(56);
    expect(cost(circuit)).toBe(35);
    expectSame(finishAtOnce(resynthesizePhaseRegions(collectInteractions(circuit), search)), circuit);
  });

  it('makes a QFT of 10 qubits in at most 76 gates instead of 90', () => {
    const circuit = new Circuit(10);
    for (let i = 0; i < 10; i++) {
      circuit.h(i);
      for (let j = i + 1; j < 10; j++) circuit.cp(Math.PI / 2 ** (j - i), j, i);
    }
    expect(merged(collectInteractions(circuit))).toBe(90);
    expect(cost(circuit)).toBeLessThanOrEqual(76);
    expectSame(finishAtOnce(resynthesizePhaseRegions(collectInteractions(circuit), search)), circuit);
  });

  it('keeps free angles free', () => {
    const circuit = new Circuit(5);
    for (let a = 0; a < 5; a++) for (let b = 0; b < a; b++) circuit.rzz(parameter(`g${(a + b) % 3}`), a, b);
    const optimized = finishAtOnce(resynthesizePhaseRegions(collectInteractions(circuit), search));
    expect(optimized.interactions.some(({ angle }) => typeof angle !== 'number')).toBe(true);
    expect(interactionCost(optimized)).toBeLessThan(20);
    expect(synthesisError(circuit, optimized, 'cx')).toBeLessThan(TOLERANCE);
  });
});

function patternCliffords(qubitCount: number, length: number): Circuit {
  const circuit = new Circuit(qubitCount);
  let state = 5;
  const next = (bound: number) => {
    state = (state * 75 + 74) % 65537;
    return state % bound;
  };
  for (let i = 0; i < length; i++) {
    const a = next(qubitCount);
    const b = (a + 1 + next(qubitCount - 1)) % qubitCount;
    circuit.h(a).s(b).cx(a, b);
  }
  return circuit;
}
