import { Random } from '@qedge/core';
import { Circuit, parameter } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { type InteractionCircuit, InteractionKind } from '../../src/compiler/interaction/interaction.ts';
import { InteractionBuilder } from '../../src/compiler/interaction/interaction-builder.ts';
import {
  blockMatrix,
  costWithSwap,
  interactionCost,
} from '../../src/compiler/interaction/interaction-cost.ts';
import { mergeInteractions } from '../../src/compiler/interaction/merge-interactions.ts';
import { TwoQubitClass } from '../../src/compiler/interaction/two-qubit-class.ts';
import { randomAngle, randomQubits } from '../../src/testing/random-circuit.ts';
import { synthesisError } from './interaction-equivalence.ts';
import { overlap, randomState, runInteractions } from './interaction-state.ts';

/** Overlaps of states are 1 to about 1e-13 after hundreds of gates. */
const TOLERANCE = 1e-11;

const mergedCost = (circuit: Circuit) =>
  interactionCost(mergeInteractions(collectInteractions(circuit), { physical: false }));

/** Gates between which much commutes, cancels and adds up. */
function commutingCircuit(seed: number, qubits: number, length: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(qubits);
  const names = ['cx', 'cx', 'cz', 'rzz', 'rxx', 'cp', 'swap', 'h', 't', 's', 'rz', 'rx', 'ccz', 'iswap'];
  for (let i = 0; i < length; i++) {
    const name = names[random.integer(qubits > 2 ? names.length : names.length - 2)]!;
    const count = name === 'ccz' ? 3 : ['h', 't', 's', 'rz', 'rx'].includes(name) ? 1 : 2;
    const angles = ['rzz', 'rxx', 'cp', 'rz', 'rx'].includes(name) ? [randomAngle(random)] : [];
    circuit.gate(name, randomQubits(random, qubits, count), angles);
  }
  return circuit;
}

/** Steps on places of a machine with swaps among them, and the circuit they stand for. */
function physicalSteps(seed: number, wireCount: number, length: number): InteractionCircuit {
  const random = new Random(seed);
  const builder = new InteractionBuilder(wireCount, { relabelSwaps: false });
  for (let i = 0; i < length; i++) {
    const [a, b] = randomQubits(random, wireCount, 2) as [number, number];
    const kind = random.integer(4);
    if (kind === 0) builder.swap(a, b);
    else if (kind === 1) builder.rotateAbout(a, [0, 0.6, 0.8], random.normal());
    else builder.core(a, b, [0, 0, 1, 0, 0, 1], kind === 2 ? Math.PI / 4 : random.normal());
  }
  return builder.finish(new Circuit(wireCount));
}

describe('mergeInteractions', () => {
  it.each([
    ['equal neighbours', new Circuit(2).cx(0, 1).cx(0, 1), 0],
    ['cx on either side of what commutes', new Circuit(3).cx(0, 1).cx(0, 2).t(0).sx(2).cx(0, 1), 1],
    ['a ladder and its inverse', new Circuit(4).cx(0, 1).cx(1, 2).cx(2, 3).cx(2, 3).cx(1, 2).cx(0, 1), 0],
    ['three cx that are a swap', new Circuit(2).cx(0, 1).cx(1, 0).cx(0, 1), 0],
    ['rotations about all axes', new Circuit(2).rxx(0.1, 0, 1).ryy(0.2, 0, 1).rzz(0.3, 0, 1), 3],
    ['rotations whose angles cancel', new Circuit(3).rzz(0.7, 0, 1).rzz(0.2, 1, 2).rzz(-0.7, 1, 0), 2],
    ['two of one pair around a gate with other axes', new Circuit(3).cx(0, 1).cx(1, 2).cx(0, 1), 3],
    ['no steps', new Circuit(3), 0],
    ['no wires', new Circuit(0), 0],
    ['one wire', new Circuit(1).h(0).t(0), 0],
  ])('brings down %s', (_, circuit, cost) => {
    expect(mergedCost(circuit)).toBe(cost);
  });

  it('never costs more and does the same, with names for swaps', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 0, max: 60 }),
        fc.boolean(),
        (seed, qubits, length, quick) => {
          const collected = collectInteractions(commutingCircuit(seed, qubits, length));
          const state = randomState(qubits, seed);
          const expected = runInteractions(collected, state);
          const merged = mergeInteractions(collected, { physical: false, quick });
          expect(interactionCost(merged)).toBeLessThanOrEqual(interactionCost(collected));
          expect(overlap(runInteractions(merged, state), expected)).toBeGreaterThan(1 - TOLERANCE);
          const again = mergeInteractions(merged, { physical: false, quick });
          expect(interactionCost(again)).toBeLessThanOrEqual(interactionCost(merged));
        },
      ),
      { seed: 8, numRuns: 70 },
    );
  });

  it('keeps every qubit on its wire where wires are places', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 0, max: 60 }),
        (seed, wireCount, length) => {
          const routed = physicalSteps(seed, wireCount, length);
          const state = randomState(wireCount, seed);
          const merged = mergeInteractions(routed, { physical: true });
          expect([...merged.wireOfQubit]).toEqual([...new Array(wireCount).keys()]);
          expect(interactionCost(merged)).toBeLessThanOrEqual(interactionCost(routed));
          const pairs = new Set(routed.interactions.map(({ wires }) => wires.toSorted().join()));
          for (const { wires } of merged.interactions) expect(pairs).toContain(wires.toSorted().join());
          expect(overlap(runInteractions(merged, state), runInteractions(routed, state))).toBeGreaterThan(
            1 - TOLERANCE,
          );
        },
      ),
      { seed: 9, numRuns: 70 },
    );
  });

  it('adds free angles of rotations about the same axes, and drops what cancels', () => {
    const theta = parameter('theta');
    const circuit = new Circuit(2).rz(theta, 0).rzz(theta, 0, 1).h(0).h(0).t(0).rz(theta.times(2), 0);
    circuit.rzz(theta, 1, 0).rx(theta, 1).rx(theta.times(-1), 1);
    const merged = mergeInteractions(collectInteractions(circuit), { physical: false });
    expect(merged.interactions.map(({ kind }) => kind)).toEqual([
      InteractionKind.rotation,
      InteractionKind.core,
    ]);
    expect(synthesisError(circuit, merged, 'cx')).toBeLessThan(TOLERANCE);
  });

  it('makes one core of a free rotation between two cx', () => {
    const theta = parameter('theta');
    const circuit = new Circuit(3).u(0.3, 0.4, 0.5, 0).h(1).cx(0, 1).rz(theta, 1).cx(0, 1).t(0).sx(1);
    circuit.cz(1, 2).rx(theta.times(2), 1).cz(2, 1).ry(0.4, 2);
    const merged = mergeInteractions(collectInteractions(circuit), { physical: false });
    expect(merged.interactions.map(({ kind, cost }) => [kind, cost])).toEqual([
      [InteractionKind.core, 2],
      [InteractionKind.core, 2],
    ]);
    expect(synthesisError(circuit, merged, 'cx')).toBeLessThan(TOLERANCE);
  });

  it('keeps circuits with free angles the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 2, max: 5 }), (seed, qubits) => {
        const random = new Random(seed);
        const circuit = new Circuit(qubits);
        for (let i = 0; i < 40; i++) {
          const name = ['cx', 'cx', 'cz', 'rz', 'rx', 'rzz', 'h', 't', 'swap', 'p'][random.integer(10)]!;
          const own = randomQubits(random, qubits, ['cx', 'cz', 'rzz', 'swap'].includes(name) ? 2 : 1);
          const free = parameter(`a${random.integer(2)}`).times(random.integer(2) + 0.5);
          circuit.gate(name, own, ['rz', 'rx', 'rzz', 'p'].includes(name) ? [free] : []);
        }
        const merged = mergeInteractions(collectInteractions(circuit), { physical: false });
        expect(synthesisError(circuit, merged, 'cx')).toBeLessThan(TOLERANCE);
      }),
      { seed: 10, numRuns: 25 },
    );
  });

  it('lets nothing pass a barrier', () => {
    expect(mergedCost(new Circuit(2).cx(0, 1).barrier(0).cx(0, 1))).toBe(2);
    expect(mergedCost(new Circuit(3).cx(0, 1).barrier(2).cx(0, 1))).toBe(0);
  });

  it('stays exact over 5,000 gates', () => {
    const circuit = commutingCircuit(11, 5, 5000);
    const merged = mergeInteractions(collectInteractions(circuit), { physical: false });
    const repeated = mergeInteractions(mergeInteractions(merged, { physical: true }), { physical: true });
    expect(synthesisError(circuit, repeated, 'cz')).toBeLessThan(1e-10);
  });
});

describe('costs of steps', () => {
  it('are those of their matrices', () => {
    const { interactions } = physicalSteps(5, 4, 60);
    for (const step of interactions) {
      const found = new TwoQubitClass().classify(blockMatrix(step));
      expect(step.cost).toBe(found.cost);
      expect(costWithSwap(step)).toBe(found.costWithSwap);
    }
  });

  it('need numbers', () => {
    const { interactions } = collectInteractions(new Circuit(2).rzz(parameter('a'), 0, 1).measureAll());
    for (const step of interactions) expect(() => blockMatrix(step)).toThrow(/no two-qubit matrix/);
  });
});
