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
      { seed: 3, numRuns: 30 },
    );
  });

  it('needs two gates for two free angles on a pair, and three for three', () => {
    const [x, y, z] = ['x', 'y', 'z'].map((name) => parameter(name)) as [never, never, never];
    const start = () => new Circuit(3).u(0.3, 0.4, 0.5, 0).u(1.3, 0.2, 0.5, 1).u(1, 2, 3, 2);
    const cases = [
      [start().rxx(x, 0, 1).ryy(y, 1, 0), 2],
      [start().rzz(x, 0, 1).ryy(y, 1, 0).rxx(z, 0, 1), 3],
      [start().rzx(x, 0, 1).rxx(y, 2, 0).rxx(0.3, 0, 1).ryy(z, 0, 1), 8],
      [start().rzx(x, 0, 1).rzx(y, 1, 0).ryy(0.4, 0, 1).cx(1, 2).rzz(y, 1, 2).rxx(y, 1, 2), 6],
    ] as const;
    for (const [circuit, count] of cases) {
      const merged = mergeInteractions(collectInteractions(circuit), { physical: false });
      expect(countPairs(synthesizeInteractions(merged, { entangler: 'cx' }))).toBeLessThanOrEqual(count);
      for (const entangler of ENTANGLERS) {
        expect(synthesisError(circuit, merged, entangler)).toBeLessThan(TOLERANCE);
      }
    }
  });
});
