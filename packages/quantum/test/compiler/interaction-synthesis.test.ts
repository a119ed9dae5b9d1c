import { Random } from '@qedge/core';
import { Circuit, GATE_NAMES, gateDefinition, parameter } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import { mergeInteractions } from '../../src/compiler/interaction/merge-interactions.ts';
import { synthesizeInteractions } from '../../src/compiler/interaction/synthesize-interactions.ts';
import { randomCircuit, randomGate } from '../../src/testing/random-circuit.ts';
import { synthesisError } from './interaction-equivalence.ts';

/** Overlaps of states after some hundred gates are 1 to about 1e-13. */
const TOLERANCE = 1e-11;
const ENTANGLERS = ['cx', 'cz', 'ecr', 'rzz', 'iswap'] as const;

const countPairs = (circuit: Circuit) =>
  circuit.instructions.filter(({ kind, qubits }) => kind === 'gate' && qubits.length === 2).length;

describe('collectInteractions', () => {
  it.each(GATE_NAMES)('takes %s as it is, on any qubits', (name) => {
    const { qubitCount } = gateDefinition(name);
    for (let seed = 0; seed < 3; seed++) {
      const random = new Random(seed);
      const width = Math.max(2, qubitCount + seed);
      const circuit = new Circuit(width);
      for (let qubit = 0; qubit < width; qubit++) circuit.u(random.uniform(), random.uniform(), 1, qubit);
      circuit.append(randomGate(random, name, width));
      expect(synthesisError(circuit, collectInteractions(circuit), 'cx')).toBeLessThan(TOLERANCE);
    }
  });

  it.each(GATE_NAMES.filter((name) => gateDefinition(name).parameterCount > 0))(
    'keeps free angles of %s',
    (name) => {
      const { qubitCount, parameterCount } = gateDefinition(name);
      const width = Math.max(1, qubitCount);
      const circuit = new Circuit(width);
      const angles = Array.from({ length: parameterCount }, (_, i) => parameter(`a${i}`).times(i + 0.5));
      for (let qubit = 0; qubit < width; qubit++) circuit.u(1 + qubit, 2, 0.5, qubit);
      circuit.gate(name, randomGate(new Random(5), name, width).qubits, angles);
      circuit.gate(name, randomGate(new Random(6), name, width).qubits, angles);
      expect(synthesisError(circuit, collectInteractions(circuit), 'cx')).toBeLessThan(TOLERANCE);
    },
  );

  it('equals the circuit, merged or not, for every entangler', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 30 }),
        fc.constantFrom(...ENTANGLERS),
        (seed, qubits, length, entangler) => {
          const circuit = randomCircuit(new Random(seed), qubits, length);
          const collected = collectInteractions(circuit);
          expect(synthesisError(circuit, collected, entangler)).toBeLessThan(TOLERANCE);
          const merged = mergeInteractions(collected, { physical: false });
          expect(interactionCost(merged)).toBeLessThanOrEqual(interactionCost(collected));
          expect(synthesisError(circuit, merged, entangler)).toBeLessThan(TOLERANCE);
          const gates = synthesizeInteractions(merged, { entangler: 'cx' });
          expect(countPairs(gates)).toBe(interactionCost(merged));
        },
      ),
      { seed: 3, numRuns: 40 },
    );
  });
});
